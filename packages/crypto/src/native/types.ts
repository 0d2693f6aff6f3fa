import type { NistKind } from '../nist.ts';
import type { KeyKind } from '../provider.ts';

/** The kinds node:crypto holds in one KeyObject; X-Wing is made of two of them. */
export type SimpleKind = Exclude<KeyKind, 'x-wing'>;

/** What node:crypto calls a kind's keys. */
interface KeyType {
  readonly asymmetricKeyType: 'ec' | Exclude<SimpleKind, NistKind>;
  readonly namedCurve?: string;
}

export const KEY_TYPES: { readonly [Kind in SimpleKind]: KeyType } = {
  x25519: { asymmetricKeyType: 'x25519' },
  x448: { asymmetricKeyType: 'x448' },
  'p-256': { asymmetricKeyType: 'ec', namedCurve: 'P-256' },
  'p-384': { asymmetricKeyType: 'ec', namedCurve: 'P-384' },
  'p-521': { asymmetricKeyType: 'ec', namedCurve: 'P-521' },
  ed25519: { asymmetricKeyType: 'ed25519' },
  ed448: { asymmetricKeyType: 'ed448' },
  'ecdsa-p256-sha256': { asymmetricKeyType: 'ec', namedCurve: 'P-256' },
  'ecdsa-p384-sha384': { asymmetricKeyType: 'ec', namedCurve: 'P-384' },
  'ecdsa-p521-sha512': { asymmetricKeyType: 'ec', namedCurve: 'P-521' },
  'ml-kem-768': { asymmetricKeyType: 'ml-kem-768' },
};
