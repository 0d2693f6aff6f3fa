import { fromHex } from './bytes.ts';
import { CryptoError } from './error.ts';

// Curve448 as points.ts treats Curve25519. Coordinates are little-endian, p = 2^448 - 2^224 - 1; public data, so comparing
// need not be constant-time.

const SIZE = 56;
const ZERO = fromHex('00'.repeat(SIZE));
const ONE = fromHex('01' + '00'.repeat(SIZE - 1));
const MINUS_ONE = fromHex('fe' + 'ff'.repeat(27) + 'fe' + 'ff'.repeat(27));
const P = fromHex('ff'.repeat(28) + 'fe' + 'ff'.repeat(27));
const P_PLUS_ONE = fromHex('00'.repeat(28) + 'ff'.repeat(28));

/** Throws `low_order` when a Diffie-Hellman with this X448 key would give zero whatever the other key is. */
export function refuseLowOrder448(point: Uint8Array): void {
  if ([ZERO, ONE, MINUS_ONE, P, P_PLUS_ONE].some((known) => compare(point, known) === 0)) {
    throw new CryptoError('low_order', 'x448 public key has low order');
  }
}

/**
 * Whether an Ed448 public key binds a signature to one message: the last of its 57 bytes holds nothing but the sign of x,
 * y is below p (RFC 8032 §5.2.3) and none of 0, 1 and -1, which are the y of the points of order 1, 2 and 4. Looks at the
 * first point of a signature too.
 */
export function isBindingEdwards448(point: Uint8Array): boolean {
  if (((point[SIZE] ?? 0) & 0x7f) !== 0) return false;
  return compare(point, P) < 0 && [ZERO, ONE, MINUS_ONE].every((known) => compare(point, known) !== 0);
}

/** Of the first 56 bytes as numbers. */
function compare(a: Uint8Array, b: Uint8Array): number {
  for (let i = SIZE - 1; i >= 0; i--) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
