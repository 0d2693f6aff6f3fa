import { createPrivateKey, createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { CryptoError } from '../error.ts';
import { inspect } from '../inspect.ts';
import { isNist, requireScalar } from '../nist.ts';
import { checkPublicBytes } from '../public-bytes.ts';
import type { PrivateKey, PublicKey } from '../provider.ts';
import type { Secret } from '../secret.ts';
import { KEY_SIZES, requireLength } from '../sizes.ts';
import { importing, plain, pooledCopy, secretOf } from './bytes.ts';
import { KEY_TYPES } from './types.ts';
import type { SimpleKind } from './types.ts';

/** A private key in a KeyObject: its bytes stay outside the JavaScript heap. Disposing drops the reference. */
export class NativePrivateKey<Kind extends SimpleKind = SimpleKind> implements PrivateKey<Kind> {
  readonly kind: Kind;
  #object: KeyObject | undefined;
  #publicKey: Uint8Array | undefined;

  constructor(kind: Kind, object: KeyObject) {
    this.kind = kind;
    this.#object = object;
  }

  get object(): KeyObject {
    if (this.#object === undefined) throw new CryptoError('bad_key', 'private key used after it was disposed');
    return this.#object;
  }

  get publicKey(): Uint8Array {
    this.#publicKey ??= plain(createPublicKey(this.object).export({ format: 'raw-public' }));
    return this.#publicKey;
  }

  export(): Secret {
    return secretOf(this.object.export({ format: this.kind === 'ml-kem-768' ? 'raw-seed' : 'raw-private' }));
  }

  [Symbol.dispose](): void {
    this.#object = undefined;
  }

  toJSON(): string {
    return '[private key]';
  }

  [inspect](): string {
    return '[private key]';
  }
}

/** A public key with its KeyObject, ready for repeated use. */
export class NativePublicKey<Kind extends SimpleKind = SimpleKind> implements PublicKey<Kind> {
  readonly kind: Kind;
  readonly bytes: Uint8Array;
  readonly object: KeyObject;

  constructor(kind: Kind, bytes: Uint8Array, object: KeyObject) {
    this.kind = kind;
    this.bytes = bytes;
    this.object = object;
  }
}

/** PrivateKeyInfo around an ML-KEM-768 seed (RFC 9935 §6, `seed [0]`). */
const ML_KEM_768_SEED_HEADER = [
  0x30, 0x54, 0x02, 0x01, 0x00, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x02, 0x04,
  0x42, 0x80, 0x40,
];

/** `bytes` as for `CryptoProvider.importPrivate`; they are not kept. */
export function importPrivateObject(kind: SimpleKind, bytes: Uint8Array): KeyObject {
  requireLength(bytes, KEY_SIZES[kind].private, `${kind} private key`);
  if (kind === 'ml-kem-768') return importMlKemSeed(bytes);
  if (isNist(kind)) requireScalar(kind, bytes);
  return importing(`${kind} private key`, () =>
    createPrivateKey({ key: bytes, format: 'raw-private', ...KEY_TYPES[kind] }),
  );
}

// Through PKCS #8, because OpenSSL tests the pair (an encapsulation and a decapsulation) when it imports raw seeds: 89 µs
// against 40. The seed determines the pair, so the test could only find a broken machine.
function importMlKemSeed(seed: Uint8Array): KeyObject {
  const der = new Uint8Array(new ArrayBuffer(ML_KEM_768_SEED_HEADER.length + seed.length));
  der.set(ML_KEM_768_SEED_HEADER);
  der.set(seed, ML_KEM_768_SEED_HEADER.length);
  try {
    return importing('ml-kem-768 private key', () =>
      createPrivateKey({ key: Buffer.from(der.buffer), format: 'der', type: 'pkcs8' }),
    );
  } finally {
    der.fill(0);
  }
}

/** Imports and checks; keeps a copy of `bytes`. */
export function importSimplePublic<Kind extends SimpleKind>(kind: Kind, bytes: Uint8Array): NativePublicKey<Kind> {
  requireLength(bytes, KEY_SIZES[kind].public, `${kind} public key`);
  return importOwnPublic(kind, pooledCopy(bytes));
}

/** Imports and checks bytes of the right length; keeps them. */
export function importOwnPublic<Kind extends SimpleKind>(kind: Kind, bytes: Uint8Array): NativePublicKey<Kind> {
  checkPublicBytes(kind, bytes);
  const object = importing(`${kind} public key`, () =>
    createPublicKey({ key: bytes, format: 'raw-public', ...KEY_TYPES[kind] }),
  );
  return new NativePublicKey(kind, bytes, object);
}
