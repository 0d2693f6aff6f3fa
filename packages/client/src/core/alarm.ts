import type { Clock } from '@sotto/transport';

/** One timer for the earliest of many times; setting an earlier one moves it, a later one does not. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #at = Infinity;
  #cancel: (() => void) | null = null;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings at `at` (Unix ms) or before; who sets it looks at what is due when it rings. */
  set(at: number): void {
    if (at >= this.#at) return;
    this.clear();
    this.#at = at;
    const wait = Math.min(Math.max(at - this.#clock.now(), 0), MOST_MS);
    this.#cancel = this.#clock.after(wait, () => {
      this.#at = Infinity;
      this.#cancel = null;
      this.#ring();
    });
  }

  clear(): void {
    this.#cancel?.();
    this.#cancel = null;
    this.#at = Infinity;
  }
}

/** Timers of Node end at 2^31 ms; ringing early is allowed. */
const MOST_MS = 24 * 3_600_000;
