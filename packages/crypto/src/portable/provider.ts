import { chacha20 } from '@noble/ciphers/chacha.js';
import { argon2idAsync } from '@noble/hashes/argon2.js';
import { expand, extract, hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js';
import { shake256 } from '@noble/hashes/sha3.js';
import { ml_kem768_x25519 as xWing } from '@noble/post-quantum/hybrid.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';
import { requireArgon2Parameters } from '../argon2.ts';
import { CryptoError } from '../error.ts';
import { DH_KINDS, isOneOf, SIGNATURE_KINDS } from '../kinds.ts';
import { isNist, randomScalar, requireScalar } from '../nist.ts';
import type {
  AeadName,
  Argon2Extras,
  Argon2Parameters,
  Bytes,
  CryptoProvider,
  DhKind,
  Encapsulated,
  Hashing,
  HashName,
  KemKind,
  KeyKind,
  PrivateKey,
  PublicKey,
  SignatureKind,
} from '../provider.ts';
import { bytesOf, Secret } from '../secret.ts';
import {
  HASH_SIZES,
  KEM_CIPHERTEXT_SIZES,
  KEY_SIZES,
  requireCount,
  requireHkdfLength,
  requireLength,
} from '../sizes.ts';
import { concat } from '../bytes.ts';
import { open, seal } from './aead.ts';
import { agree } from './agree.ts';
import { moveToSecret } from './bytes.ts';
import { importPublicBytes, PortablePrivateKey, PortablePublicKey } from './keys.ts';
import { signWith, verifyWith } from './signatures.ts';

const HASHES = { sha256, sha384, sha512 } as const satisfies { readonly [Name in HashName]: unknown };

const KEM_KINDS: readonly KemKind[] = ['ml-kem-768', 'x-wing'];

/** What the portable provider cannot do by itself. */
export interface PortableSources {
  /** Cryptographically secure bytes, in a new array; `crypto.getRandomValues` where there is one. */
  random(length: number): Uint8Array;
}

class PortableProvider implements CryptoProvider {
  readonly name = 'portable';
  readonly #sources: PortableSources;

  constructor(sources: PortableSources) {
    this.#sources = sources;
  }

  random(length: number): Uint8Array {
    requireCount(length, 'random bytes');
    const bytes = this.#sources.random(length);
    requireLength(bytes, length, 'what the random source returned');
    return bytes;
  }

  hashing(name: HashName): Hashing {
    const state = HASHES[name].create();
    return { update: (part) => void state.update(part), digest: () => state.digest() };
  }

  hash(name: HashName, ...parts: readonly Uint8Array[]): Uint8Array {
    const state = HASHES[name].create();
    for (const part of parts) state.update(part);
    return state.digest();
  }

  shake256(input: Bytes, length: number): Secret {
    requireCount(length, 'SHAKE256 output');
    return moveToSecret(shake256(bytesOf(input), { dkLen: length }));
  }

  hmac(name: HashName, key: Bytes, ...parts: readonly Uint8Array[]): Secret {
    const state = hmac.create(HASHES[name], bytesOf(key));
    for (const part of parts) state.update(part);
    return moveToSecret(state.digest());
  }

  hkdf(name: HashName, ikm: Bytes, salt: Bytes, info: Uint8Array, length: number): Secret {
    requireHkdfLength(name, length);
    return moveToSecret(hkdf(HASHES[name], bytesOf(ikm), bytesOf(salt), info, length));
  }

  hkdfExtract(name: HashName, salt: Bytes, ikm: Bytes): Secret {
    return moveToSecret(extract(HASHES[name], bytesOf(ikm), bytesOf(salt)));
  }

  hkdfExpand(name: HashName, prk: Bytes, info: Uint8Array | readonly Uint8Array[], length: number): Secret {
    requireHkdfLength(name, length);
    const key = bytesOf(prk);
    if (key.length < HASH_SIZES[name]) requireLength(key, HASH_SIZES[name], 'HKDF pseudorandom key');
    return moveToSecret(expand(HASHES[name], key, info instanceof Uint8Array ? info : concat(info), length));
  }

  seal(name: AeadName, key: Bytes, nonce: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Uint8Array {
    return seal(name, bytesOf(key), nonce, plaintext, associated);
  }

  open(name: AeadName, key: Bytes, nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array | null {
    return open(name, bytesOf(key), nonce, sealed, associated);
  }

  keystream(key: Bytes, nonce: Uint8Array, length: number): Uint8Array {
    const keyBytes = bytesOf(key);
    requireLength(keyBytes, 32, 'chacha20 key');
    requireLength(nonce, 12, 'chacha20 nonce');
    requireCount(length, 'keystream');
    return chacha20(keyBytes, nonce, new Uint8Array(length));
  }

  generate<Kind extends KeyKind>(kind: Kind): PrivateKey<Kind> {
    const bytes = isNist(kind)
      ? randomScalar(kind, (length) => this.random(length))
      : this.random(KEY_SIZES[kind].private);
    return new PortablePrivateKey(kind, moveToSecret(bytes));
  }

  importPrivate<Kind extends KeyKind>(kind: Kind, bytes: Bytes): PrivateKey<Kind> {
    const raw = bytesOf(bytes);
    requireLength(raw, KEY_SIZES[kind].private, `${kind} private key`);
    if (isNist(kind)) requireScalar(kind, raw);
    return new PortablePrivateKey(kind, Secret.copy(raw));
  }

  importPublic<Kind extends KeyKind>(kind: Kind, bytes: Uint8Array): PublicKey<Kind> {
    return importPublicBytes(kind, bytes);
  }

  dh<Kind extends DhKind>(own: PrivateKey<Kind>, peer: PublicKey<NoInfer<Kind>> | Uint8Array): Secret {
    const key = ownPrivate(own, DH_KINDS);
    const { kind, bytes } = peer instanceof Uint8Array ? importPublicBytes(key.kind, peer) : ownPublic(peer, DH_KINDS);
    if (kind !== key.kind) throw new CryptoError('bad_key', `not a public key for ${key.kind}`);
    return agree(kind, key.reveal(), bytes);
  }

  sign(own: PrivateKey<SignatureKind>, message: Uint8Array): Uint8Array {
    const key = ownPrivate(own, SIGNATURE_KINDS);
    return signWith(key.kind, key.reveal(), message);
  }

  verify(signer: PublicKey<SignatureKind> | Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    if (signer instanceof Uint8Array) {
      requireLength(signer, KEY_SIZES.ed25519.public, 'ed25519 public key');
      return verifyWith('ed25519', signer, message, signature);
    }
    const { kind, bytes } = ownPublic(signer, SIGNATURE_KINDS);
    return verifyWith(kind, bytes, message, signature);
  }

  encapsulate(peer: PublicKey<KemKind>): Encapsulated {
    const { kind, bytes } = ownPublic(peer, KEM_KINDS);
    const coins = this.random(kind === 'x-wing' ? 64 : 32);
    const { cipherText, sharedSecret } = (kind === 'x-wing' ? xWing : ml_kem768).encapsulate(bytes, coins);
    coins.fill(0);
    return { ciphertext: cipherText, sharedSecret: moveToSecret(sharedSecret) };
  }

  decapsulate(own: PrivateKey<KemKind>, ciphertext: Uint8Array): Secret {
    const key = ownPrivate(own, KEM_KINDS);
    requireLength(ciphertext, KEM_CIPHERTEXT_SIZES[key.kind], `${key.kind} ciphertext`);
    if (key.kind === 'ml-kem-768') return moveToSecret(ml_kem768.decapsulate(ciphertext, key.reveal()));
    importPublicBytes('x25519', ciphertext.subarray(KEM_CIPHERTEXT_SIZES['ml-kem-768']));
    return moveToSecret(xWing.decapsulate(ciphertext, key.reveal()));
  }

  async argon2id(
    password: Bytes,
    salt: Uint8Array,
    parameters: Argon2Parameters,
    extras: Argon2Extras = {},
  ): Promise<Secret> {
    requireArgon2Parameters(salt, parameters);
    const key = await argon2idAsync(bytesOf(password), salt, {
      m: parameters.memoryKiB,
      t: parameters.passes,
      p: parameters.lanes,
      dkLen: parameters.length,
      // noble refuses more than its default of 1 GiB; the caller has bounded the memory.
      maxmem: (parameters.memoryKiB + 1) * 1024,
      ...(extras.secret === undefined ? {} : { key: bytesOf(extras.secret) }),
      ...(extras.associatedData === undefined ? {} : { personalization: extras.associatedData }),
    });
    return moveToSecret(key);
  }

  equal(a: Bytes, b: Bytes): boolean {
    const left = bytesOf(a);
    const right = bytesOf(b);
    if (left.length !== right.length) return false;
    let difference = 0;
    for (let i = 0; i < left.length; i++) difference |= (left[i] ?? 0) ^ (right[i] ?? 0);
    return difference === 0;
  }
}

/**
 * The provider for browsers, other engines and phones: noble, no `node:` import, randomness passed in. noble also blinds
 * its secret multiplications with the engine's own `crypto.getRandomValues`, which a bare engine must be given; no
 * result depends on it.
 */
export function portableProvider(sources: PortableSources): CryptoProvider {
  return new PortableProvider(sources);
}

function ownPrivate<Kind extends KeyKind>(key: PrivateKey, kinds: readonly Kind[]): PortablePrivateKey<Kind> {
  if (key instanceof PortablePrivateKey && isOneOf(key.kind, kinds)) return key as PortablePrivateKey<Kind>;
  throw new CryptoError('bad_key', `not a private key of this provider for ${kinds.join(' or ')}`);
}

function ownPublic<Kind extends KeyKind>(key: PublicKey, kinds: readonly Kind[]): PortablePublicKey<Kind> {
  if (key instanceof PortablePublicKey && isOneOf(key.kind, kinds)) return key as PortablePublicKey<Kind>;
  throw new CryptoError('bad_key', `not a public key of this provider for ${kinds.join(' or ')}`);
}
