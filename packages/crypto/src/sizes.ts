import { CryptoError } from './error.ts';
import type { AeadName, HashName, KeyKind } from './provider.ts';

/** Raw key sizes in bytes: RFC 7748, RFC 8032, SEC 1 §2.3.3, FIPS 203, draft-connolly-cfrg-xwing-kem §5. */
export const KEY_SIZES: { readonly [Kind in KeyKind]: { readonly private: number; readonly public: number } } = {
  x25519: { private: 32, public: 32 },
  x448: { private: 56, public: 56 },
  'p-256': { private: 32, public: 65 },
  'p-384': { private: 48, public: 97 },
  'p-521': { private: 66, public: 133 },
  ed25519: { private: 32, public: 32 },
  ed448: { private: 57, public: 57 },
  'ecdsa-p256-sha256': { private: 32, public: 65 },
  'ecdsa-p384-sha384': { private: 48, public: 97 },
  'ecdsa-p521-sha512': { private: 66, public: 133 },
  'ml-kem-768': { private: 64, public: 1184 },
  'x-wing': { private: 32, public: 1216 },
};

export const KEM_CIPHERTEXT_SIZES = { 'ml-kem-768': 1088, 'x-wing': 1120 } as const;

/** bytes, RFC 8032; ECDSA signatures vary in length. */
export const EDDSA_SIGNATURE_SIZES = { ed25519: 64, ed448: 114 } as const;
export const AEAD_TAG_SIZE = 16;

export const AEAD_SIZES: { readonly [Name in AeadName]: { readonly key: number; readonly nonce: number } } = {
  'chacha20-poly1305': { key: 32, nonce: 12 },
  'xchacha20-poly1305': { key: 32, nonce: 24 },
  'aes-256-gcm': { key: 32, nonce: 12 },
  'aes-128-gcm': { key: 16, nonce: 12 },
};

export const HASH_SIZES: { readonly [Name in HashName]: number } = { sha256: 32, sha384: 48, sha512: 64 };

/** Throws `length` unless `bytes` has exactly `length` bytes. `what` names the argument, never its value. */
export function requireLength(bytes: Uint8Array, length: number, what: string): void {
  if (bytes.length !== length) throw new CryptoError('length', `${what} must have ${length} bytes`);
}

/** RFC 5869 §2.3: at most 255 blocks of output. */
export function requireHkdfLength(name: HashName, length: number): void {
  if (!Number.isInteger(length) || length < 1 || length > 255 * HASH_SIZES[name]) {
    throw new CryptoError('length', `HKDF output must have 1 to ${255 * HASH_SIZES[name]} bytes`);
  }
}

/** Throws `length` unless key and nonce fit the cipher. */
export function requireAeadSizes(name: AeadName, key: Uint8Array, nonce: Uint8Array): void {
  const sizes = AEAD_SIZES[name];
  requireLength(key, sizes.key, `${name} key`);
  requireLength(nonce, sizes.nonce, `${name} nonce`);
}

/** A byte count a caller asked for. */
export function requireCount(length: number, what: string): void {
  if (!Number.isSafeInteger(length) || length < 0) throw new CryptoError('length', `${what} must be a whole number`);
}
