import { p256, p384, p521 } from '@noble/curves/nist.js';
import type { EcdsaKind } from '../provider.ts';

const CURVES = {
  'ecdsa-p256-sha256': p256,
  'ecdsa-p384-sha384': p384,
  'ecdsa-p521-sha512': p521,
} as const satisfies { readonly [Kind in EcdsaKind]: unknown };

/** Each curve hashes with its own hash. FIPS 186-5 allows a high s, which noble refuses by default. */
const OPTIONS = { format: 'der', lowS: false, prehash: true } as const;

/** With the nonce of RFC 6979. */
export function signEcdsa(kind: EcdsaKind, secret: Uint8Array, message: Uint8Array): Uint8Array {
  return CURVES[kind].sign(message, secret, OPTIONS);
}

export function verifyEcdsa(kind: EcdsaKind, signer: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return CURVES[kind].verify(signature, message, signer, OPTIONS);
}
