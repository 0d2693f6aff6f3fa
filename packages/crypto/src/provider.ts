import type { Secret } from './secret.ts';

/**
 * A key held by a provider. `native` keeps a KeyObject, `portable` keeps bytes; neither prints.
 * Importing costs a scalar multiplication or a key generation (native: 25–75 µs, P-384 0.8 ms, P-521 1.8 ms; public keys
 * 2–55 µs), so protocols keep the object while they need it and `dispose` it after.
 */
export interface PrivateKey<Kind extends KeyKind = KeyKind> extends Disposable {
  readonly kind: Kind;
  /** Raw public key bytes, for the NIST curves the uncompressed point (SEC 1 §2.3.3); computed once. */
  readonly publicKey: Uint8Array;
  /**
   * Copies the private key out, always in the kind's one length: X25519, Ed25519 seed and X-Wing seed 32 bytes, X448 56,
   * Ed448 seed 57, ML-KEM-768 seed d‖z 64, a big-endian scalar on P-256 32, on P-384 48, on P-521 66.
   */
  export(): Secret;
}

/** A public key prepared for repeated use. */
export interface PublicKey<Kind extends KeyKind = KeyKind> {
  readonly kind: Kind;
  readonly bytes: Uint8Array;
}

/** Kinds for `dh`. A NIST curve's keys for agreement and for signing are different kinds and do not mix. */
export type DhKind = 'x25519' | 'x448' | 'p-256' | 'p-384' | 'p-521';
/** Kinds for `sign` and `verify`. */
export type SignatureKind = 'ed25519' | 'ed448' | EcdsaKind;
/** ECDSA (FIPS 186-5 §6) over one curve with the one hash that RFC 8446 §4.2.3 gives it. */
export type EcdsaKind = 'ecdsa-p256-sha256' | 'ecdsa-p384-sha384' | 'ecdsa-p521-sha512';
/** Kinds for `encapsulate` and `decapsulate`. */
export type KemKind = 'ml-kem-768' | 'x-wing';
export type KeyKind = DhKind | SignatureKind | KemKind;

/** `xchacha20-poly1305` (draft-irtf-cfrg-xchacha-03) takes a 24-byte nonce, long enough to be random; others take 12. */
export type AeadName = 'chacha20-poly1305' | 'xchacha20-poly1305' | 'aes-256-gcm' | 'aes-128-gcm';
export type HashName = 'sha256' | 'sha384' | 'sha512';

/** A KEM's output: `ciphertext` travels, `sharedSecret` (32 bytes; a DHKEM's is as long as its hash) does not. */
export interface Encapsulated {
  readonly ciphertext: Uint8Array;
  readonly sharedSecret: Secret;
}

/** A hash under way. */
export interface Hashing {
  update(part: Uint8Array): void;
  /** Ends it. */
  digest(): Uint8Array;
}

/** Argon2id parameters, RFC 9106 §3.1. */
export interface Argon2Parameters {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
  /** bytes */
  readonly length: number;
}

/**
 * Every primitive Sotto uses, behind one interface. All functions refuse wrong lengths with `CryptoError`.
 * Secret inputs may be given as `Secret` or bytes; the provider never keeps or prints them.
 * Three implementations: `nativeProvider` (node:crypto), `portableProvider` (noble), `seededProvider` (simulation).
 */
export interface CryptoProvider {
  readonly name: 'native' | 'portable' | 'seeded';

  /** Cryptographically secure random bytes in a buffer of their own. */
  random(length: number): Uint8Array;

