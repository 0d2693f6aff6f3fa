import { VaultError } from '../error.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Builds the vault's own records: big-endian integers, LEB128 varints, length-prefixed bytes. */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(new ArrayBuffer(capacity));
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** May replace the buffer: call it before touching that. */
  #reserve(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(new ArrayBuffer(Math.max(this.#length, this.#bytes.length * 2)));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes.fill(0, 0, at);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value);
    return this;
  }

  /** A safe integer of either sign, as 64 bits. */
  i64(value: number): this {
    const at = this.#reserve(8);
    this.#view.setInt32(at, Math.floor(value / 2 ** 32));
    this.#view.setUint32(at + 4, value >>> 0);
    return this;
  }

  /** A safe integer ≥ 0. */
  varint(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.u8(rest);
  }

  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** With its length before it. */
  blob(bytes: Uint8Array): this {
    return this.varint(bytes.length).raw(bytes);
  }

  text(text: string): this {
    return this.blob(utf8(text));
  }

  zeros(count: number): this {
    this.#reserve(count);
    return this;
  }

  /** What was written so far; not a copy. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A copy alone in its ArrayBuffer. */
  copy(): Uint8Array {
    return this.view().slice();
  }

  /** Overwrites everything and starts anew. */
  wipe(): this {
    this.#bytes.fill(0, 0, this.#length);
    this.#length = 0;
    return this;
  }
}

/** Reads what `ByteWriter` wrote. Anything that does not fit throws `damaged`. Byte results are views, not copies. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.#bytes.length - at) throw new VaultError('damaged', 'a record ends early');
    this.#at += count;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  i64(): number {
    const at = this.#take(8);
    const value = this.#view.getInt32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
    if (!Number.isSafeInteger(value)) throw new VaultError('damaged', 'a number in a record is out of range');
    return value;
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 53; scale *= 0x80) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if ((byte === 0 && scale > 1) || !Number.isSafeInteger(value)) break;
        return value;
      }
    }
    throw new VaultError('damaged', 'a number in a record is out of range');
  }

  raw(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  blob(): Uint8Array {
    return this.raw(this.varint());
  }

  text(): string {
    const bytes = this.blob();
    try {
      return decoder.decode(bytes);
    } catch (cause) {
      throw new VaultError('damaged', 'a text in a record is not UTF-8', { cause });
    }
  }

  /** Nothing may be left. */
  end(): void {
    if (this.left > 0) throw new VaultError('damaged', 'a record is too long');
  }
}
