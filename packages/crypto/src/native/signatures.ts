import { sign, verify } from 'node:crypto';
import { ECDSA_HASHES, isEcdsa } from '../nist.ts';
import type { SignatureKind } from '../provider.ts';
import { EDDSA_SIGNATURE_SIZES } from '../sizes.ts';
import { plain } from './bytes.ts';
import type { Entropy } from './entropy.ts';
import type { NativePrivateKey, NativePublicKey } from './keys.ts';

/** Anything but ECDSA follows from key and message. */
export function signWith(entropy: Entropy, own: NativePrivateKey<SignatureKind>, message: Uint8Array): Uint8Array {
  if (isEcdsa(own.kind)) return entropy.signEcdsa(own.kind, own.object, message);
  return plain(sign(null, message, own.object));
}

/** OpenSSL takes ECDSA signatures in strict DER only. */
export function verifyWith(
  signer: NativePublicKey<SignatureKind>,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { kind, object } = signer;
  if (isEcdsa(kind)) return verify(ECDSA_HASHES[kind], message, object, signature);
  return signature.length === EDDSA_SIGNATURE_SIZES[kind] && verify(null, message, object, signature);
}
