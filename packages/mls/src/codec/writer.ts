import { MlsError } from '../error.ts';

/** RFC 9420 §2.1.2: lengths have at most 30 bits. */
const MAX_LENGTH = 2 ** 30 - 1;

/** Small buffers are cut from slabs: an allocation of its own costs more than most structures take to write. */
const SLAB_SIZE = 1 << 16;
const LARGEST_CUT = 1 << 12;

let slab = new Uint8Array(new ArrayBuffer(SLAB_SIZE));
let slabUsed = 0;

/** Zero bytes in no one else's use; alone in their ArrayBuffer only beyond LARGEST_CUT. */
function allocate(capacity: number): Uint8Array {
  if (capacity > LARGEST_CUT) return new Uint8Array(new ArrayBuffer(capacity));
  if (slabUsed + capacity > SLAB_SIZE) {
    slab = new Uint8Array(new ArrayBuffer(SLAB_SIZE));
    slabUsed = 0;
  }
  const bytes = slab.subarray(slabUsed, slabUsed + capacity);
  slabUsed += capacity;
  return bytes;
}

/** Writes the TLS presentation language (RFC 9420 §2.1). Buffers that were outgrown are overwritten. */
export class Writer {
  #bytes: Uint8Array;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = allocate(capacity);
  }

  uint8(value: number): this {
    // The place first: reserving may exchange the buffer.
    const at = this.#reserve(1);
    this.#bytes[at] = value;
    return this;
  }

  uint16(value: number): this {
    const at = this.#reserve(2);
    this.#bytes[at] = value >>> 8;
    this.#bytes[at + 1] = value;
    return this;
  }

  uint32(value: number): this {
    const at = this.#reserve(4);
    this.#bytes[at] = value >>> 24;
    this.#bytes[at + 1] = value >>> 16;
    this.#bytes[at + 2] = value >>> 8;
    this.#bytes[at + 3] = value;
    return this;
  }

  uint64(value: bigint): this {
    return this.uint32(Number((value >> 32n) & 0xffffffffn)).uint32(Number(value & 0xffffffffn));
  }

  /** Without a length. */
  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** A vector's length in its shortest form. */
  length(value: number): this {
    if (value < 1 << 6) return this.uint8(value);
    if (value < 1 << 14) return this.uint16(0x4000 | value);
    if (value > MAX_LENGTH) throw new MlsError('too_large', 'a vector is longer than its length can say');
    return this.uint32(0x80000000 + value);
  }

  /** `opaque x<V>` */
  vector(bytes: Uint8Array): this {
    return this.length(bytes.length).raw(bytes);
  }

  /** `T x<V>` */
  list<T>(items: Iterable<T>, write: (writer: Writer, item: T) => void): this {
    return this.nested(() => {
      for (const item of items) write(this, item);
    });
  }

  /** A vector of whatever `write` writes. */
  nested(write: () => void): this {
    const start = this.#length;
    write();
    const length = this.#length - start;
    const header = length < 1 << 6 ? 1 : length < 1 << 14 ? 2 : 4;
    this.#reserve(header);
    this.#bytes.copyWithin(start + header, start, start + length);
    const end = this.#length;
    this.#length = start;
    this.length(length);
    this.#length = end;
    return this;
  }

  /** `optional<T>` */
  optional<T>(value: T | null, write: (writer: Writer, value: T) => void): this {
    this.uint8(value === null ? 0 : 1);
    if (value !== null) write(this, value);
    return this;
  }

  /** What was written, as a view: the writer must not be used after. */
  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Overwrites what was written, for secrets. */
  wipe(): void {
    this.#bytes.fill(0);
  }

  #reserve(count: number): number {
    const at = this.#length;
    const needed = at + count;
    if (needed > this.#bytes.length) {
      const grown = allocate(Math.max(needed, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes.fill(0, 0, at);
      this.#bytes = grown;
    }
    this.#length = needed;
    return at;
  }
}

/** The encoding of one value. */
export function encode<T>(value: T, write: (writer: Writer, value: T) => void, capacity?: number): Uint8Array {
  const writer = new Writer(capacity);
  write(writer, value);
  return writer.finish();
}
