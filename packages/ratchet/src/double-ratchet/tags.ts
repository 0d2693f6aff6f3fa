import type { CryptoProvider } from '@sotto/crypto';
import { TAG_BYTES } from './state.ts';

/** Tags that one nonce of the keystream gives; 2 KiB of keystream cost little more than 64 bytes of it. */
const PAGE = 256;

/**
 * Tags of the messages `from` … `from + count - 1` of a chain, one after another: tag i is the 8 bytes at 8·(i mod 256)
 * of the ChaCha20 keystream with nonce LE32(⌊i/256⌋) ‖ 0.
 */
export function tagRange(provider: CryptoProvider, tagKey: Uint8Array, from: number, count: number): Uint8Array {
  const tags = new Uint8Array(count * TAG_BYTES);
  const nonce = new Uint8Array(12);
  const end = from + count;
  for (let at = from; at < end;) {
    const page = Math.floor(at / PAGE);
    const pageEnd = Math.min(end, (page + 1) * PAGE);
    nonce[0] = page;
    nonce[1] = page >>> 8;
    nonce[2] = page >>> 16;
    const stream = provider.keystream(tagKey, nonce, (pageEnd - page * PAGE) * TAG_BYTES);
    tags.set(stream.subarray((at - page * PAGE) * TAG_BYTES), (at - from) * TAG_BYTES);
    at = pageEnd;
  }
  return tags;
}

/** The `index`-th of concatenated tags, as a view. */
export function tagOf(tags: Uint8Array, index: number): Uint8Array {
  return tags.subarray(index * TAG_BYTES, (index + 1) * TAG_BYTES);
}

/** Concatenated tags as single ones, from the `from`-th on; views. */
export function splitTags(tags: Uint8Array, from = 0): Uint8Array[] {
  const { buffer, byteOffset, length } = tags;
  const single: Uint8Array[] = [];
  for (let at = from * TAG_BYTES; at < length; at += TAG_BYTES) {
    single.push(new Uint8Array(buffer, byteOffset + at, TAG_BYTES));
  }
  return single;
}
