import type { FileHandle } from 'node:fs/promises';
import { Refusal } from '@sotto/wire';
import { BLOB_CHECKPOINT_BYTES } from '../limits.ts';
import type { BlobWriter } from '../ports/blobs.ts';
import { Refused } from '../refused.ts';
import { codeOf } from './blob-files.ts';
import { storageFull } from './blob-rows.ts';

/** No room left, on the disk or for this user on it. */
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

export interface PartWriterOptions {
  readonly file: FileHandle;
  readonly offset: number;
  readonly length: number;
  /** Writes down that so many bytes are on disk. */
  readonly advance: (stored: number) => Promise<boolean>;
  readonly onClosed: () => void;
}

/**
 * A part on its way to disk. Its bytes become durable every few megabytes while the next ones arrive, so a connection
 * that breaks costs little and a long part is not fsynced at its end only.
 */
export class PartWriter implements BlobWriter {
  readonly #options: PartWriterOptions;
  readonly #ending = new AbortController();
  readonly #closed = Promise.withResolvers<void>();
  #written: number;
  #durable: number;
  #checkpoint: Promise<void> | null = null;
  #failure: unknown;

  constructor(options: PartWriterOptions) {
    this.#options = options;
    this.#written = options.offset;
    this.#durable = options.offset;
  }

  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  get room(): number {
    return this.#options.length - this.#written;
  }

  /** Resolves when nobody writes here any more. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Another one takes its place. */
  abort(): void {
    this.#ending.abort(new Refused(Refusal.CONFLICT, 'another part has taken this one’s place'));
  }

  async write(chunks: readonly Uint8Array[]): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    if (bytes > this.room) throw new Refused(Refusal.RANGE, 'more bytes than the blob was said to have');
    try {
      await writeAll(this.#options.file, chunks, bytes, this.#written);
    } catch (error) {
      this.#failure = coded(error);
      throw this.#failure;
    }
    this.#written += bytes;
    if (this.#written - this.#durable >= BLOB_CHECKPOINT_BYTES && this.#checkpoint === null) {
      this.#checkpoint = this.#makeDurable()
        .catch((error: unknown) => {
          this.#failure = error;
        })
        .finally(() => {
          this.#checkpoint = null;
        });
    }
  }

  async finish(): Promise<number> {
    try {
      await this.#checkpoint;
      if (this.#written > this.#durable || this.#options.length === 0) await this.#makeDurable();
      return this.#durable;
    } finally {
      await this.#options.file.close().catch(() => undefined);
      this.#options.onClosed();
      this.#closed.resolve();
    }
  }

  async #makeDurable(): Promise<void> {
    const upTo = this.#written;
    try {
      await this.#options.file.datasync();
    } catch (error) {
      throw coded(error);
    }
    if (!(await this.#options.advance(upTo))) throw new Refused(Refusal.NOT_FOUND, 'the blob was removed meanwhile');
    this.#durable = upTo;
  }
}

async function writeAll(file: FileHandle, chunks: readonly Uint8Array[], bytes: number, at: number): Promise<void> {
  const { bytesWritten } = await file.writev(chunks as Uint8Array[], at);
  if (bytesWritten === bytes) return;
  // A short write is how a full disk announces itself; the next one says so.
  const rest = Buffer.concat(chunks).subarray(bytesWritten);
  for (let done = 0; done < rest.length;) {
    done += (await file.write(rest, done, rest.length - done, at + bytesWritten + done)).bytesWritten;
  }
}

/** A failure of the disk as callers hear of it. */
export function coded(error: unknown): Refused {
  if (error instanceof Refused) return error;
  if (FULL.has(codeOf(error))) return storageFull(error);
  return new Refused(Refusal.UNAVAILABLE, 'the gateway cannot store right now', { cause: error });
}
