import { Died } from '../time/process.ts';
import type { Process } from '../time/process.ts';

/** An instant at which a device may die with something half done. */
export type CrashPoint = 'before-commit' | 'after-commit' | 'send';

/** Counts the instants at which a process can die, and lets it die at a chosen one. */
export class CrashPoints {
  readonly #process: Process;
  readonly #onCrash: (at: CrashPoint) => void;
  #left = Infinity;
  #kind: CrashPoint | 'any' = 'any';

  constructor(process: Process, onCrash: (at: CrashPoint) => void) {
    this.#process = process;
    this.#onCrash = onCrash;
  }

  /** Dies at the `count`-th instant of a kind from now on. */
  arm(count: number, kind: CrashPoint | 'any' = 'any'): void {
    this.#left = count;
    this.#kind = kind;
  }

  /** Called at each such instant. Throws `Died`. */
  reach(at: CrashPoint): void {
    this.#process.requireAlive();
    if (this.#kind !== 'any' && this.#kind !== at) return;
    if (--this.#left > 0) return;
    this.#left = Infinity;
    this.#process.kill();
    this.#onCrash(at);
    throw new Died();
  }
}
