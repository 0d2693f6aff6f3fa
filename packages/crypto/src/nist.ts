import { CryptoError } from './error.ts';
import { fromHex } from './bytes.ts';
import type { EcdsaKind, HashName, KeyKind } from './provider.ts';

/** Kinds whose keys lie on a NIST prime curve. */
export type NistKind = 'p-256' | 'p-384' | 'p-521' | EcdsaKind;

/** A prime curve of SP 800-186 §3.2.1: every point but the identity has order n, so being on the curve is enough. */
export interface NistCurve {
  readonly name: 'P-256' | 'P-384' | 'P-521';
  /** n, big-endian, as long as a private key. */
  readonly order: Uint8Array;
  /** Clears the bits of the first byte that n does not reach (`bitmask` in RFC 9180 §7.1.3). */
  readonly topMask: number;
}

const P256: NistCurve = {
  name: 'P-256',
  order: fromHex('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'),
  topMask: 0xff,
};
const P384: NistCurve = {
  name: 'P-384',
  order: fromHex('ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973'),
  topMask: 0xff,
};
const P521: NistCurve = {
  name: 'P-521',
  order: fromHex(
    '01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa' +
      '51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409',
  ),
  topMask: 0x01,
};

export const NIST_CURVES: { readonly [Kind in NistKind]: NistCurve } = {
  'p-256': P256,
  'p-384': P384,
  'p-521': P521,
  'ecdsa-p256-sha256': P256,
  'ecdsa-p384-sha384': P384,
  'ecdsa-p521-sha512': P521,
};

export const ECDSA_HASHES: { readonly [Kind in EcdsaKind]: HashName } = {
  'ecdsa-p256-sha256': 'sha256',
  'ecdsa-p384-sha384': 'sha384',
  'ecdsa-p521-sha512': 'sha512',
};

export function isNist(kind: KeyKind): kind is NistKind {
  return Object.hasOwn(NIST_CURVES, kind);
}

export function isEcdsa(kind: KeyKind): kind is EcdsaKind {
  return Object.hasOwn(ECDSA_HASHES, kind);
}

/** Whether 0 < `bytes` < n, without branching on the secret. `bytes` has the curve's length. */
export function isScalar(curve: NistCurve, bytes: Uint8Array): boolean {
  let borrow = 0;
  let any = 0;
  for (let i = curve.order.length - 1; i >= 0; i--) {
    const byte = bytes[i] ?? 0;
    borrow = ((byte - (curve.order[i] ?? 0) - borrow) >> 8) & 1;
    any |= byte;
  }
  return borrow === 1 && any !== 0;
}

/** Throws `bad_key` unless 0 < `bytes` < n: OpenSSL takes any scalar of the right length. */
export function requireScalar(kind: NistKind, bytes: Uint8Array): void {
  if (!isScalar(NIST_CURVES[kind], bytes)) throw new CryptoError('bad_key', `${kind} private key is out of range`);
}

/** Throws `bad_key` unless `point` begins as an uncompressed one: OpenSSL also reads the hybrid form of this length. */
export function requireUncompressed(kind: NistKind, point: Uint8Array): void {
  if (point[0] !== 0x04) throw new CryptoError('bad_key', `${kind} public key is not an uncompressed point`);
}

/** A uniform scalar by rejection, FIPS 186-5 §A.2.2; half of all candidates pass at the very least. */
export function randomScalar(kind: NistKind, random: (length: number) => Uint8Array): Uint8Array {
  const curve = NIST_CURVES[kind];
  for (;;) {
    const candidate = random(curve.order.length);
    candidate[0] = (candidate[0] ?? 0) & curve.topMask;
    if (isScalar(curve, candidate)) return candidate;
    candidate.fill(0);
  }
}
