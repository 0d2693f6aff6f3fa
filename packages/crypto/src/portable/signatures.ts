import { ed25519 } from '@noble/curves/ed25519.js';
import { ed448 } from '@noble/curves/ed448.js';
import { isBindingEdwards448 } from '../points448.ts';
import type { SignatureKind } from '../provider.ts';
import { EDDSA_SIGNATURE_SIZES } from '../sizes.ts';
import { signEcdsa, verifyEcdsa } from './ecdsa.ts';
import { verify as verifyEd25519 } from './ed25519.ts';

export function signWith(kind: SignatureKind, secret: Uint8Array, message: Uint8Array): Uint8Array {
  if (kind === 'ed25519') return ed25519.sign(message, secret);
  if (kind === 'ed448') return ed448.sign(message, secret);
  return signEcdsa(kind, secret, message);
}

export function verifyWith(
  kind: SignatureKind,
  signer: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (kind !== 'ed25519' && kind !== 'ed448') return verifyEcdsa(kind, signer, message, signature);
  if (signature.length !== EDDSA_SIGNATURE_SIZES[kind]) return false;
  if (kind === 'ed25519') return verifyEd25519(signer, message, signature);
  // OpenSSL verifies Ed448 up to the cofactor, as noble does, but takes no R of low order.
  return isBindingEdwards448(signature) && ed448.verify(signature, message, signer, { zip215: false });
}
