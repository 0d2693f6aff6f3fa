/** Chunks that one side writes and the other reads, in order; ends well or with an error. */
export class ByteStream implements AsyncIterable<Uint8Array> {
  readonly #chunks: Uint8Array[] = [];
  readonly #onRead: (chunk: Uint8Array) => void;
  #end: { readonly error: unknown } | null = null;
  #wake: (() => void) | null = null;

  /** `onRead` is told of every chunk that has been read. */
  constructor(onRead: (chunk: Uint8Array) => void = () => undefined) {
    this.#onRead = onRead;
  }

  push(chunk: Uint8Array): void {
    if (this.#end !== null) return;
    this.#chunks.push(chunk);
    this.#wake?.();
  }

  /** Ends after what was written. */
  end(): void {
    this.#end ??= { error: null };
    this.#wake?.();
  }

  /** Ends now: what was not read is lost, as with a connection that breaks. */
  fail(error: unknown): void {
    if (this.#end === null) this.#chunks.length = 0;
    this.#end ??= { error };
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#onRead(chunk);
        yield chunk;
      } else if (this.#end !== null) {
        if (this.#end.error !== null) throw this.#end.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        this.#wake = null;
      }
    }
  }
}
