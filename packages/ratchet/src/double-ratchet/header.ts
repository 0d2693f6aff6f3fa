import { readU16, readU32, writeU16, writeU32 } from '../numbers.ts';

/** The header of a message: ratchet key (32) ‖ PN (4) ‖ N (4) ‖ length of the extension (2). */
export const HEADER_BYTES = 42;

export interface Header {
  /** The sender's ratchet key, 32 bytes; a view. */
  readonly ratchetKey: Uint8Array;
  /** PN: messages in the sender's previous sending chain. */
  readonly previous: number;
  /** N: number of this message in its chain. */
  readonly number: number;
}

export function encodeHeader({ ratchetKey, previous, number }: Header): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes.set(ratchetKey);
  writeU32(bytes, 32, previous);
  writeU32(bytes, 36, number);
  writeU16(bytes, 40, 0);
  return bytes;
}

/**
 * Null when the header announces an extension. A later suite (Triple Ratchet) will put its sealed fields, of the length
 * named here, between header and body; in this one there are none, and anything else is refused rather than skipped.
 */
export function decodeHeader(bytes: Uint8Array): Header | null {
  if (bytes.length !== HEADER_BYTES || readU16(bytes, 40) !== 0) return null;
  return { ratchetKey: bytes.subarray(0, 32), previous: readU32(bytes, 32), number: readU32(bytes, 36) };
}
