/** What the benchmark's processes tell each other. */

export type ServerAnswer =
  | { readonly kind: 'ready'; readonly address: string }
  | { readonly kind: 'usage'; readonly cpuMicroseconds: number; readonly rssBytes: number };

export interface LoadOrder {
  readonly address: string;
  readonly task:
    | {
        readonly kind: 'post';
        readonly senders: number;
        readonly mailboxes: number;
        /** Posts each sender has in flight. */
        readonly window: number;
        readonly seconds: number;
      }
    | { readonly kind: 'deliver'; readonly mailboxes: number; readonly waiting: number }
    | { readonly kind: 'idle'; readonly devices: number };
}

export type LoadAnswer =
  /** Set up; the measured part begins. */
  | { readonly kind: 'started' }
  | {
      readonly kind: 'done';
      readonly seconds: number;
      /** Per second of the measured part. */
      readonly rates: readonly number[];
      readonly count: number;
      readonly received: number;
      readonly refused: Readonly<Record<string, number>>;
      readonly cpuMicroseconds: number;
      /** ms, one in a hundred. */
      readonly latencies: readonly number[];
    };
