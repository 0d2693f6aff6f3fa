import { Agenda } from './agenda.ts';
import { fileWork } from './file-work.ts';

/** Tasks in one instant of simulated time; more means that something runs in circles. */
const MOST_IN_ONE_INSTANT = 100_000;

/**
 * Simulated time. It stands still while code runs and jumps to the next task when nothing is left to do: after every task
 * the event loop turns once, so all promises that a task settles have run before the next.
 */
export class Timeline {
  readonly #agenda = new Agenda();
  #now: number;
  #steps = 0;
  #inInstant = 0;
  #offThread = 0;
  #lastOffThread: Promise<unknown> = Promise.resolve();

  /** Unix ms. */
  constructor(now: number) {
    this.#now = now;
  }

  get now(): number {
    return this.#now;
  }

  /** Tasks run so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Runs `task` after `ms`, whole ones as with every real clock; the function returned cancels it. */
  after(ms: number, task: () => void): () => void {
    return this.#agenda.add(this.#now + Math.max(0, Math.ceil(ms)), task);
  }

  /**
   * Runs work whose result comes from another thread (WebCrypto): one at a time, in the sequence of the calls, while time
   * stands still, so that how fast that thread is makes no difference.
   */
  offThread<T>(work: () => Promise<T>): Promise<T> {
    this.#offThread++;
    const result = this.#lastOffThread.then(work, work);
    this.#lastOffThread = result.catch(() => undefined).finally(() => this.#offThread--);
    return result;
  }

  /** Runs everything that is due until then, and what it leads to. */
  async runUntil(at: number): Promise<void> {
    await this.#turn();
    while (await this.#step(at));
    this.#now = Math.max(this.#now, at);
  }

  /** Runs until the promise is settled, at most `ms`. Rejects as it does, or when it is not settled by then. */
  async runUntilSettled<T>(promise: Promise<T>, ms: number): Promise<T> {
    const outcome = { settled: false };
    const mark = (): void => {
      outcome.settled = true;
    };
    promise.then(mark, mark);
    const limit = this.#now + ms;
    await this.#turn();
    while (!outcome.settled && (await this.#step(limit)));
    if (!outcome.settled) throw new Error(`not settled after ${ms} ms of simulated time`);
    return promise;
  }

  async #step(limit: number): Promise<boolean> {
    const at = this.#agenda.nextAt();
    if (at === null || at > limit) return false;
    if (at > this.#now) this.#inInstant = 0;
    if (++this.#inInstant > MOST_IN_ONE_INSTANT)
      throw new Error('simulated time stands still: something runs in circles');
    this.#now = Math.max(this.#now, at);
    this.#steps++;
    this.#agenda.take()?.();
    await this.#turn();
    return true;
  }

  async #turn(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve));
    while (this.#offThread > 0 || fileWork.isBusy);
  }
}
