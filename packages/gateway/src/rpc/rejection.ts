import type { Attention, Step, StreamCore } from './stream-core.ts';

/** A stream that ends with an error before it has begun. */
export class Rejection implements StreamCore<unknown, never> {
  readonly saturated = false;
  readonly #error: unknown;

  constructor(error: unknown) {
    this.#error = error;
  }

  attach(attention: Attention): void {
    attention.output();
  }

  receive(): void {}

  ended(): void {}

  next(): Step<never> {
    throw this.#error;
  }

  close(): void {}

  check(): void {}

  end(): void {}
}
