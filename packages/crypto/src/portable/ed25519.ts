import { ed25519 } from '@noble/curves/ed25519.js';
import { bytesToNumberLE } from '@noble/curves/utils.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { isBindingEdwards } from '../points.ts';

/**
 * RFC 8032 §5.1.7 with the equation [S]B = R + [k]A and R compared as bytes, as OpenSSL does. noble's own `verify`
 * multiplies by the cofactor, so a signer could make signatures that hold on one platform and not on the other; a
 * sigchain must be judged alike everywhere.
 */
export function verify(signer: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!isBindingEdwards(signer)) return false;
  const { BASE, Fn } = ed25519.Point;
  const r = signature.subarray(0, 32);
  const s = bytesToNumberLE(signature.subarray(32));
  if (s >= Fn.ORDER) return false;
  const key = decode(signer);
  if (key === null) return false;
  const k = Fn.create(bytesToNumberLE(sha512.create().update(r).update(signer).update(message).digest()));
  const expected = BASE.multiplyUnsafe(s).subtract(key.multiplyUnsafe(k)).toBytes();
  return expected.every((byte, i) => byte === r[i]);
}

function decode(bytes: Uint8Array): InstanceType<typeof ed25519.Point> | null {
  try {
    return ed25519.Point.fromBytes(bytes);
  } catch {
    return null;
  }
}
