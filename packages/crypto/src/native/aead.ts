import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { AeadName } from '../provider.ts';
import { AEAD_TAG_SIZE, requireAeadSizes } from '../sizes.ts';
import { plain, pooled } from './bytes.ts';
import { withXChaChaSubkey } from './xchacha.ts';

const OPTIONS = { authTagLength: AEAD_TAG_SIZE };

/** See `CryptoProvider.seal`. */
export function seal(
  name: AeadName,
  key: Uint8Array,
  nonce: Uint8Array,
  plaintext: Uint8Array,
  associated: Uint8Array,
): Uint8Array {
  requireAeadSizes(name, key, nonce);
  if (name === 'xchacha20-poly1305') {
    return withXChaChaSubkey(key, nonce, (subkey, short) =>
      seal('chacha20-poly1305', subkey, short, plaintext, associated),
    );
  }
  // The types know chacha20-poly1305 and GCM by different overloads of one shape.
  const cipher = createCipheriv(name as 'aes-256-gcm', key, nonce, OPTIONS);
  if (associated.length > 0) cipher.setAAD(associated);
  const sealed = pooled(plaintext.length + AEAD_TAG_SIZE);
  if (plaintext.length > 0) sealed.set(cipher.update(plaintext));
  cipher.final();
  sealed.set(cipher.getAuthTag(), plaintext.length);
  return sealed;
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
  const length = sealed.length - AEAD_TAG_SIZE;
  if (length < 0) return null;
  if (name === 'xchacha20-poly1305') {
    return withXChaChaSubkey(key, nonce, (subkey, short) =>
      open('chacha20-poly1305', subkey, short, sealed, associated),
    );
  }
  const decipher = createDecipheriv(name as 'aes-256-gcm', key, nonce, OPTIONS);
  if (associated.length > 0) decipher.setAAD(associated);
  decipher.setAuthTag(sealed.subarray(length));
  const plaintext = length > 0 ? plain(decipher.update(sealed.subarray(0, length))) : new Uint8Array(0);
  try {
    decipher.final();
  } catch {
    plaintext.fill(0);
    return null;
  }
  return plaintext;
}
