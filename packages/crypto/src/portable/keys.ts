import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { ed448, x448 } from '@noble/curves/ed448.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { ml_kem768_x25519 as xWing } from '@noble/post-quantum/hybrid.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { CryptoError } from '../error.ts';
import { inspect } from '../inspect.ts';
import { isNist, NIST_CURVES } from '../nist.ts';
import type { NistCurve, NistKind } from '../nist.ts';
import { refuseLowOrderMontgomery } from '../points.ts';
import { checkPublicBytes } from '../public-bytes.ts';
import type { KeyKind, PrivateKey, PublicKey } from '../provider.ts';
import type { Secret } from '../secret.ts';
import { KEY_SIZES, requireLength } from '../sizes.ts';
import { moveToSecret } from './bytes.ts';

/** A private key as its bytes; disposing wipes them. */
export class PortablePrivateKey<Kind extends KeyKind = KeyKind> implements PrivateKey<Kind> {
  readonly kind: Kind;
  readonly #secret: Secret;
  readonly #mlKem: Secret | undefined;
  #publicKey: Uint8Array | undefined;

  /** Takes `secret` over, which has the kind's length. */
  constructor(kind: Kind, secret: Secret) {
    this.kind = kind;
    this.#secret = secret;
    if (kind === 'ml-kem-768') {
      const expanded = ml_kem768.keygen(secret.reveal());
      this.#publicKey = expanded.publicKey;
      this.#mlKem = moveToSecret(expanded.secretKey);
    }
  }

  get publicKey(): Uint8Array {
    this.#publicKey ??= PUBLIC_OF[this.kind](this.#secret.reveal());
    return this.#publicKey;
  }

  /** The bytes themselves, and for ML-KEM-768 the expanded decapsulation key (FIPS 203 §7.1). */
  reveal(): Uint8Array {
    return (this.#mlKem ?? this.#secret).reveal();
  }

  export(): Secret {
    return this.#secret.slice(0, this.#secret.length);
  }

  [Symbol.dispose](): void {
    this.#secret.dispose();
    this.#mlKem?.dispose();
  }

  toJSON(): string {
    return '[private key]';
  }

  [inspect](): string {
    return '[private key]';
  }
}

export class PortablePublicKey<Kind extends KeyKind = KeyKind> implements PublicKey<Kind> {
  readonly kind: Kind;
  readonly bytes: Uint8Array;

  constructor(kind: Kind, bytes: Uint8Array) {
    this.kind = kind;
    this.bytes = bytes;
  }
}

/** Checks and keeps a copy of `bytes`. */
export function importPublicBytes<Kind extends KeyKind>(kind: Kind, bytes: Uint8Array): PortablePublicKey<Kind> {
  requireLength(bytes, KEY_SIZES[kind].public, `${kind} public key`);
  const mlKemSize = KEY_SIZES['ml-kem-768'].public;
  checkPublicBytes(kind, bytes);
  if (isNist(kind)) requireOnCurve(kind, bytes);
  if (kind === 'x-wing') refuseLowOrderMontgomery(bytes.subarray(mlKemSize));
  if ((kind === 'ml-kem-768' || kind === 'x-wing') && !isMlKemInRange(bytes.subarray(0, mlKemSize))) {
    throw new CryptoError('bad_key', `${kind} public key is not valid`);
  }
  return new PortablePublicKey(kind, bytes.slice());
}

function requireOnCurve(kind: NistKind, bytes: Uint8Array): void {
  try {
    NOBLE_CURVES[NIST_CURVES[kind].name].Point.fromBytes(bytes).assertValidity();
  } catch (cause) {
    throw new CryptoError('bad_key', `${kind} public key is not valid`, { cause });
  }
}

/** FIPS 203 §7.2: every 12-bit coefficient of the first 1152 bytes is below q = 3329. */
function isMlKemInRange(key: Uint8Array): boolean {
  for (let i = 0; i < 1152; i += 3) {
    const [a = 0, b = 0, c = 0] = key.subarray(i, i + 3);
    if ((a | ((b & 0x0f) << 8)) >= 3329 || ((b >> 4) | (c << 4)) >= 3329) return false;
  }
  return true;
}

const NOBLE_CURVES = { 'P-256': p256, 'P-384': p384, 'P-521': p521 } as const satisfies {
  readonly [Name in NistCurve['name']]: unknown;
};

const PUBLIC_OF: { readonly [Kind in KeyKind]: (secret: Uint8Array) => Uint8Array } = {
  x25519: (secret) => x25519.getPublicKey(secret),
  x448: (secret) => x448.getPublicKey(secret),
  'p-256': (scalar) => p256.getPublicKey(scalar, false),
  'p-384': (scalar) => p384.getPublicKey(scalar, false),
  'p-521': (scalar) => p521.getPublicKey(scalar, false),
  ed25519: (seed) => ed25519.getPublicKey(seed),
  ed448: (seed) => ed448.getPublicKey(seed),
  'ecdsa-p256-sha256': (scalar) => p256.getPublicKey(scalar, false),
  'ecdsa-p384-sha384': (scalar) => p384.getPublicKey(scalar, false),
  'ecdsa-p521-sha512': (scalar) => p521.getPublicKey(scalar, false),
  'ml-kem-768': (seed) => ml_kem768.keygen(seed).publicKey,
  'x-wing': (seed) => xWing.getPublicKey(seed),
};
