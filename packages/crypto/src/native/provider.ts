import { createCipheriv, decapsulate, hash as digest, timingSafeEqual } from 'node:crypto';
import { CryptoError } from '../error.ts';
import { DH_KINDS, isOneOf, SIGNATURE_KINDS } from '../kinds.ts';
import { isBindingEdwards } from '../points.ts';
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
import { EDDSA_SIGNATURE_SIZES, KEM_CIPHERTEXT_SIZES, KEY_SIZES, requireCount, requireLength } from '../sizes.ts';
import { open, seal } from './aead.ts';
import { argon2id } from './argon2.ts';
import { plain, secretOf } from './bytes.ts';
import { systemEntropy } from './entropy.ts';
import type { Entropy } from './entropy.ts';
import { hash, hashing, hkdf, hkdfExpand, hmac } from './kdf.ts';
import { importPrivateObject, importSimplePublic, NativePrivateKey, NativePublicKey } from './keys.ts';
import { signWith, verifyWith } from './signatures.ts';
import type { SimpleKind } from './types.ts';
import { agree, NativeXWingPrivateKey, NativeXWingPublicKey } from './xwing.ts';

const ZEROS = new Uint8Array(256);

const ML_KEM = ['ml-kem-768'] as const;

/** node:crypto behind the interface, with its sources of chance passed in. */
export class NativeProvider implements CryptoProvider {
  readonly name: 'native' | 'seeded';
  readonly #entropy: Entropy;

  constructor(name: 'native' | 'seeded', entropy: Entropy) {
    this.name = name;
    this.#entropy = entropy;
  }

  random(length: number): Uint8Array {
    requireCount(length, 'random bytes');
    return this.#entropy.random(length);
  }

  hashing(name: HashName): Hashing {
    return hashing(name);
  }

  hash(name: HashName, ...parts: readonly Uint8Array[]): Uint8Array {
    return hash(name, parts);
  }

  shake256(input: Bytes, length: number): Secret {
    requireCount(length, 'SHAKE256 output');
    return secretOf(digest('shake256', bytesOf(input), { outputEncoding: 'buffer', outputLength: length }));
  }

  hmac(name: HashName, key: Bytes, ...parts: readonly Uint8Array[]): Secret {
    return hmac(name, bytesOf(key), parts);
  }

  hkdf(name: HashName, ikm: Bytes, salt: Bytes, info: Uint8Array, length: number): Secret {
    return hkdf(name, bytesOf(ikm), bytesOf(salt), info, length);
  }

  hkdfExtract(name: HashName, salt: Bytes, ikm: Bytes): Secret {
    return hmac(name, bytesOf(salt), [bytesOf(ikm)]);
  }

  hkdfExpand(name: HashName, prk: Bytes, info: Uint8Array | readonly Uint8Array[], length: number): Secret {
    return hkdfExpand(name, bytesOf(prk), info, length);
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
    // OpenSSL's IV is the block counter (32 bits, little-endian) and then the nonce.
    const iv = new Uint8Array(16);
    iv.set(nonce, 4);
    const zeros = length <= ZEROS.length ? ZEROS.subarray(0, length) : new Uint8Array(length);
    return plain(createCipheriv('chacha20', keyBytes, iv).update(zeros));
  }

