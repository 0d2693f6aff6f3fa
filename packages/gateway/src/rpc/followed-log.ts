import type { LogListener, LogPage, StoredEntry } from '../ports/group-logs.ts';

/** One log of a stream that follows several. */
export class FollowedLog implements LogListener {
  readonly log: Uint8Array;
  /** Position of the last entry handed to the stream. */
  cursor: number;
  /** Nobody has looked yet whether there is such a log. */
  fresh = true;
  caughtUp = false;
  /** A page is being read; what is appended meanwhile may or may not be in it. */
  reading = false;
  missed = false;
  /** Not followed any more. */
  over = false;
  stopListening: (() => void) | undefined;
  readonly #onRecord: (followed: FollowedLog, record: StoredEntry) => void;
  /** Last position when the following began. */
  #target = 0;

  constructor(log: Uint8Array, after: number, onRecord: (followed: FollowedLog, record: StoredEntry) => void) {
    this.log = log;
    this.cursor = after;
    this.#onRecord = onRecord;
  }

  appended(record: StoredEntry): void {
    if (this.reading) this.missed = true;
    else if (!this.over && record.position > this.cursor) this.#onRecord(this, record);
  }

  /** Takes what was read; `records` are those of the page for which there was credit. */
  advance(
    { extent, more }: LogPage,
    records: readonly StoredEntry[],
  ): { readonly news: boolean; readonly caughtUp: boolean } {
    const first = this.fresh;
    if (first) this.#target = extent.head;
    this.fresh = false;
    // Beyond the head: the log was set back. Before the oldest: what lay between has expired.
    const gap = extent.head < this.cursor || (extent.oldest > this.cursor + 1 && (records.length > 0 || !more));
    if (extent.head < this.cursor) this.cursor = extent.head;
    if (gap && extent.oldest > this.cursor + 1) this.cursor = extent.oldest - 1;
    this.cursor = records.at(-1)?.position ?? this.cursor;
    const caughtUp = !this.caughtUp && this.cursor >= this.#target;
    if (caughtUp) this.caughtUp = true;
    return { news: first || gap, caughtUp };
  }
}
