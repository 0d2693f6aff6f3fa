import { gcm } from '@noble/ciphers/aes.js';
import { chacha20poly1305, xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import type { AeadName } from '../provider.ts';
import { AEAD_TAG_SIZE, requireAeadSizes } from '../sizes.ts';

const CIPHERS = {
  'chacha20-poly1305': chacha20poly1305,
  'xchacha20-poly1305': xchacha20poly1305,
  'aes-256-gcm': gcm,
  'aes-128-gcm': gcm,
} as const satisfies { readonly [Name in AeadName]: unknown };

/** See `CryptoProvider.seal`. */
export function seal(
  name: AeadName,
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associated: Uint8Array,
): Uint8Array {
  requireAeadSizes(name, key, nonce);
  return CIPHERS[name](key, nonce, associated).encrypt(plaintext);
}

/** See `CryptoProvider.open`. */
export function open(
  name: AeadName,
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  associated: Uint8Array,
): Uint8Array | null {
  requireAeadSizes(name, key, nonce);
  if (sealed.length < AEAD_TAG_SIZE) return null;
  try {
    return CIPHERS[name](key, nonce, associated).decrypt(sealed);
  } catch {
    return null;
  }
}
