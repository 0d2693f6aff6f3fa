import { Refusal } from '@sotto/wire';
import { every } from '../clock.ts';
import type { Clock } from '../clock.ts';
import type { Limits } from '../limits.ts';
import type { Blobs, BlobOrder, BlobState, BlobWriter } from '../ports/blobs.ts';
import type { DeviceRef } from '../ports/types.ts';
import { Refused } from '../refused.ts';
import type { BlobFiles } from './blob-files.ts';
import { storageFull } from './blob-rows.ts';
import type { BlobRows } from './blob-rows.ts';
import { coded, PartWriter } from './blob-writer.ts';
import type { GroupCommit } from './group-commit.ts';

const SWEEP_MS = 60_000;
/** Blobs removed between two looks at the database. */
const SWEPT_AT_ONCE = 100;

/**
 * Blobs in a folder, with one row each. A row is written before its file is made and deleted after its file is gone, so
 * every file has a row, whenever the power fails; a row says how much of its file is durable, and only that is ever read.
 */
export class EmbeddedBlobs implements Blobs {
  readonly #rows: BlobRows;
  readonly #files: BlobFiles;
  readonly #commits: GroupCommit;
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #writers = new Map<string, PartWriter>();
  /** Blobs whose file is being opened or removed. */
  readonly #busy = new Set<string>();
  readonly #stop: () => void;
  #sweptHour: number | undefined;
  #sweeping: Promise<void> | undefined;

  constructor(parts: { rows: BlobRows; files: BlobFiles; commits: GroupCommit; clock: Clock; limits: Limits }) {
    this.#rows = parts.rows;
    this.#files = parts.files;
    this.#commits = parts.commits;
    this.#clock = parts.clock;
    this.#limits = parts.limits;
    // A failing disk is reported by the commit itself; the next sweep tries again.
    this.#stop = every(this.#clock, SWEEP_MS, () => void this.sweep().catch(() => undefined));
  }

  async begin(device: DeviceRef, order: BlobOrder): Promise<BlobState> {
    await this.#quiet(order.blob);
    // The disk is not this program's alone: its last gigabyte is the database's.
    const free = await this.#files.free();
    if (order.length > free - this.#limits.blobFreeBytes && this.#rows.find(order.blob, this.#now()) === null) {
      throw storageFull();
    }
    return this.#commits.run(() => this.#rows.begin(device, order, this.#now()));
  }

  async settled(blob: Uint8Array): Promise<BlobState | null> {
    await this.#quiet(blob);
    return this.find(blob);
  }

  find(blob: Uint8Array): Promise<BlobState | null> {
    return Promise.resolve(this.#rows.find(blob, this.#now()));
  }

  async write(blob: Uint8Array, offset: number): Promise<BlobWriter> {
    const key = keyOf(blob);
    await this.#quiet(blob);
    const state = this.#rows.find(blob, this.#now());
    if (state === null) throw notFound();
    if (state.offset !== offset) throw new Refused(Refusal.RANGE, 'the blob does not end there');
    this.#reserve(key);
    try {
      const file = await this.#files.openAt(blob, offset);
      const writer = new PartWriter({
        file,
        offset,
        length: state.length,
        advance: (stored) => this.#commits.run(() => this.#rows.advance(blob, stored, this.#now())),
        onClosed: () => {
          if (this.#writers.get(key) === writer) this.#writers.delete(key);
        },
      });
      this.#writers.set(key, writer);
      return writer;
    } catch (error) {
      throw coded(error);
    } finally {
      this.#busy.delete(key);
    }
  }

  async read(blob: Uint8Array, first: number, last: number): Promise<AsyncIterable<Uint8Array>> {
    const state = this.#rows.find(blob, this.#now());
    if (state === null || state.offset < state.length) throw notFound();
    const bytes = await this.#files.read(blob, first, last);
    if (bytes === null) throw notFound();
    return bytes;
  }

  async remove(blob: Uint8Array): Promise<void> {
    await this.#quiet(blob);
    const key = keyOf(blob);
    this.#reserve(key);
    try {
      await this.#files.remove(blob);
      await this.#commits.run(() => this.#rows.remove(blob));
    } finally {
      this.#busy.delete(key);
    }
  }

  /** Removes what is over, half uploads too. */
  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweep().finally(() => {
      this.#sweeping = undefined;
    });
    return this.#sweeping;
  }

  async #sweep(): Promise<void> {
    const hour = Math.floor(this.#now() / 3600);
    if (hour === this.#sweptHour) return;
    for (;;) {
      const blobs = this.#rows.expired(this.#now(), SWEPT_AT_ONCE);
      for (const blob of blobs) await this.remove(blob);
      if (blobs.length < SWEPT_AT_ONCE) break;
    }
    await this.#commits.run(() => this.#rows.forgetDaysBefore(this.#now()));
    this.#sweptHour = hour;
  }

  stop(): void {
    this.#stop();
  }

  /** Two that open or remove one file at once would undo each other. */
  #reserve(key: string): void {
    if (this.#busy.has(key) || this.#writers.has(key)) {
      throw new Refused(Refusal.UNAVAILABLE, 'the blob is busy', { retryAfterMs: 1000 });
    }
    this.#busy.add(key);
  }

  /** Ends whoever writes it now. */
  async #quiet(blob: Uint8Array): Promise<void> {
    const writer = this.#writers.get(keyOf(blob));
    writer?.abort();
    await writer?.closed;
  }

  #now(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}

function notFound(): Refused {
  return new Refused(Refusal.NOT_FOUND, 'there is no such blob');
}

function keyOf(blob: Uint8Array): string {
  return Buffer.from(blob).toString('latin1');
}
