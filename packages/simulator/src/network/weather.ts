import type { Random } from '../time/random.ts';
import type { Timeline } from '../time/timeline.ts';

/** How the way between a device and the gateway is at the moment. */
export type Weather =
  | { readonly kind: 'fair' }
  /** Everything takes longer, by this much at most and half of it at least, ms. */
  | { readonly kind: 'slow'; readonly extraMs: number }
  /** Nothing gets through and nobody is told, as on a phone that has left its network. */
  | { readonly kind: 'silent' }
  /** Connections break at once and cannot be made. */
  | { readonly kind: 'cut' };

const FAIR: Weather = { kind: 'fair' };
const LATENCY_MS = [5, 40] as const;

/** The way between one device and the gateway: latency, and what is held up while it is silent. */
export class Way {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #changes = new Set<(weather: Weather) => void>();
  #weather: Weather = FAIR;
  /** The device's program reads nothing from its connections. */
  #reading = true;
  #held: (() => void)[] = [];
  #waitingToRead: (() => void)[] = [];

  constructor(timeline: Timeline, random: Random) {
    this.#timeline = timeline;
    this.#random = random;
  }

  get weather(): Weather {
    return this.#weather;
  }

  set weather(weather: Weather) {
    this.#weather = weather;
    for (const change of Array.from(this.#changes)) change(weather);
    if (weather.kind === 'silent') return;
    const held = this.#held;
    this.#held = [];
    for (const task of held) task();
  }

  get reading(): boolean {
    return this.#reading;
  }

  set reading(reading: boolean) {
    this.#reading = reading;
    if (!reading) return;
    const waiting = this.#waitingToRead;
    this.#waitingToRead = [];
    for (const resolve of waiting) resolve();
  }

  /** Resolves when the device's program reads. */
  async read(): Promise<void> {
    while (!this.#reading) await new Promise<void>((resolve) => this.#waitingToRead.push(resolve));
  }

  latency(): number {
    const extra = this.#weather.kind === 'slow' ? this.#weather.extraMs : 0;
    return this.#random.whole(...LATENCY_MS) + Math.round((0.5 + this.#random.unit() / 2) * extra);
  }

  /** Hands something over after a latency, or once the silence is over; `lane` keeps what it carries in order. */
  carry(lane: Lane, task: () => void): void {
    const at = Math.max(lane.clearAt, this.#timeline.now + this.latency());
    lane.clearAt = at;
    this.#timeline.after(at - this.#timeline.now, () => this.#arrive(task));
  }

  onChange(change: (weather: Weather) => void): () => void {
    this.#changes.add(change);
    return () => this.#changes.delete(change);
  }

  #arrive(task: () => void): void {
    if (this.#weather.kind === 'silent') this.#held.push(task);
    else task();
  }
}

/** One direction of one connection. */
export class Lane {
  clearAt = 0;
}
