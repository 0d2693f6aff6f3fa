import { Refusal } from '@sotto/wire';
import { every } from './clock.ts';
import type { Clock } from './clock.ts';
import { Refused } from './refused.ts';

const CHECK_MS = 250;
/** Bytes outside the heap of one connection: TLS and HTTP/2 state (measured, docs/performance.md). */
const CONNECTION_BYTES = 48 * 1024;
/** Share of the limit that requests may hold before they are complete. */
const UNFINISHED_SHARE = 1 / 8;

/** What the gateway holds in memory, and whether that is too much. */
export class Memory {
  #overloaded = false;
  #unfinished = 0;
  readonly #unfinishedLimit: number;
  readonly #stop: () => void;

  /** `limitBytes` Infinity: nothing is looked at. `connections` counts them; `shed` is called while there is too much, to let go of what is stuck. */
  constructor(options: {
    readonly clock: Clock;
    readonly limitBytes: number;
    readonly connections: () => number;
    readonly shed: () => void;
  }) {
    const { clock, limitBytes, connections, shed } = options;
    this.#unfinishedLimit = limitBytes * UNFINISHED_SHARE;
    if (limitBytes === Infinity) {
      this.#stop = () => undefined;
      return;
    }
    this.#stop = every(clock, CHECK_MS, () => {
      const { heapUsed, external } = process.memoryUsage();
      this.#overloaded = heapUsed + external + connections() * CONNECTION_BYTES > limitBytes;
      if (this.#overloaded) shed();
    });
  }

  get overloaded(): boolean {
    return this.#overloaded;
  }

  /**
   * Counts bytes of requests that are not complete yet (negative: they are, or are given up). Throws `Refused`
   * `UNAVAILABLE` when all of them together are too many; then they are not counted.
   */
  unfinished(bytes: number): void {
    if (bytes > 0 && this.#unfinished + bytes > this.#unfinishedLimit) {
      throw new Refused(Refusal.UNAVAILABLE, 'the gateway has too much to do', { retryAfterMs: 1000 });
    }
    this.#unfinished += bytes;
  }

  stop(): void {
    this.#stop();
  }
}
