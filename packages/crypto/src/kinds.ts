import type { DhKind, KeyKind, SignatureKind } from './provider.ts';

/** The most used first: `isOneOf` looks in order. */
export const DH_KINDS: readonly DhKind[] = ['x25519', 'p-256', 'p-384', 'p-521', 'x448'];
export const SIGNATURE_KINDS: readonly SignatureKind[] = [
  'ed25519',
  'ecdsa-p256-sha256',
  'ecdsa-p384-sha384',
  'ecdsa-p521-sha512',
  'ed448',
];

export function isOneOf(kind: KeyKind, kinds: readonly KeyKind[]): boolean {
  return kinds.includes(kind);
}
