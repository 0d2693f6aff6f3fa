import { create } from '@bufbuild/protobuf';
import type { Hashing } from '@sotto/crypto';
import { GatewayApiError } from '@sotto/gateway-api';
import type { GatewayTransport } from '@sotto/gateway-api';
import type { Attachment, SealedBlob } from '@sotto/wire';
import { StoredFile_State, StoredFileSchema } from '@sotto/wire/stored';
import type { StoredFile } from '@sotto/wire/stored';
import { tellUpdated } from '../conversations/tell.ts';
import { KeyedQueue } from '../core/keyed-queue.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import type { MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { messageOf } from '../store/refs.ts';
import { files as table, messages } from '../store/tables.ts';
import type { FileSink, SealedFiles } from './files.ts';
import { addressOf } from './keys.ts';
import { damaged } from './open-file.ts';
import { progressOf } from './progress.ts';
import { attachmentOf, fileKey, putFile } from './rows.ts';
import { storing } from './staging.ts';
import type { TransferOptions } from './types.ts';

const NAME_BYTES = 16;
/** Bytes gathered before they are written, and read at once. */
const PIECE_BYTES = 256 * 1024;

/** An attachment that is whole on this device. */
export interface LocalFile {
  readonly attachment: Attachment;
  readonly blob: SealedBlob;
  /** Of its file. */
  readonly name: string;
}

/** Brings attachments to this device, sealed as they travelled, and checks them whole. */
export class Downloads {
  readonly #core: Core;
  readonly #transport: GatewayTransport;
  readonly #files: SealedFiles;
  readonly #queue = new KeyedQueue();

  constructor(core: Core, transport: GatewayTransport, files: SealedFiles) {
    this.#core = core;
    this.#transport = transport;
    this.#files = files;
  }

  /** The file, fetched unless it is here. Two who want the same one wait for each other. */
  async get(message: MessageRef, index: number, options: TransferOptions): Promise<LocalFile> {
    return this.#queue.run(fileKey(message, index), () => storing(() => this.#get(message, index, options)));
  }

