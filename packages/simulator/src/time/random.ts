import { seededStream } from '@sotto/crypto/simulation';

const CHUNK = 4096;

/** Random choices that follow from a seed; streams of different names have nothing to do with each other. */
export class Random {
  readonly #stream: (length: number) => Uint8Array;
  #chunk = Buffer.alloc(0);
  #at = 0;

  constructor(seed: string) {
    this.#stream = seededStream(Buffer.from(`sotto/simulator/${seed}`, 'utf8'));
  }

  /** Uniform in [0, 1). */
  unit(): number {
    if (this.#at >= this.#chunk.length) {
      this.#chunk = Buffer.from(this.#stream(CHUNK));
      this.#at = 0;
    }
    const value = this.#chunk.readUInt32LE(this.#at);
    this.#at += 4;
    return value / 2 ** 32;
  }

  /** A whole number from `least` to `most`, both included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.unit() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** Null: there is nothing to pick from. */
  pick<T>(from: readonly T[]): T | null {
    return from[Math.floor(this.unit() * from.length)] ?? null;
  }

  /** Exponentially distributed, ms: the time to the next of many independent things. */
  wait(averageMs: number): number {
    return Math.round(-Math.log(1 - this.unit()) * averageMs);
  }

  bytes(length: number): Uint8Array {
    return this.#stream(length);
  }
}