  /** SHA-2; `hash('sha256', a, b)` hashes the concatenation. */
  hash(name: HashName, ...parts: readonly Uint8Array[]): Uint8Array;
  /** The same for what comes in pieces. */
  hashing(name: HashName): Hashing;
  /** SHAKE256, FIPS 202: `length` bytes. */
  shake256(input: Bytes, length: number): Secret;
  /** HMAC, RFC 2104. */
  hmac(name: HashName, key: Bytes, ...parts: readonly Uint8Array[]): Secret;
  /** HKDF extract and expand, RFC 5869. */
  hkdf(name: HashName, ikm: Bytes, salt: Bytes, info: Uint8Array, length: number): Secret;
  hkdfExtract(name: HashName, salt: Bytes, ikm: Bytes): Secret;
  /** `info` may come in parts, whose concatenation counts. */
  hkdfExpand(name: HashName, prk: Bytes, info: Uint8Array | readonly Uint8Array[], length: number): Secret;

  /** AEAD, RFC 8439 / SP 800-38D; nonce 12 bytes (XChaCha20: 24); the 16-byte tag is appended. The result may be a view into a larger buffer. */
  seal(name: AeadName, key: Bytes, nonce: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Uint8Array;
  /** Null when the tag does not match or is missing; never partial plaintext. */
  open(name: AeadName, key: Bytes, nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array | null;
  /** `length` bytes of ChaCha20 keystream from block 0, RFC 8439 §2.4; nonce 12 bytes. */
  keystream(key: Bytes, nonce: Uint8Array, length: number): Uint8Array;

  generate<Kind extends KeyKind>(kind: Kind): PrivateKey<Kind>;
  /** Refuses wrong lengths, and on the NIST curves scalars outside 1 … n-1 (`bad_key`). */
  importPrivate<Kind extends KeyKind>(kind: Kind, bytes: Bytes): PrivateKey<Kind>;
  /**
   * Refuses wrong lengths, for X25519, X448 and X-Wing points of low order (`low_order`), for Ed25519 and Ed448 points of
   * low order or not in canonical form, for the NIST curves all but uncompressed points on the curve, for ML-KEM
   * coefficients out of range (`bad_key`).
   */
  importPublic<Kind extends KeyKind>(kind: Kind, bytes: Uint8Array): PublicKey<Kind>;

  /**
   * X25519 and X448, RFC 7748; throws `CryptoError` `low_order` on an all-zero result. On the NIST curves the x-coordinate
   * of the shared point, as long as a field element (RFC 9180 §7.1.1). Raw bytes are a public key of `own`'s kind.
   */
  dh<Kind extends DhKind>(own: PrivateKey<Kind>, peer: PublicKey<NoInfer<Kind>> | Uint8Array): Secret;
  /**
   * Ed25519 (64 bytes) and Ed448 (114 bytes, no context), RFC 8032. ECDSA: a DER Ecdsa-Sig-Value (RFC 8446 §4.2.3) of at
   * most 72, 104 or 139 bytes; s may be high. Native ECDSA signs with a random nonce, the others as RFC 6979 says.
   */
  sign(own: PrivateKey<SignatureKind>, message: Uint8Array): Uint8Array;
  /**
   * False for whatever is not a valid signature by that key. Raw bytes are an Ed25519 key, and false if `importPublic`
   * would refuse it; a key of another kind must be imported.
   */
  verify(signer: PublicKey<SignatureKind> | Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** ML-KEM-768 (FIPS 203): ciphertext 1088 bytes. X-Wing (draft-connolly-cfrg-xwing-kem): 1120 bytes. */
  encapsulate(peer: PublicKey<KemKind>): Encapsulated;
  decapsulate(own: PrivateKey<KemKind>, ciphertext: Uint8Array): Secret;

  /** Argon2id, RFC 9106; off the main thread where the platform can. */
  argon2id(password: Bytes, salt: Uint8Array, parameters: Argon2Parameters, extras?: Argon2Extras): Promise<Secret>;

  /** Constant-time comparison; false for different lengths. */
  equal(a: Bytes, b: Bytes): boolean;
}

/** Optional Argon2 inputs, RFC 9106 §3.1. */
export interface Argon2Extras {
  readonly secret?: Bytes;
  readonly associatedData?: Uint8Array;
}

/** Secret or public bytes as input. */
export type Bytes = Secret | Uint8Array;
