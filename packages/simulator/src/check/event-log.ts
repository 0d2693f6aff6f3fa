import { createHash } from 'node:crypto';

/** Lines kept for the report of a failure. */
const TAIL = 400;

/** What happened, line by line: hashed, so that two runs can be compared, and the last lines kept. */
export class EventLog {
  readonly #hash = createHash('sha256');
  readonly #now: () => number;
  readonly #began: number;
  readonly #tail: string[] = [];
  readonly #onLine: ((line: string) => void) | null;
  #count = 0;

  constructor(now: () => number, onLine: ((line: string) => void) | null = null) {
    this.#now = now;
    this.#began = now();
    this.#onLine = onLine;
  }

  /** Lines so far. */
  get count(): number {
    return this.#count;
  }

  /** Something that happened: who, what, and whatever tells it apart. */
  note(who: string, what: string, ...details: readonly (string | number)[]): void {
    const seconds = ((this.#now() - this.#began) / 1000).toFixed(3);
    const line = [seconds, who, what, ...details].join(' ');
    this.#count++;
    this.#hash.update(line).update('\n');
    this.#tail.push(line);
    if (this.#tail.length > 2 * TAIL) this.#tail.splice(0, TAIL);
    this.#onLine?.(line);
  }

  /** The last lines. */
  tail(): readonly string[] {
    return this.#tail.slice(-TAIL);
  }

  /** SHA-256 of all lines, hexadecimal. The log takes no more afterwards. */
  digest(): string {
    return this.#hash.digest('hex');
  }
}
