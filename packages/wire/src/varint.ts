import { WireError } from './error.ts';

/** Bytes that the base-128 varint of `value` takes; `value` is a whole number below 2^53. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

/** Writes a varint at `at` and returns the position after it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = value;
  while (rest >= 0x80) {
    bytes[at++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[at++] = rest;
  return at;
}

/** Reads protobuf fields in order, refusing everything but the shortest form of each. */
export class StrictReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get position(): number {
    return this.#at;
  }

  /** The next byte must be this field tag (numbers below 16, so one byte). */
  tag(expected: number): void {
    if (this.#bytes[this.#at++] !== expected) throw new WireError('malformed', 'an unexpected or missing field');
  }

  /** True, and past it, when the next byte is this field tag: a field that is left out at its default. */
  optional(expected: number): boolean {
    if (this.#bytes[this.#at] !== expected) return false;
    this.#at++;
    return true;
  }

  /** A whole number below 2^53 in its shortest form. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 8; count++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new WireError('malformed', 'truncated');
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && count > 0) throw new WireError('not_canonical', 'a number longer than it needs to be');
        if (value > Number.MAX_SAFE_INTEGER) throw new WireError('range', 'a number beyond 2^53');
        return value;
      }
      scale *= 0x80;
    }
    throw new WireError('range', 'a number beyond 2^53');
  }

  /** `length` bytes, as a view. */
  take(length: number): Uint8Array {
    const start = this.#at;
    if (length > this.#bytes.length - start) throw new WireError('malformed', 'truncated');
    this.#at = start + length;
    return this.#bytes.subarray(start, this.#at);
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new WireError('malformed', 'trailing bytes or unknown fields');
  }
}
