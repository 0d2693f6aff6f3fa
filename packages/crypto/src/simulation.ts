import { createCipheriv, hash } from 'node:crypto';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import type { Entropy } from './native/entropy.ts';
import { plain, secretOf } from './native/bytes.ts';
import { importPrivateObject } from './native/keys.ts';
import { NativeProvider } from './native/provider.ts';
import { isNist, randomScalar } from './nist.ts';
import { signEcdsa } from './portable/ecdsa.ts';
import type { CryptoProvider } from './provider.ts';
import { KEY_SIZES } from './sizes.ts';

/**
 * A provider whose keys, nonces and encapsulations follow from `seed` (any length): for simulation and tests, where a
 * run must repeat. Whoever knows the seed knows every secret, so no shipped program may import this subpath.
 *
 * The same operations on `portableProvider` with the same stream give the same bytes. All primitives are native except
 * ML-KEM encapsulation and ECDSA signing, for which node:crypto takes no coins and no nonce.
 */
export function seededProvider(seed: Uint8Array): CryptoProvider {
  return new NativeProvider('seeded', seededEntropy(seededStream(seed)));
}

/** The stream behind `seededProvider`: ChaCha20 keystream, keyed by SHA-256 of the seed. */
export function seededStream(seed: Uint8Array): (length: number) => Uint8Array {
  const cipher = createCipheriv('chacha20', hash('sha256', seed, 'buffer'), new Uint8Array(16));
  return (length) => plain(cipher.update(new Uint8Array(length)));
}

function seededEntropy(random: (length: number) => Uint8Array): Entropy {
  return {
    random,
    generate(kind) {
      const seed = isNist(kind) ? randomScalar(kind, random) : random(KEY_SIZES[kind].private);
      const object = importPrivateObject(kind, seed);
      seed.fill(0);
      return object;
    },
    signEcdsa(kind, own, message) {
      using secret = secretOf(own.export({ format: 'raw-private' }));
      return signEcdsa(kind, secret.reveal(), message);
    },
    encapsulate(peer) {
      const coins = random(32);
      const { cipherText, sharedSecret } = ml_kem768.encapsulate(peer.bytes, coins);
      coins.fill(0);
      return { ciphertext: cipherText, sharedSecret };
    },
  };
}
