import { x25519 } from '@noble/curves/ed25519.js';
import { x448 } from '@noble/curves/ed448.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { CryptoError } from '../error.ts';
import type { DhKind } from '../provider.ts';
import { Secret } from '../secret.ts';
import { moveToSecret } from './bytes.ts';

const MONTGOMERY = { x25519, x448 };
const WEIERSTRASS = { 'p-256': p256, 'p-384': p384, 'p-521': p521 };

/** Of raw keys that were checked when imported. noble refuses all-zero results too (RFC 7748 §6). */
export function agree(kind: DhKind, own: Uint8Array, peer: Uint8Array): Secret {
  if (kind !== 'x25519' && kind !== 'x448') return agreeWeierstrass(WEIERSTRASS[kind], own, peer);
  try {
    return moveToSecret(MONTGOMERY[kind].getSharedSecret(own, peer));
  } catch (cause) {
    throw new CryptoError('low_order', 'Diffie-Hellman result is zero', { cause });
  }
}

/** noble gives the shared point; the secret is its x-coordinate (RFC 9180 §7.1.1). */
function agreeWeierstrass(curve: typeof p256, own: Uint8Array, peer: Uint8Array): Secret {
  const point = curve.getSharedSecret(own, peer, true);
  const secret = Secret.copy(point.subarray(1));
  point.fill(0);
  return secret;
}
