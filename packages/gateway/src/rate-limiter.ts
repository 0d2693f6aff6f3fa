import type { Clock } from './clock.ts';

/** A rate: `burst` at once, then one every `perMs` milliseconds. */
export interface Rate {
  readonly burst: number;
  readonly perMs: number;
}

/** Callers remembered; about 100 bytes each. The longest idle are forgotten first, which only ever favours them. */
const REMEMBERED = 100_000;

/** Token buckets by caller, in memory. Keys are never logged or stored. */
export class RateLimiter {
  readonly #clock: Clock;
  readonly #rate: Rate;
  /** Time at which the caller's bucket is full again (GCRA); in the order of last use. */
  readonly #fullAt = new Map<string, number>();

  constructor(clock: Clock, rate: Rate) {
    this.#clock = clock;
    this.#rate = rate;
  }

  /** Takes one; 0, or the milliseconds to wait when there is none. */
  take(key: string): number {
    const { burst, perMs } = this.#rate;
    const now = this.#clock.now();
    const fullAt = Math.max(this.#fullAt.get(key) ?? 0, now);
    const wait = fullAt + perMs - (now + burst * perMs);
    if (wait > 0) return Math.ceil(wait);
    this.#fullAt.delete(key);
    this.#fullAt.set(key, fullAt + perMs);
    if (this.#fullAt.size > REMEMBERED) this.#forget(now);
    return 0;
  }

  #forget(now: number): void {
    for (const [key, fullAt] of this.#fullAt) {
      if (fullAt > now && this.#fullAt.size <= REMEMBERED) return;
      this.#fullAt.delete(key);
    }
  }
}
