import { fromHex } from './bytes.ts';
import { CryptoError } from './error.ts';

// Both lists hold every 32-byte encoding of a point of order 1, 2, 4 or 8, top bit cleared (X25519 ignores it, Ed25519
// keeps the sign of x there), reduced and unreduced. Public data: comparing need not be constant-time.

/** u-coordinates on Curve25519 and its twist: 0, 1, two of order 8, p-1, p, p+1 (RFC 7748 §6.1, "contributory"). */
const LOW_ORDER_MONTGOMERY = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map(fromHex);

/** y-coordinates on edwards25519: 0, 1, two of order 8, -1; the unreduced ones fall to `isCanonicalEdwards`. */
const LOW_ORDER_EDWARDS = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].map(fromHex);

/** Throws `low_order` when a Diffie-Hellman with this X25519 key would give zero whatever the other key is. */
export function refuseLowOrderMontgomery(point: Uint8Array): void {
  if (isListed(LOW_ORDER_MONTGOMERY, point)) throw new CryptoError('low_order', 'x25519 public key has low order');
}

/**
 * Whether an Ed25519 public key binds a signature to one message: y below p (RFC 8032 §5.1.3) and not of low order,
 * under which one signature can hold for many messages.
 */
export function isBindingEdwards(point: Uint8Array): boolean {
  return isCanonicalEdwards(point) && !isListed(LOW_ORDER_EDWARDS, point);
}

/** y < p = 2^255 - 19. */
function isCanonicalEdwards(point: Uint8Array): boolean {
  if ((point[0] ?? 0) < 0xed || ((point[31] ?? 0) & 0x7f) !== 0x7f) return true;
  for (let i = 1; i < 31; i++) if (point[i] !== 0xff) return true;
  return false;
}

function isListed(list: readonly Uint8Array[], point: Uint8Array): boolean {
  const last = (point[31] ?? 0) & 0x7f;
  return list.some((known) => {
    if (known[31] !== last) return false;
    for (let i = 0; i < 31; i++) if (known[i] !== point[i]) return false;
    return true;
  });
}
