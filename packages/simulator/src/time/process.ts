import type { Clock } from '@sotto/transport';
import type { Timeline } from './timeline.ts';

/** Thrown where a process dies: nothing that runs in it gets any further. */
export class Died extends Error {
  override readonly name = 'Died';

  constructor() {
    super('the process is dead');
  }
}

/** One run of a program. It can die at any instant; its timers and connections die with it. */
export class Process {
  readonly timeline: Timeline;
  readonly #skew: () => number;
  readonly #endings: (() => void)[] = [];
  #alive = true;

  /** `skew`: how far the machine's clock is ahead of true time, ms. */
  constructor(timeline: Timeline, skew: () => number) {
    this.timeline = timeline;
    this.#skew = skew;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** The machine's clock as this process sees it. Timers run by another one that nobody sets. */
  readonly clock: Clock = {
    now: () => this.timeline.now + this.#skew(),
    after: (ms, task) => (this.#alive ? this.timeline.after(ms, () => this.run(task)) : () => undefined),
  };

  /** Runs a task of this process, unless it is dead or dies in it. */
  run(task: () => void): void {
    if (!this.#alive) return;
    try {
      task();
    } catch (error) {
      if (!(error instanceof Died)) throw error;
    }
  }

  requireAlive(): void {
    if (!this.#alive) throw new Died();
  }

  /** Called when it dies. */
  onEnd(ending: () => void): void {
    this.#endings.push(ending);
  }

  /** Dies now. */
  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    for (const ending of this.#endings.splice(0)) ending();
  }
}
