/** What the benchmark's processes tell each other. */

/** A device that prepare.ts has put into the database; hexadecimal. */
export interface PreparedDevice {
  readonly account: string;
  readonly device: string;
  readonly mailbox: string;
  /** Capability for the mailbox. */
  readonly secret: string;
  /** Ed25519 private key. */
  readonly seed: string;
}

export type ServerAnswer =
  | { readonly kind: 'ready'; readonly address: string }
  | { readonly kind: 'usage'; readonly cpuMicroseconds: number; readonly rssBytes: number };

export type LoadTask =
  | {
      readonly kind: 'post';
      readonly senders: number;
      /** Posts each sender has in flight. */
      readonly window: number;
      readonly seconds: number;
    }
  /** Fills the mailboxes, then drains them. */
  | { readonly kind: 'deliver'; readonly waiting: number }
  | { readonly kind: 'idle' };

export interface LoadOrder {
  readonly address: string;
  /** File that prepare.ts wrote. */
  readonly devices: string;
  readonly task: LoadTask;
}

export interface LoadResult {
  readonly kind: 'done';
  readonly seconds: number;
  /** Per second of the measured part. */
  readonly rates: readonly number[];
  readonly count: number;
  readonly received: number;
  /** How often each refusal was given. */
  readonly refused: Readonly<Record<string, number>>;
  readonly cpuMicroseconds: number;
  /** ms, of one post in a hundred. */
  readonly latencies: readonly number[];
}

/** `started`: everything is set up, the measured part begins. */
export type LoadAnswer = { readonly kind: 'started' } | LoadResult;
