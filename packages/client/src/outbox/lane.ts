import { Alarm } from '../core/alarm.ts';
import type { Core } from '../core/core.ts';
import type { MessageRef } from '../refs.ts';
import type { ReasonCode } from '../trail/reasons.ts';

/** What handing one message over means for those behind it. */
export type Passage =
  /** Out of the way: accepted, given up, or gone. */
  | { readonly kind: 'passed' }
  /** Nothing goes to this device until then (Unix ms; `Infinity`: until there is news of its account). */
  | { readonly kind: 'pause'; readonly until: number; readonly reason: ReasonCode };

export interface LaneOptions {
  readonly core: Pick<Core, 'clock' | 'background'>;
  /** Messages of this device handed over at once. */
  readonly window: number;
  /** Seals it unless it is sealed; resolves to what hands it over, or to what is in the way. Must not throw. */
  readonly prepare: (message: MessageRef, attempts: number) => Promise<(() => Promise<Passage>) | Passage>;
}

/**
 * The way to one device: seals in sequence, several on their way at once, and one pause for all when the device cannot
 * take messages.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #alarm: Alarm;
  /** Sorted by number. */
  readonly #pending: { readonly message: MessageRef; readonly number: bigint }[] = [];
  readonly #queued = new Set<MessageRef>();
  readonly #inFlight = new Set<MessageRef>();
  #pausedUntil = 0;
  #pausedAt = 0;
  #obstacle: ReasonCode | null = null;
  #attempts = 0;
  #pumping = false;
  #closed = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#alarm = new Alarm(options.core, () => this.#pump());
  }

  add(message: MessageRef, number: bigint): void {
    if (this.#inFlight.has(message) || this.#queued.has(message)) return;
    this.#queued.add(message);
    let at = this.#pending.length;
    while (at > 0 && (this.#pending[at - 1]?.number ?? 0n) > number) at--;
    this.#pending.splice(at, 0, { message, number });
    this.#pump();
  }

  /** Tries at once, whatever it was waiting for. */
  wake(): void {
    this.#pausedUntil = 0;
    this.#attempts = 0;
    this.#pump();
  }

  /** Why nothing goes to this device for now; null: nothing is in the way. */
  get obstacle(): ReasonCode | null {
    return this.#isPaused() ? this.#obstacle : null;
  }

  /** Messages behind, in sequence. */
  get waiting(): readonly MessageRef[] {
    return this.#pending.map((each) => each.message);
  }

  close(): void {
    this.#closed = true;
    this.#alarm.clear();
  }

  #pump(): void {
    if (this.#pumping || this.#closed) return;
    this.#pumping = true;
    void this.#run().finally(() => {
      this.#pumping = false;
      if (this.#ready()) this.#pump();
    });
  }

  #ready(): boolean {
    if (this.#closed || this.#pending.length === 0 || this.#inFlight.size >= this.#options.window) return false;
    if (!this.#isPaused()) return true;
    if (this.#pausedUntil < Infinity) this.#alarm.set(this.#pausedUntil);
    return false;
  }

  /** A clock that was set back ends a pause: by it the pause might last for days. */
  #isPaused(): boolean {
    const now = this.#options.core.clock.now();
    return now >= this.#pausedAt && now < this.#pausedUntil;
  }

  async #run(): Promise<void> {
    while (this.#ready()) {
      const next = this.#pending.shift();
      if (next === undefined) return;
      this.#queued.delete(next.message);
      this.#inFlight.add(next.message);
      const prepared = await this.#options.prepare(next.message, this.#attempts + 1);
      if (typeof prepared === 'function') void prepared().then((passage) => this.#passed(next, passage));
      else this.#passed(next, prepared);
    }
  }

  #passed(done: { readonly message: MessageRef; readonly number: bigint }, passage: Passage): void {
    this.#inFlight.delete(done.message);
    if (passage.kind === 'pause') {
      this.#attempts++;
      this.#pausedAt = this.#options.core.clock.now();
      this.#pausedUntil = passage.until;
      this.#obstacle = passage.reason;
      this.add(done.message, done.number);
      return;
    }
    this.#attempts = 0;
    this.#pump();
  }
}
