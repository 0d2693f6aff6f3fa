import { CryptoError } from './error.ts';
import { isNist, requireUncompressed } from './nist.ts';
import { isBindingEdwards, refuseLowOrderMontgomery } from './points.ts';
import { isBindingEdwards448, refuseLowOrder448 } from './points448.ts';
import type { KeyKind } from './provider.ts';

/**
 * The checks on a public key of the right length that need no arithmetic, the same in every provider. Whether a point is
 * on its NIST curve and whether ML-KEM's coefficients are in range is left to the implementation below.
 */
export function checkPublicBytes(kind: KeyKind, bytes: Uint8Array): void {
  if (kind === 'x25519') refuseLowOrderMontgomery(bytes);
  else if (kind === 'ed25519') requireBinding(kind, isBindingEdwards(bytes));
  else if (kind === 'x448') refuseLowOrder448(bytes);
  else if (kind === 'ed448') requireBinding(kind, isBindingEdwards448(bytes));
  else if (isNist(kind)) requireUncompressed(kind, bytes);
}

function requireBinding(kind: KeyKind, binding: boolean): void {
  if (!binding) throw new CryptoError('bad_key', `${kind} public key is not canonical or has low order`);
}
