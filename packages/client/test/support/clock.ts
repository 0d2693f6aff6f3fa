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
    // A function of its own, so that the same task can wait twice.
    const own = (): void => task();
    this.#due.push({ at: this.#now + Math.max(0, ms), task: own });
    return () => {
      this.#due = this.#due.filter((each) => each.task !== own);
    };
  }

  /** Timers that have not run: what is left after a close is a leak. */
  get pending(): number {
    return this.#due.length;
  }

  /** The clock is set: timers, which run by another one, stay as far away as they were. */
  jump(ms: number): void {
    this.#now += ms;
    this.#due = this.#due.map(({ at, task }) => ({ at: at + ms, task }));
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
