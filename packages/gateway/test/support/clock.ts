import type { Clock } from '@sotto/gateway';

/** A clock that moves when a test says so. */
export class ManualClock implements Clock {
  #now: number;
  readonly #tasks = new Set<{ readonly at: number; readonly task: () => void }>();

  constructor(now = Date.UTC(2026, 10, 20, 12)) {
    this.#now = now;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, task: () => void): () => void {
    const entry = { at: this.#now + ms, task };
    this.#tasks.add(entry);
    return () => this.#tasks.delete(entry);
  }

  /** Moves on and runs what has become due, in order. */
  advance(ms: number): void {
    const end = this.#now + ms;
    while (true) {
      const [next] = [...this.#tasks].filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#tasks.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.task();
    }
    this.#now = end;
  }
}
