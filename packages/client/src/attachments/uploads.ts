import { GatewayApiError } from '@sotto/gateway-api';
import type { GatewayApiErrorCode, GatewayTransport } from '@sotto/gateway-api';
import { blobOwnerOf } from '@sotto/wire';
import { StoredFile_State, StoredMessage_State } from '@sotto/wire/stored';
import type { StoredFile } from '@sotto/wire/stored';
import { tellUpdated } from '../conversations/tell.ts';
import { Alarm } from '../core/alarm.ts';
import { sha256 } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { backoffMs } from '../outbox/backoff.ts';
import { note, removeOutbound, setState } from '../outbox/rows.ts';
import type { MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { messageRef } from '../store/refs.ts';
import { files as table, messages, outbounds } from '../store/tables.ts';
import type { ReasonCode } from '../trail/reasons.ts';
import type { SealedFiles } from './files.ts';
import { progressOf } from './progress.ts';
import { fileKey, isUploading, putFile } from './rows.ts';

/** Files on their way at once; the smallest first, so that a voice note does not wait for a film. */
const AT_ONCE = 3;
/** Bytes read from a file at once. */
const PIECE_BYTES = 512 * 1024;
/** Parts of one blob in a row that may break off, or turn out to begin elsewhere, before there is a pause. */
const PARTS = 4;

interface Pause {
  readonly attempts: number;
  /** Unix ms. */
  readonly at: number;
}

/**
 * Brings sealed files to the gateway, and takes back those of deleted messages. Rows are the truth: what is done is
 * looked up anew each time, so a crash, a restart of the gateway or a lost connection costs the last few megabytes.
 */
export class Uploads {
  readonly #core: Core;
  readonly #transport: GatewayTransport;
  readonly #files: SealedFiles;
  readonly #running = new Set<string>();
  readonly #pauses = new Map<string, Pause>();
  readonly #alarm: Alarm;

  constructor(core: Core, transport: GatewayTransport, files: SealedFiles) {
    this.#core = core;
    this.#transport = transport;
    this.#files = files;
    this.#alarm = new Alarm(core, () => this.check());
    core.bells.on('files', () => this.check());
  }

  /** The gateway can be reached again. */
  online(): void {
    this.#pauses.clear();
    this.check();
  }

  close(): void {
    this.#alarm.clear();
  }

  /** Starts what is to be done and can be. */
  check(): void {
    if (this.#core.background.closing) return;
    const rows = this.#core.ledger.read((read) => table.find(read, 'work', 'yes'));
    const now = this.#core.clock.now();
    const waiting = rows
      .filter(({ key }) => !this.#running.has(key))
      .toSorted((a, b) => Number(a.row.sealedSize - b.row.sealedSize));
    for (const { key, row } of waiting) {
      const pause = this.#pauses.get(key);
      if (pause !== undefined && pause.at > now) this.#alarm.set(pause.at);
      else if (this.#running.size < AT_ONCE) this.#start(key, row);
    }
  }

  #start(key: string, row: StoredFile): void {
    this.#running.add(key);
    this.#core.background.start(async (signal) => {
      try {
        if (row.state === StoredFile_State.REMOVING) await this.#remove(row, signal);
        else await this.#upload(row, signal);
        this.#pauses.delete(key);
      } catch (cause) {
        if (!signal.aborted) this.#failed(key, row, cause);
      } finally {
        this.#running.delete(key);
      }
      this.check();
    });
  }

  async #upload(row: StoredFile, signal: AbortSignal): Promise<void> {
    const message = messageRef(row.message);
    if (this.#core.ledger.read((read) => outbounds.get(read, message)) === null) return this.#keep(row, message);
    const length = Number(row.sealedSize);
    if ((await this.#files.size(row.name)) !== length) return this.#giveUp(row, 'upload-lost');
    const blobs = this.#transport.blobs(row.gateway);
    const transfer = { message, index: row.index, direction: 'up' } as const;
    const onProgress = progressOf(this.#core, transfer, length);
    const owner = blobOwnerOf(row.owner, (...parts) => sha256(this.#core, ...parts));
    for (let part = 0; ; part++) {
      const { offset } = await this.#transport.device.beginBlob({ blob: row.blob, owner, length }, { signal });
      if (offset === length) return this.#keep(row, message);
      const source = this.#files.read(row.name, offset, PIECE_BYTES);
      const rest = { blob: row.blob, owner: row.owner, offset, length: length - offset, source };
      try {
        if ((await blobs.append(rest, { signal, onProgress })) === length) return this.#keep(row, message);
      } catch (cause) {
        if (!(cause instanceof GatewayApiError && GOES_ON.has(cause.code)) || part >= PARTS) throw cause;
      }
    }
  }

  /** It is at the gateway, or nobody waits for it any more. With its last attachment a message may leave. */
  #keep(row: StoredFile, message: MessageRef): void {
    this.#core.ledger.commit((tx) => {
      const now = table.get(tx.write, fileKey(message, row.index));
      // Deleted meanwhile.
      if (now === null || now.state !== StoredFile_State.UPLOADING) return;
      putFile(tx, { ...now, state: StoredFile_State.KEPT });
      const outbound = outbounds.get(tx.write, message);
      if (outbound?.afterUpload === true && !isUploading(tx.write, message)) {
        outbound.afterUpload = false;
        outbounds.put(tx.write, message, outbound);
        note(tx, this.#core, message, 'uploaded');
        tx.ring('uploaded', message);
      }
      this.#tell(tx, message);
    });
  }

  async #remove(row: StoredFile, signal: AbortSignal): Promise<void> {
    try {
      await this.#transport.blobs(row.gateway).remove({ blob: row.blob, owner: row.owner }, { signal });
    } catch (cause) {
      if (!(cause instanceof GatewayApiError && cause.code === 'not-found')) throw cause;
    }
    this.#core.ledger.commit((tx) => table.delete(tx.write, fileKey(messageRef(row.message), row.index)));
  }

  #failed(key: string, row: StoredFile, cause: unknown): void {
    const code = cause instanceof GatewayApiError ? cause.code : null;
    if (code === 'too-large' || code === 'conflict') return this.#giveUp(row, 'upload-refused');
    if (code === null || !ORDINARY.has(code)) this.#core.background.report(cause);
    if (row.state === StoredFile_State.UPLOADING) this.#explain(row, reasonFor(code));
    const attempts = (this.#pauses.get(key)?.attempts ?? 0) + 1;
    const { retryBaseMs: baseMs, retryMostMs: mostMs } = this.#core.settings;
    const retryAfterMs = cause instanceof GatewayApiError ? (cause.retryAfterMs ?? 0) : 0;
    const wait = Math.max(backoffMs(attempts, { baseMs, mostMs, random: this.#core.random() }), retryAfterMs);
    this.#pauses.set(key, { attempts, at: this.#core.clock.now() + wait });
  }

  /** Why the message still waits, where that has changed. */
  #explain(row: StoredFile, reason: ReasonCode): void {
    const message = messageRef(row.message);
    this.#core.ledger.commit((tx) => {
      const outbound = outbounds.get(tx.write, message);
      if (outbound === null || outbound.reason === reason) return;
      outbound.reason = reason;
      outbounds.put(tx.write, message, outbound);
      note(tx, this.#core, message, reason);
      this.#tell(tx, message);
    });
  }

  /** The message can never leave as it is. */
  #giveUp(row: StoredFile, reason: ReasonCode): void {
    const message = messageRef(row.message);
    this.#core.ledger.commit((tx) => {
      const now = table.get(tx.write, fileKey(message, row.index));
      if (now === null || now.state !== StoredFile_State.UPLOADING) return;
      putFile(tx, { ...now, state: reason === 'upload-lost' ? StoredFile_State.GONE : StoredFile_State.KEPT });
      if (outbounds.get(tx.write, message) === null) return;
      note(tx, this.#core, message, reason);
      setState(tx, this.#core, message, StoredMessage_State.FAILED);
      removeOutbound(tx, message);
      tx.ring('outbound', message);
    });
  }

  #tell(tx: Tx, message: MessageRef): void {
    const row = messages.get(tx.write, message);
    if (row !== null) tellUpdated(tx, this.#core, row);
  }
}

/** A half upload that was swept, or a part that another one overtook: asking again says where to go on. */
const GOES_ON: ReadonlySet<GatewayApiErrorCode> = new Set(['not-found', 'range', 'unreachable']);

/** Told to whoever waits for the message, and no problem of this program. */
const ORDINARY: ReadonlySet<GatewayApiErrorCode> = new Set([
  'quota',
  'storage-full',
  'rate-limited',
  'unavailable',
  'unreachable',
  'deadline',
  'closed',
  'aborted',
]);

function reasonFor(code: GatewayApiErrorCode | null): ReasonCode {
  if (code === 'quota') return 'upload-quota';
  if (code === 'storage-full') return 'upload-storage-full';
  return 'waiting-upload';
}
