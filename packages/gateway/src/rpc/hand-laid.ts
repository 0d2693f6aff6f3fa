/**
 * Protobuf written by hand for the frames of the hot streams. The generic writer takes five times as long for a delivery
 * and copies its envelope twice (docs/performance.md); tests compare both on any frame.
 */

const VARINT = 0;
const BYTES = 2;

/** Bytes of a varint up to 2^53. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

/** A buffer of known length that is filled from front to back. */
export class HandWriter {
  readonly buffer: Buffer;
  #at: number;

  /** `reserve` bytes in front are left to the caller. */
  constructor(reserve: number, length: number) {
    this.buffer = Buffer.allocUnsafe(reserve + length);
    this.#at = reserve;
  }

  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.buffer[this.#at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.buffer[this.#at++] = rest;
  }

  /** A scalar field; left out when it is 0, as proto3 has it. */
  scalar(field: number, value: number): void {
    if (value === 0) return;
    this.buffer[this.#at++] = (field << 3) | VARINT;
    this.varint(value);
  }

  /** Tag and length of a message, bytes or packed field. */
  head(field: number, length: number): void {
    this.buffer[this.#at++] = (field << 3) | BYTES;
    this.varint(length);
  }

  bytes(value: Uint8Array): void {
    this.buffer.set(value, this.#at);
    this.#at += value.length;
  }
}

/** Bytes of a scalar field below 16. */
export function scalarLength(value: number): number {
  return value === 0 ? 0 : 1 + varintLength(value);
}

/** Bytes of a message, bytes or packed field below 16. */
export function bodyLength(length: number): number {
  return 1 + varintLength(length) + length;
}
