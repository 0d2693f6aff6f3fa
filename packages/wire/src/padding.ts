import { WireError } from './error.ts';
import { MAX_ENVELOPE_BYTES } from './limits.ts';

/** The envelope's fields around the seal take at most 45 bytes; kept apart from the largest bucket. */
const ENVELOPE_ROOM = 64;

/**
 * The only lengths `Envelope.sealed` can have, bytes, everything included (tag, salt, headers, encapsulation, AEAD tags).
 *
 * - 512: receipts, typing, reactions and short texts (about 200 bytes beside their ids).
 * - 2 KiB: a longer text, an own-device sync.
 * - 6 KiB: every first message, whose chain, KEM ciphertext and encapsulation take about 3 KiB, together with its short
 *   text or contact request and a few devices; and texts of a page or two, which look the same.
 * - 24 KiB and just below 96 KiB: long texts.
 *
 * Neighbours are about a factor of four apart: an observer learns at most 2.3 bits of a message's size, and no ordinary
 * message lies near a border that its content would move it across.
 */
export const SEALED_BUCKETS = [512, 2048, 6144, 24_576, MAX_ENVELOPE_BYTES - ENVELOPE_ROOM] as const;

/** True for a length that sealed bytes may have. */
export function isBucket(length: number): boolean {
  for (const bucket of SEALED_BUCKETS) if (length === bucket) return true;
  return false;
}

/**
 * Length to pad `contentLength` bytes to when sealing adds `overhead` bytes, so that the sum fills the smallest bucket.
 * Throws `WireError` `too_large` when no bucket holds it.
 */
export function paddedLength(
  contentLength: number,
  overhead: number,
  buckets: readonly number[] = SEALED_BUCKETS,
): number {
  for (const bucket of buckets) if (contentLength + 1 + overhead <= bucket) return bucket - overhead;
  throw new WireError('too_large', 'larger than the largest bucket');
}

/**
 * Pads as ISO/IEC 7816-4: 0x80, then zeros, at least the one byte. Throws `WireError` `too_large`.
 * `overhead` is what sealing will add, bytes; `buckets` the lengths that sealed bytes may have, ascending.
 */
export function pad(content: Uint8Array, overhead: number, buckets: readonly number[] = SEALED_BUCKETS): Uint8Array {
  const padded = new Uint8Array(paddedLength(content.length, overhead, buckets));
  padded.set(content);
  padded[content.length] = 0x80;
  return padded;
}

/**
 * Takes the padding off and returns a view. Throws `WireError` `padding` when the last byte that is not zero is not 0x80.
 * Runs after authentication only; its time depends on the padding's length and on nothing in the content.
 */
export function unpad(padded: Uint8Array): Uint8Array {
  let end = padded.length - 1;
  while (end >= 0 && padded[end] === 0) end--;
  if (end < 0 || padded[end] !== 0x80) throw new WireError('padding', 'the padding is damaged');
  return padded.subarray(0, end);
}
