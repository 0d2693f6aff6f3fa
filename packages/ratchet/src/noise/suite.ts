import type { AeadName, Bytes, CryptoProvider, HashName, PrivateKey, Secret } from '@sotto/crypto';

/** A Diffie-Hellman key pair as Noise §4.1 wants it. */
export interface NoiseKeyPair extends Disposable {
  readonly publicKey: Uint8Array;
  /** Throws when the result would be all zeros. */
  dh(peer: Uint8Array): Secret;
}

/** The functions of Noise §4: DH, cipher and hash. */
export interface NoiseSuite {
  /** As it ends a protocol name: `25519_ChaChaPoly_SHA256`. */
  readonly name: string;
  /** DHLEN, bytes */
  readonly keyLength: number;
  /** HASHLEN, bytes */
  readonly hashLength: number;
  generate(): NoiseKeyPair;
  hash(...parts: readonly Uint8Array[]): Uint8Array;
  /** HKDF of §4.3: `outputs` values of HASHLEN bytes. */
  hkdf(chainingKey: Secret, ikm: Bytes, outputs: number): Secret[];
  seal(key: Secret, nonce: bigint, associated: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** Null when not authentic. */
  open(key: Secret, nonce: bigint, associated: Uint8Array, sealed: Uint8Array): Uint8Array | null;
}

export type NoiseCipherName = 'ChaChaPoly' | 'AESGCM';
export type NoiseHashName = 'SHA256' | 'SHA512';

const hashes: Readonly<Record<NoiseHashName, { name: HashName; length: number }>> = {
  SHA256: { name: 'sha256', length: 32 },
  SHA512: { name: 'sha512', length: 64 },
};

/** Ciphers of §12.3 and §12.4 differ in their nonce's byte order, too. */
const ciphers: Readonly<Record<NoiseCipherName, { name: AeadName; littleEndian: boolean }>> = {
  ChaChaPoly: { name: 'chacha20-poly1305', littleEndian: true },
  AESGCM: { name: 'aes-256-gcm', littleEndian: false },
};

const empty = new Uint8Array(0);

/** The suite over X25519 that a provider's primitives give. */
export function noiseSuite(provider: CryptoProvider, cipher: NoiseCipherName, hash: NoiseHashName): NoiseSuite {
  const { name: hashName, length: hashLength } = hashes[hash];
  const { name: aead, littleEndian } = ciphers[cipher];

  function nonceBytes(nonce: bigint): Uint8Array {
    const bytes = new Uint8Array(12);
    new DataView(bytes.buffer).setBigUint64(4, nonce, littleEndian);
    return bytes;
  }

  return {
    name: `25519_${cipher}_${hash}`,
    keyLength: 32,
    hashLength,
    generate: () => noiseKeyPair(provider, provider.generate('x25519')),
    hash: (...parts) => provider.hash(hashName, ...parts),
    hkdf(chainingKey, ikm, outputs) {
      using all = provider.hkdf(hashName, ikm, chainingKey, empty, hashLength * outputs);
      return Array.from({ length: outputs }, (_, i) => all.slice(i * hashLength, (i + 1) * hashLength));
    },
    seal: (key, nonce, associated, plaintext) => provider.seal(aead, key, nonceBytes(nonce), plaintext, associated),
    open: (key, nonce, associated, sealed) => provider.open(aead, key, nonceBytes(nonce), sealed, associated),
  };
}

/** An X25519 key for a handshake. Disposing of it disposes of the key. */
export function noiseKeyPair(provider: CryptoProvider, key: PrivateKey<'x25519'>): NoiseKeyPair {
  return {
    publicKey: key.publicKey,
    dh: (peer) => provider.dh(key, peer),
    [Symbol.dispose]: () => key[Symbol.dispose](),
  };
}
