import { Refusal } from '@sotto/wire';
import { Refused } from '../refused.ts';

const PREFIX_BYTES = 5;

/** A frame of Connect's binary protocol. */
export interface RawFrame {
  readonly flags: number;
  readonly body: Uint8Array;
}

/**
 * Cuts a stream of bytes into frames: a flag byte, four bytes of length (big endian), the body. Holds at most one
 * unfinished frame. `take` throws `Refused` `TOO_LARGE` as soon as a length over the limit is seen.
 */
export class FrameParser {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** Bytes of an unfinished frame. */
  get pending(): number {
    return this.#length;
  }

  /** The next whole frame; null: not there yet. */
  take(): RawFrame | null {
    if (this.#length < PREFIX_BYTES) return null;
    const prefix = this.#front(PREFIX_BYTES);
    const length = prefix.readUInt32BE(1);
    if (length > this.#maxBytes) throw new Refused(Refusal.TOO_LARGE, 'a frame is too large');
    const total = PREFIX_BYTES + length;
    if (this.#length < total) return null;
    const front = this.#front(total);
    const flags = front[0] ?? 0;
    const body = front.subarray(PREFIX_BYTES, total);
    this.#drop(total);
    return { flags, body };
  }

  /** The first chunk, made long enough. */
  #front(length: number): Buffer {
    let [first = Buffer.alloc(0)] = this.#chunks;
    if (first.length < length) {
      first = Buffer.concat(this.#chunks);
      this.#chunks = [first];
    }
    return first;
  }

  #drop(length: number): void {
    const [first = Buffer.alloc(0)] = this.#chunks;
    this.#length -= length;
    if (first.length === length) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(length);
  }
}
