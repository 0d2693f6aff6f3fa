import type { GatewayTransport } from '@sotto/gateway-api';
import { StoredFile_State } from '@sotto/wire/stored';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import type { MessageRef } from '../refs.ts';
import { files as table } from '../store/tables.ts';
import { Downloads } from './downloads.ts';
import type { LocalFile } from './downloads.ts';
import type { SealedFiles } from './files.ts';
import { openFile } from './open-file.ts';
import { attachmentOf, fileKey, filesOf } from './rows.ts';
import { saveFile } from './save.ts';
import { mayBeShown, sniff, SNIFF_BYTES } from './sniff.ts';
import { dropStaged, stageFiles, storing } from './staging.ts';
import type { StagedFile } from './staging.ts';
import type { AttachmentInfo, DownloadOptions, OutgoingAttachment, SavedAttachment, TransferOptions } from './types.ts';
import { Uploads } from './uploads.ts';
import { viewAttachment } from './view.ts';

const TOKEN_BYTES = 8;

/** Files of messages: copied in and sealed, brought to gateways, fetched, verified, shown and saved. */
export class Attachments {
  readonly #core: Core;
  readonly #files: SealedFiles | null;
  readonly #uploads: Uploads | null;
  readonly #downloads: Downloads | null;

  constructor(core: Core, transport: GatewayTransport, files: SealedFiles | null) {
    this.#core = core;
    this.#files = files;
    this.#uploads = files === null ? null : new Uploads(core, transport, files);
    this.#downloads = files === null ? null : new Downloads(core, transport, files);
    core.bells.on('file-dropped', (name) => this.#drop(name));
  }

  /** Before anything is staged: what it finds without a row is nobody's. */
  async open(): Promise<void> {
    await this.#sweep();
    this.#uploads?.check();
  }

  online(): void {
    this.#uploads?.online();
  }

  close(): void {
    this.#uploads?.close();
  }

  /** See `stageFiles`. */
  stage(attachments: readonly OutgoingAttachment[], text: string): Promise<StagedFile[]> {
    return stageFiles(this.#core, this.#need(this.#files), { attachments, text }, this.#core.background.signal);
  }

  /**
   * What was staged for a message that came to nothing. Whatever failed: a file that a row names after all stays, and
   * what cannot be looked up now is found at the next start.
   */
  async unstage(staged: readonly StagedFile[]): Promise<void> {
    if (this.#files === null) return;
    const known = this.#names();
    await dropStaged(
      this.#files,
      staged.filter(({ name }) => !known.has(name)),
    );
  }

  info(message: MessageRef, index: number): AttachmentInfo {
    return this.#core.ledger.read((read) => {
      const attachment = attachmentOf(read, message, index);
      if (attachment === null) throw new MessengerError('not_found', 'no such attachment');
      return viewAttachment(attachment, index, filesOf(read, message));
    });
  }

  async fetch(message: MessageRef, index: number, options: TransferOptions): Promise<void> {
    await this.#need(this.#downloads).get(message, index, options);
  }

  async *read(message: MessageRef, index: number, options: TransferOptions): AsyncGenerator<Uint8Array> {
    const local = await this.#need(this.#downloads).get(message, index, options);
    yield* this.#opened(local, options);
  }

  async *show(message: MessageRef, index: number, options: TransferOptions): AsyncGenerator<Uint8Array> {
    const local = await this.#need(this.#downloads).get(message, index, options);
    const { contentType } = local.attachment;
    let isFirst = true;
    for await (const piece of this.#opened(local, options)) {
      if (isFirst && !mayBeShown(piece.subarray(0, SNIFF_BYTES), contentType)) {
        throw new MessengerError('attachment_mismatch', 'the attachment is not safe to show');
      }
      isFirst = false;
      yield piece;
    }
    if (isFirst) throw new MessengerError('attachment_mismatch', 'the attachment is empty');
  }

  async download(message: MessageRef, index: number, to: string, options: DownloadOptions): Promise<SavedAttachment> {
    const local = await this.#need(this.#downloads).get(message, index, options);
    const { name } = this.info(message, index);
    const seen = { contentType: sniff(new Uint8Array(0)) };
    const token = Buffer.from(this.#core.provider.random(TOKEN_BYTES)).toString('hex');
    const bytes = this.#watched(this.#opened(local, options), seen);
    const path = await storing(() => saveFile({ to, name, overwrite: options.overwrite ?? false, token, bytes }));
    await this.#letGo(message, index, local);
    const { contentType } = seen;
    return { path, contentType, asDescribed: contentType === local.attachment.contentType };
  }

  async *#opened({ blob, name }: LocalFile, { signal }: TransferOptions): AsyncGenerator<Uint8Array> {
    const aborting = this.#core.background.until(signal === undefined ? {} : { signal });
    const files = this.#need(this.#files);
    const size = Number(blob.size);
    const sealedSize = Number(blob.sealedSize);
    for await (const piece of openFile(this.#core.provider, { files, name, key: blob.key, size, sealedSize })) {
      if (aborting.aborted) throw new MessengerError('aborted', 'the call was aborted', { cause: aborting.reason });
      yield piece;
    }
  }

  async *#watched(pieces: AsyncIterable<Uint8Array>, seen: { contentType: string }): AsyncGenerator<Uint8Array> {
    let isFirst = true;
    for await (const piece of pieces) {
      if (isFirst) seen.contentType = sniff(piece.subarray(0, SNIFF_BYTES));
      isFirst = false;
      yield piece;
    }
  }

  /** A large file that a person has saved is not kept twice. */
  async #letGo(message: MessageRef, index: number, { blob, name }: LocalFile): Promise<void> {
    if (Number(blob.sealedSize) <= this.#core.settings.keepAttachmentBytes) return;
    const isDropped = this.#core.ledger.commit((tx) => {
      const row = table.get(tx.write, fileKey(message, index));
      if (row === null || row.state !== StoredFile_State.KEPT || row.owner.length > 0) return false;
      table.delete(tx.write, fileKey(message, index));
      return true;
    });
    if (isDropped) await this.#need(this.#files).remove(name);
  }

  #drop(name: string): void {
    this.#core.background.start(async () => this.#files?.remove(name));
  }

  /** Files that no row names: what a crash left between a file and its row. */
  async #sweep(): Promise<void> {
    if (this.#files === null) return;
    const found = await this.#files.list();
    const known = this.#names();
    for (const name of found) if (!known.has(name)) await this.#files.remove(name);
  }

  #names(): ReadonlySet<string> {
    return new Set(this.#core.ledger.read((read) => table.all(read)).map(({ row }) => row.name));
  }

  #need<T>(part: T | null): T {
    if (part === null) throw new MessengerError('storage', 'this messenger has no folder for attachments');
    return part;
  }
}
