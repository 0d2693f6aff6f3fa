import type { Clock } from '@sotto/transport';

interface Due {
  readonly at: number;
  readonly task: () => void;
}

/** Time that stands still until it is moved. */
export class ManualClock implements Clock {
  #now: number;
  #due: Due[] = [];

  constructor(now = Date.UTC(2026, 10, 20)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, task: () => void): () => void {
    const due = { at: this.#now + Math.max(0, ms), task };
    this.#due.push(due);
    return () => {
      this.#due = this.#due.filter((each) => each !== due);
    };
  }

  /** Timers that have not run: what is left after a close is a leak. */
  get pending(): number {
    return this.#due.length;
  }

  /** Moves on, running what is due in order, and lets everything it causes happen before the next. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      await settled();
      const next = this.#due.toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > until) break;
      this.#due = this.#due.filter((each) => each !== next);
      this.#now = Math.max(this.#now, next.at);
      next.task();
    }
    this.#now = until;
    await settled();
  }
}

/** Everything that needs no time has happened. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}
