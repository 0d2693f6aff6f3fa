import { hchacha } from '@noble/ciphers/chacha.js';

/** "expand 32-byte k" as little-endian words, RFC 8439 §2.3. */
const SIGMA = Uint32Array.of(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574);

/**
 * Runs `use` with the ChaCha20-Poly1305 key and 12-byte nonce that stand for an XChaCha20 key and 24-byte nonce
 * (draft-irtf-cfrg-xchacha-03 §2.3), and wipes that key. OpenSSL has no XChaCha20; HChaCha20 comes from noble.
 */
export function withXChaChaSubkey<T>(
  key: Uint8Array,
  nonce: Uint8Array,
  use: (subkey: Uint8Array, nonce: Uint8Array) => T,
): T {
  const keyWords = words(key);
  const subkeyWords = new Uint32Array(new ArrayBuffer(32));
  const subkey = new Uint8Array(new ArrayBuffer(32));
  const short = new Uint8Array(12);
  short.set(nonce.subarray(16), 4);
  try {
    hchacha(SIGMA, keyWords, words(nonce.subarray(0, 16)), subkeyWords);
    const view = new DataView(subkey.buffer);
    subkeyWords.forEach((word, i) => view.setUint32(4 * i, word, true));
    return use(subkey, short);
  } finally {
    keyWords.fill(0);
    subkeyWords.fill(0);
    subkey.fill(0);
  }
}

function words(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const result = new Uint32Array(new ArrayBuffer(bytes.length));
  for (let i = 0; i < result.length; i++) result[i] = view.getUint32(4 * i, true);
  return result;
}
