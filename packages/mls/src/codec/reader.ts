import { MlsError } from '../error.ts';

/**
 * Reads the TLS presentation language (RFC 9420 §2.1) from bytes it does not own. Every view it returns shares memory
 * with the input. All failures are `MlsError` `malformed`.
 */
export class Reader {
  readonly bytes: Uint8Array;
  #at: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  /** Position in `bytes`. */
  get offset(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  uint8(): number {
    return this.bytes[this.#advance(1)] ?? 0;
  }

  uint16(): number {
    const at = this.#advance(2);
    const { bytes } = this;
    return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  }

  uint32(): number {
    const at = this.#advance(4);
    const { bytes } = this;
    return (
      (((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>>
      0
    );
  }

  uint64(): bigint {
    const high = this.uint32();
    return (BigInt(high) << 32n) | BigInt(this.uint32());
  }

  /** A view of the next `length` bytes. */
  take(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.bytes.subarray(at, at + length);
  }

  /** A variable-size vector's length, RFC 9420 §2.1.2: the shortest form only. */
  length(): number {
    const first = this.uint8();
    const low = first & 0x3f;
    switch (first >> 6) {
      case 0:
        return low;
      case 1:
        return shortest((low << 8) | this.uint8(), 1 << 6);
      case 2:
        return shortest((low << 24) | (this.uint8() << 16) | this.uint16(), 1 << 14);
      default:
        throw new MlsError('malformed', 'a vector length has the reserved prefix');
    }
  }

  /** `opaque x<V>`: a view. */
  vector(): Uint8Array {
    return this.take(this.length());
  }

  /** `T x<V>` */
  list<T>(decode: (reader: Reader) => T): T[] {
    const items: T[] = [];
    const inner = this.nested();
    while (inner.remaining > 0) items.push(decode(inner));
    return items;
  }

  /** A reader over the content of a vector, which the caller must read to its end. */
  nested(): Reader {
    const length = this.length();
    const start = this.#advance(length);
    return new Reader(this.bytes, start, start + length);
  }

  /** `optional<T>`, RFC 9420 §2.1.1. */
  optional<T>(decode: (reader: Reader) => T): T | null {
    const presence = this.uint8();
    if (presence > 1) throw new MlsError('malformed', 'an optional value is neither present nor absent');
    return presence === 1 ? decode(this) : null;
  }

  /** Throws unless all was read. */
  end(): void {
    if (this.#at !== this.#end) throw new MlsError('malformed', 'bytes follow the end of a structure');
  }

  #advance(length: number): number {
    const at = this.#at;
    if (length > this.#end - at) throw new MlsError('malformed', 'a structure ends before it is complete');
    this.#at = at + length;
    return at;
  }
}

/** Decodes all of `bytes`. */
export function decodeWhole<T>(bytes: Uint8Array, decode: (reader: Reader) => T): T {
  const reader = new Reader(bytes);
  const value = decode(reader);
  reader.end();
  return value;
}

function shortest(length: number, least: number): number {
  if (length < least) throw new MlsError('malformed', 'a vector length is not in its shortest form');
  return length;
}