  generate<Kind extends KeyKind>(kind: Kind): PrivateKey<Kind>;
  generate(kind: KeyKind): PrivateKey {
    if (kind === 'x-wing') return new NativeXWingPrivateKey(Secret.take(this.#entropy.random(KEY_SIZES[kind].private)));
    return new NativePrivateKey(kind, this.#entropy.generate(kind));
  }

  importPrivate<Kind extends KeyKind>(kind: Kind, bytes: Bytes): PrivateKey<Kind>;
  importPrivate(kind: KeyKind, bytes: Bytes): PrivateKey {
    const raw = bytesOf(bytes);
    if (kind !== 'x-wing') return new NativePrivateKey(kind, importPrivateObject(kind, raw));
    requireLength(raw, KEY_SIZES[kind].private, 'x-wing private key');
    return new NativeXWingPrivateKey(Secret.copy(raw));
  }

  importPublic<Kind extends KeyKind>(kind: Kind, bytes: Uint8Array): PublicKey<Kind>;
  importPublic(kind: KeyKind, bytes: Uint8Array): PublicKey {
    return kind === 'x-wing' ? new NativeXWingPublicKey(bytes) : importSimplePublic(kind, bytes);
  }

  dh<Kind extends DhKind>(own: PrivateKey<Kind>, peer: PublicKey<NoInfer<Kind>> | Uint8Array): Secret {
    const { kind, object } = simplePrivate(own, DH_KINDS);
    const key = peer instanceof Uint8Array ? importSimplePublic(kind, peer) : simplePublic(peer, DH_KINDS);
    if (key.kind !== kind) throw new CryptoError('bad_key', `not a public key for ${kind}`);
    return agree(object, key.object);
  }

  sign(own: PrivateKey<SignatureKind>, message: Uint8Array): Uint8Array {
    return signWith(this.#entropy, simplePrivate(own, SIGNATURE_KINDS), message);
  }

  verify(signer: PublicKey<SignatureKind> | Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    if (!(signer instanceof Uint8Array)) return verifyWith(simplePublic(signer, SIGNATURE_KINDS), message, signature);
    requireLength(signer, KEY_SIZES.ed25519.public, 'ed25519 public key');
    if (signature.length !== EDDSA_SIGNATURE_SIZES.ed25519 || !isBindingEdwards(signer)) return false;
    return verifyWith(importSimplePublic('ed25519', signer), message, signature);
  }

  encapsulate(peer: PublicKey<KemKind>): Encapsulated {
    if (peer instanceof NativeXWingPublicKey) return peer.encapsulate(this.#entropy);
    const { ciphertext, sharedSecret } = this.#entropy.encapsulate(simplePublic(peer, ML_KEM));
    return { ciphertext, sharedSecret: Secret.take(sharedSecret) };
  }

  decapsulate(own: PrivateKey<KemKind>, ciphertext: Uint8Array): Secret {
    if (own instanceof NativeXWingPrivateKey) return own.decapsulate(ciphertext);
    const key = simplePrivate(own, ML_KEM);
    requireLength(ciphertext, KEM_CIPHERTEXT_SIZES['ml-kem-768'], 'ml-kem-768 ciphertext');
    return secretOf(decapsulate(key.object, ciphertext));
  }

  argon2id(password: Bytes, salt: Uint8Array, parameters: Argon2Parameters, extras?: Argon2Extras): Promise<Secret> {
    return argon2id(password, salt, parameters, extras);
  }

  equal(a: Bytes, b: Bytes): boolean {
    const left = bytesOf(a);
    const right = bytesOf(b);
    return left.length === right.length && timingSafeEqual(left, right);
  }
}

/** The provider for Node: node:crypto (OpenSSL), with noble's HChaCha20 for XChaCha20-Poly1305. Holds no state. */
export function nativeProvider(): CryptoProvider {
  return new NativeProvider('native', systemEntropy);
}

function simplePrivate<Kind extends SimpleKind>(key: PrivateKey, kinds: readonly Kind[]): NativePrivateKey<Kind> {
  if (key instanceof NativePrivateKey && isOneOf(key.kind, kinds)) return key as NativePrivateKey<Kind>;
  throw new CryptoError('bad_key', `not a private key of this provider for ${kinds.join(' or ')}`);
}

function simplePublic<Kind extends SimpleKind>(key: PublicKey, kinds: readonly Kind[]): NativePublicKey<Kind> {
  if (key instanceof NativePublicKey && isOneOf(key.kind, kinds)) return key as NativePublicKey<Kind>;
  throw new CryptoError('bad_key', `not a public key of this provider for ${kinds.join(' or ')}`);
}
