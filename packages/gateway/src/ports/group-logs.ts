import type { LogPost, Refusal } from '@sotto/wire';

/**
 * Logs of groups: ordered lists of sealed entries with the tree of their epoch keys
 * (docs/decisions/0004-groups-over-a-gateway.md). What a promise of this port says is on disk when it resolves.
 */
export interface GroupLogs {
  /** Opens a log; again with the same: no change. Throws `Refused` `CONFLICT`, `QUOTA`. */
  create(account: Uint8Array, log: Uint8Array, epochKey: Uint8Array): Promise<void>;
  /** Judges and appends an entry whose form has been checked. `caller` is what rates count by, in memory only. */
  append(post: LogPost, caller: string): Promise<AppendOutcome>;
  /**
   * The oldest entries after a position: at most `limit`, and no further one once there are `bytes` of them. Null: no
   * such log.
   */
  read(log: Uint8Array, after: number, limit: number, bytes: number): Promise<LogPage | null>;
  /** Tells of entries that are appended from now on, whether or not there is such a log. Returns the way to stop. */
  listen(log: Uint8Array, listener: LogListener): () => void;
}

/** Not an exception: refusing an entry is ordinary. */
export type AppendOutcome =
  | { readonly kind: 'appended' | 'duplicate'; readonly position: number }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly retryAfterMs: number };

export interface StoredEntry {
  readonly position: number;
  /** Serialised LogEntry. */
  readonly entry: Uint8Array;
  /** Unix ms. */
  readonly storedAt: number;
}

export interface LogExtent {
  /** Position of the oldest entry that is kept; `head` + 1 when none is. */
  readonly oldest: number;
  /** Position of the last entry; 0: there never was one. */
  readonly head: number;
}

export interface LogPage {
  readonly records: readonly StoredEntry[];
  /** There are more after the last one. */
  readonly more: boolean;
  readonly extent: LogExtent;
}

/** Called after the commit of what it tells. The record is shared by all listeners. */
export interface LogListener {
  appended(record: StoredEntry): void;
}
