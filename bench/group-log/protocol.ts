/** A log that prepare.ts has put into the database; hexadecimal. */
export interface PreparedLog {
  readonly log: string;
  /** Ed25519 private key of its first epoch. */
  readonly seed: string;
}

export type LogTask =
  /** Appends over some connections, each with a window. */
  | { readonly kind: 'append'; readonly connections: number; readonly window: number; readonly seconds: number }
  /** Followers of one log, each on a connection of its own, and appends to it, one after the other has been read. */
  | { readonly kind: 'fan-out'; readonly followers: number; readonly entries: number };

export interface LogOrder {
  readonly address: string;
  /** File that prepare.ts wrote. */
  readonly logs: string;
  readonly task: LogTask;
}

/** `started`: everything is set up, the measured part begins. */
export type LogLoadAnswer = { readonly kind: 'started' } | LogLoadResult;

export interface LogLoadResult {
  readonly kind: 'done';
  readonly seconds: number;
  readonly count: number;
  /** Per second of the measured part. */
  readonly rates: readonly number[];
  /** ms: of one append in fifty; or from an append to the last follower that has its entry. */
  readonly latencies: readonly number[];
  readonly refused: number;
  readonly cpuMicroseconds: number;
}
