import { encapsulate, generateKeyPairSync, randomFillSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { requireCount } from '../sizes.ts';
import { plain } from './bytes.ts';
import type { NativePublicKey, SimpleKind } from './keys.ts';

/** Everything in the native provider that is not a function of its inputs. */
export interface Entropy {
  random(length: number): Uint8Array;
  generate(kind: SimpleKind): KeyObject;
  /** `sharedSecret` is alone in its ArrayBuffer. */
  encapsulate(peer: NativePublicKey<'ml-kem-768'>): { ciphertext: Uint8Array; sharedSecret: Uint8Array };
}

// node:crypto types each kind as an overload of its own.
const GENERATORS: { readonly [Kind in SimpleKind]: () => { privateKey: KeyObject } } = {
  x25519: () => generateKeyPairSync('x25519'),
  ed25519: () => generateKeyPairSync('ed25519'),
  'ml-kem-768': () => generateKeyPairSync('ml-kem-768'),
};

/** OpenSSL's generators. Generated private keys never enter JavaScript. */
export const systemEntropy: Entropy = {
  random(length) {
    requireCount(length, 'random bytes');
    return randomFillSync(new Uint8Array(new ArrayBuffer(length)));
  },
  generate(kind) {
    return GENERATORS[kind]().privateKey;
  },
  encapsulate(peer) {
    const { ciphertext, sharedKey } = encapsulate(peer.object);
    return { ciphertext: plain(ciphertext), sharedSecret: plain(sharedKey) };
  },
};
