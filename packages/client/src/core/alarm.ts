import type { Core } from './core.ts';

/**
 * One timer for the earliest of many times; setting an earlier one moves it, a later one does not. What fails when it
 * rings is reported: a timer has no caller.
 */
export class Alarm {
  readonly #core: Pick<Core, 'clock' | 'background'>;
  readonly #ring: () => void;
  #at = Infinity;
  #cancel: (() => void) | null = null;

  constructor(core: Pick<Core, 'clock' | 'background'>, ring: () => void) {
    this.#core = core;
    this.#ring = ring;
  }

  /** Rings at `at` (Unix ms) or before; who sets it looks at what is due when it rings. Not while closing. */
  set(at: number): void {
    if (at >= this.#at || this.#core.background.closing) return;
    this.clear();
    this.#at = at;
    const wait = Math.min(Math.max(at - this.#core.clock.now(), 0), MOST_MS);
    this.#cancel = this.#core.clock.after(wait, () => {
      this.#at = Infinity;
      this.#cancel = null;
      try {
        this.#ring();
      } catch (cause) {
        this.#core.background.report(cause);
      }
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
