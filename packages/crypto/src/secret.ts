import { inspect } from './inspect.ts';

/**
 * Secret bytes in an ArrayBuffer of their own (small typed arrays would share a pool or live on the moving heap).
 * Prints as `[secret]` under string, JSON and inspect; `dispose` overwrites. `using` works.
 * What JavaScript cannot promise is written in docs/threat-model.md.
 */
export class Secret implements Disposable {
  #bytes: Uint8Array | undefined;

  private constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Copies `bytes` in; the caller still owns (and should wipe) the original. */
  static copy(bytes: Uint8Array): Secret {
    const own = new Uint8Array(new ArrayBuffer(bytes.length));
    own.set(bytes);
    return new Secret(own);
  }

  /**
   * Takes the first `length` bytes over and wipes the rest. `bytes` must be alone in its ArrayBuffer; otherwise it is
   * copied and wiped.
   */
  static take(bytes: Uint8Array, length: number = bytes.length): Secret {
    if (length < bytes.length) bytes.fill(0, length);
    const kept = length < bytes.length ? bytes.subarray(0, length) : bytes;
    if (bytes.byteLength === bytes.buffer.byteLength) return new Secret(kept);
    const secret = Secret.copy(kept);
    kept.fill(0);
    return secret;
  }

  /** bytes */
  get length(): number {
    return this.reveal().length;
  }

  /** The one way to the bytes. They are not a copy and die with `dispose`. Throws after disposal. */
  reveal(): Uint8Array {
    if (this.#bytes === undefined) throw new Error('secret used after it was wiped');
    return this.#bytes;
  }

  /** A new Secret over a copy of a part. */
  slice(start: number, end: number): Secret {
    return Secret.copy(this.reveal().subarray(start, end));
  }

  /** Overwrites the bytes; may be called twice. */
  dispose(): void {
    this.#bytes?.fill(0);
    this.#bytes = undefined;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  get [Symbol.toStringTag](): string {
    return 'secret';
  }

  [inspect](): string {
    return '[secret]';
  }
}

/** Bytes of a Secret or of an array. */
export function bytesOf(value: Secret | Uint8Array): Uint8Array {
  return value instanceof Secret ? value.reveal() : value;
}
