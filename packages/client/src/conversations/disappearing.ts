import { Alarm } from '../core/alarm.ts';
import type { Core } from '../core/core.ts';
import { allCountdowns, dropCountdown, nextCountdowns, putCountdown } from '../store/countdowns.ts';
import { dueAt, resume } from './countdown.ts';
import { removeMessage } from './remove.ts';

/** Removed in one transaction: others get their turn in between. */
const BATCH = 50;

/** Removes messages when their time is over, also those whose time ended while nobody was looking. */
export class Disappearing {
  readonly #core: Core;
  readonly #alarm: Alarm;
  /** The latest time seen: what is before it shows that the clock was set back. */
  #seen = 0;

  constructor(core: Core) {
    this.#core = core;
    this.#alarm = new Alarm(core, () => this.check());
    core.bells.on('countdown', () => this.#wait());
  }

  check(): void {
    if (this.#core.background.closing) return;
    const now = this.#core.clock.now();
    // At open, too: nobody knows what the clock did meanwhile.
    if (this.#seen === 0 || now < this.#seen) this.#resumeAll(now);
    this.#seen = now;
    while (this.#removeSome(now));
    this.#wait();
  }

  close(): void {
    this.#alarm.clear();
  }

  #resumeAll(now: number): void {
    const all = this.#core.ledger.read(allCountdowns);
    const changed = all.filter((each) => resume(each, now) !== each);
    if (changed.length === 0) return;
    this.#core.ledger.commit((tx) => {
      for (const { message, ...countdown } of changed) putCountdown(tx, message, resume(countdown, now));
    });
  }

  /** True: there may be more. */
  #removeSome(now: number): boolean {
    const next = this.#core.ledger.read((read) => nextCountdowns(read, BATCH));
    const due = next.filter((each) => dueAt(each) <= now);
    if (due.length === 0) return false;
    this.#core.ledger.commit((tx) => {
      for (const { message } of due) {
        // Whatever became of it in the meantime, its time is over.
        if (!removeMessage(tx, this.#core, message, 'disappeared')) dropCountdown(tx, message);
      }
    });
    return due.length === BATCH;
  }

  #wait(): void {
    const [next] = this.#core.ledger.read((read) => nextCountdowns(read, 1));
    if (next !== undefined) this.#alarm.set(dueAt(next));
  }
}
