import { x448 } from '@noble/curves/ed448.js';
import { blake2b, blake2s } from '@noble/hashes/blake2.js';
import { expand, extract } from '@noble/hashes/hkdf.js';
import { Secret } from '@sotto/crypto';
import type { CryptoProvider } from '@sotto/crypto';
import { noiseKeyPair, noiseSuite } from '../../packages/ratchet/src/noise/suite.ts';
import type { NoiseCipherName, NoiseKeyPair, NoiseSuite } from '../../packages/ratchet/src/noise/suite.ts';

/** A suite for running vectors, and how it takes their private keys. */
export interface VectorSuite {
  readonly suite: NoiseSuite;
  readonly importKey: (bytes: Uint8Array) => NoiseKeyPair;
}

const ciphers: Readonly<Record<string, NoiseCipherName>> = { ChaChaPoly: 'ChaChaPoly', AESGCM: 'AESGCM' };

/**
 * X25519, the ciphers and SHA-2 come from the provider under test; Curve448 and BLAKE2, which Sotto does not use, come
 * from noble, so that their vectors exercise the state machine too. Null for parameters that neither has.
 */
export function vectorSuite(provider: CryptoProvider, dh: string, cipher: string, hash: string): VectorSuite | null {
  const cipherName = ciphers[cipher];
  if (cipherName === undefined) return null;
  const withHash = hashSuite(provider, cipherName, hash);
  if (withHash === null) return null;
  const suite: NoiseSuite = { ...withHash, name: `${dh}_${cipher}_${hash}` };
  if (dh === '25519') {
    return { suite, importKey: (bytes) => noiseKeyPair(provider, provider.importPrivate('x25519', bytes)) };
  }
  if (dh !== '448') return null;
  return { suite: { ...suite, keyLength: 56 }, importKey: keyPair448 };
}

function hashSuite(provider: CryptoProvider, cipher: NoiseCipherName, hash: string): NoiseSuite | null {
  if (hash === 'SHA256' || hash === 'SHA512') return noiseSuite(provider, cipher, hash);
  const blake2 = hash === 'BLAKE2b' ? blake2b : hash === 'BLAKE2s' ? blake2s : null;
  if (blake2 === null) return null;
  const length = blake2.outputLen;
  return {
    ...noiseSuite(provider, cipher, 'SHA256'),
    hashLength: length,
    hash: (...parts) => blake2(Uint8Array.from(parts.flatMap((part) => [...part]))),
    hkdf(chainingKey, ikm, outputs) {
      const bytes = ikm instanceof Secret ? ikm.reveal() : ikm;
      const all = expand(blake2, extract(blake2, bytes, chainingKey.reveal()), new Uint8Array(0), length * outputs);
      return Array.from({ length: outputs }, (_, i) => Secret.copy(all.subarray(i * length, (i + 1) * length)));
    },
  };
}

function keyPair448(bytes: Uint8Array): NoiseKeyPair {
  return {
    publicKey: x448.getPublicKey(bytes),
    dh: (peer) => Secret.copy(x448.getSharedSecret(bytes, peer)),
    [Symbol.dispose]() {},
  };
}
