import { encapsulate, generateKeyPairSync, randomFillSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { ECDSA_HASHES } from '../nist.ts';
import type { EcdsaKind } from '../provider.ts';
import { requireCount } from '../sizes.ts';
import { plain } from './bytes.ts';
import type { NativePublicKey } from './keys.ts';
import type { SimpleKind } from './types.ts';

/** Everything in the native provider that is not a function of its inputs. */
export interface Entropy {
  random(length: number): Uint8Array;
  generate(kind: SimpleKind): KeyObject;
  signEcdsa(kind: EcdsaKind, own: KeyObject, message: Uint8Array): Uint8Array;
  /** `sharedSecret` is alone in its ArrayBuffer. */
  encapsulate(peer: NativePublicKey<'ml-kem-768'>): { ciphertext: Uint8Array; sharedSecret: Uint8Array };
}

// node:crypto types each kind as an overload of its own.
const GENERATORS: { readonly [Kind in SimpleKind]: () => { privateKey: KeyObject } } = {
  x25519: () => generateKeyPairSync('x25519'),
  x448: () => generateKeyPairSync('x448'),
  'p-256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'p-384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'p-521': () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  ed25519: () => generateKeyPairSync('ed25519'),
  ed448: () => generateKeyPairSync('ed448'),
  'ecdsa-p256-sha256': () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'ecdsa-p384-sha384': () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'ecdsa-p521-sha512': () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
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
  signEcdsa(kind, own, message) {
    return plain(sign(ECDSA_HASHES[kind], message, own));
  },
  encapsulate(peer) {
    const { ciphertext, sharedKey } = encapsulate(peer.object);
    return { ciphertext: plain(ciphertext), sharedSecret: plain(sharedKey) };
  },
};