  async #get(message: MessageRef, index: number, options: TransferOptions): Promise<LocalFile> {
    const { attachment, row } = this.#core.ledger.read((read) => ({
      attachment: attachmentOf(read, message, index),
      row: table.get(read, fileKey(message, index)),
    }));
    const blob = attachment?.blob;
    if (attachment === null || blob === undefined) throw new MessengerError('not_found', 'no such attachment');
    const sealedSize = Number(blob.sealedSize);
    if (row !== null && (await this.#isWhole(row, sealedSize))) return { attachment, blob, name: row.name };
    if (row?.state === StoredFile_State.GONE) throw gone();
    const name = row?.name ?? Buffer.from(this.#core.provider.random(NAME_BYTES)).toString('hex');
    this.#write({ message, index, blob, name, state: StoredFile_State.FETCHING });
    await this.#fetch({ message, index, blob, name }, options);
    if (!this.#write({ message, index, blob, name, state: StoredFile_State.KEPT })) {
      await this.#files.remove(name);
      throw new MessengerError('not_found', 'the message was deleted meanwhile');
    }
    return { attachment, blob, name };
  }

  async #isWhole({ state, name }: StoredFile, sealedSize: number): Promise<boolean> {
    if (state !== StoredFile_State.KEPT && state !== StoredFile_State.UPLOADING) return false;
    return (await this.#files.size(name)) === sealedSize;
  }

  async #fetch(job: Job, options: TransferOptions): Promise<void> {
    try {
      const isResumed = await this.#transfer(job, options);
      if (isResumed !== 'damaged') return;
      // What was kept of an earlier try may be what is wrong.
      await this.#files.remove(job.name);
      if ((await this.#transfer(job, options)) !== 'damaged') return;
      await this.#files.remove(job.name);
      throw damaged();
    } catch (cause) {
      if (!(cause instanceof GatewayApiError && cause.code === 'not-found')) throw cause;
      await this.#files.remove(job.name);
      this.#write({ ...job, state: StoredFile_State.GONE });
      throw gone(cause);
    }
  }

  /** `damaged`: the bytes are there and are not those that were sent. */
  async #transfer({ message, index, blob, name }: Job, options: TransferOptions): Promise<'whole' | 'damaged'> {
    const { provider, background } = this.#core;
    const total = Number(blob.sealedSize);
    const hash = provider.hashing('sha256');
    const here = await this.#rehash(name, hash, total);
    const sink = here === 0 ? await this.#anew(name) : await this.#files.append(name, here);
    const signal = background.until(options);
    const tell = progressOf(this.#core, { message, index, direction: 'down' }, total, options.onProgress);
    const gather = new Gather(sink, hash);
    let isFinished = false;
    try {
      if (here < total) {
        const request = { ...addressOf(provider, blob.key), from: here };
        const body = await this.#transport.blobs(blob.gateway).fetch(request, { signal, onProgress: tell });
        let at = here;
        // Not one byte more than was announced is taken.
        if (body.length === total) {
          for await (const piece of body.bytes) {
            at += piece.length;
            if (at > total) break;
            await gather.push(piece);
          }
        }
        if (at !== total) return 'damaged';
      }
      await gather.flush();
      isFinished = true;
      await sink.finish();
      return provider.equal(hash.digest(), blob.sha256) ? 'whole' : 'damaged';
    } finally {
      // What came is kept for the next call.
      if (!isFinished)
        await gather.flush().then(
          () => sink.leave(),
          () => sink.leave(),
        );
    }
  }

  async #anew(name: string): Promise<FileSink> {
    await this.#files.remove(name);
    return this.#files.create(name);
  }

  /** Takes up what an earlier call left. */
  async #rehash(name: string, hash: Hashing, total: number): Promise<number> {
    const size = (await this.#files.size(name)) ?? 0;
    if (size === 0 || size > total) return 0;
    for await (const piece of this.#files.read(name, 0, PIECE_BYTES, 'lent')) hash.update(piece);
    return size;
  }

  /** False: the message is not there any more, and nothing was written. */
  #write({ message, index, blob, name, state }: Job & { readonly state: StoredFile_State }): boolean {
    return this.#core.ledger.commit((tx) => {
      if (attachmentOf(tx.write, message, index) === null) return false;
      const known = table.get(tx.write, fileKey(message, index));
      if (known?.state === state) return true;
      const row = known ?? create(StoredFileSchema, { message: messageOf(message), index });
      const { blob: id } = addressOf(this.#core.provider, blob.key);
      const storedAt = BigInt(this.#core.clock.now());
      const { gateway, sealedSize } = blob;
      putFile(tx, { ...row, name, state, gateway, blob: id, sealedSize, storedAt });
      this.#tell(tx, message);
      return true;
    });
  }

  #tell(tx: Tx, message: MessageRef): void {
    const row = messages.get(tx.write, message);
    if (row !== null) tellUpdated(tx, this.#core, row);
  }
}

interface Job {
  readonly message: MessageRef;
  readonly index: number;
  readonly blob: SealedBlob;
  readonly name: string;
}

/** Small pieces of a connection as larger writes: each write is a trip to another thread. */
class Gather {
  readonly #sink: FileSink;
  readonly #hash: Hashing;
  #pieces: Uint8Array[] = [];
  #bytes = 0;

  constructor(sink: FileSink, hash: Hashing) {
    this.#sink = sink;
    this.#hash = hash;
  }

  async push(piece: Uint8Array): Promise<void> {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    if (this.#bytes >= PIECE_BYTES) await this.flush();
  }

  async flush(): Promise<void> {
    if (this.#bytes === 0) return;
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#bytes = 0;
    for (const piece of pieces) this.#hash.update(piece);
    await this.#sink.write(...pieces);
  }
}

function gone(cause?: unknown): MessengerError {
  return new MessengerError('attachment_gone', 'the gateway has the attachment no more', { cause });
}
