import { bytesOf, hpke } from '@sotto/crypto';
import type {
  Bytes,
  CryptoProvider,
  Hpke,
  HpkeKem,
  HpkeSealed,
  PrivateKey,
  PublicKey,
  Secret,
  SignatureKind,
} from '@sotto/crypto';
import { ascii, NO_BYTES } from './bytes.ts';
import type { CipherSuite } from './cipher-suites.ts';
import { Writer } from './codec/writer.ts';
import { MlsError } from './error.ts';

const HASH_SIZES: { readonly [Name in CipherSuite['hash']]: number } = { sha256: 32, sha384: 48, sha512: 64 };
const AEAD_KEY_SIZES = { 'aes-128-gcm': 16, 'aes-256-gcm': 32, 'chacha20-poly1305': 32 } as const;

/** The functions of RFC 9420 §5 in one suite, over one provider. Holds no secrets: make it once and keep it. */
export class SuiteCrypto {
  readonly provider: CryptoProvider;
  readonly suite: CipherSuite;
  /** KDF.Nh, bytes */
  readonly hashSize: number;
  /** AEAD.Nk, bytes */
  readonly keySize: number;
  /** AEAD.Nn, bytes */
  readonly nonceSize = 12;
  readonly #hpke: Hpke<HpkeKem['kind']>;
  readonly #labels = new Map<string, Uint8Array>();
  #encapsulatedSize: number;

  constructor(provider: CryptoProvider, suite: CipherSuite) {
    this.provider = provider;
    this.suite = suite;
    this.hashSize = HASH_SIZES[suite.hash];
    this.keySize = AEAD_KEY_SIZES[suite.aead];
    this.#hpke = hpke(provider, { kem: suite.kem, kdf: suite.hash, aead: suite.aead });
    this.#encapsulatedSize = suite.kem.encapsulatedSize;
  }

  hash(...parts: readonly Uint8Array[]): Uint8Array {
    return this.provider.hash(this.suite.hash, ...parts);
  }

  mac(key: Bytes, ...parts: readonly Uint8Array[]): Uint8Array {
    return this.provider.hmac(this.suite.hash, key, ...parts).reveal();
  }

  extract(salt: Bytes, ikm: Bytes): Secret {
    return this.provider.hkdfExtract(this.suite.hash, salt, ikm);
  }

  /** KDF.Nh zeros. */
  zero(): Uint8Array {
    return new Uint8Array(this.hashSize);
  }

  /** RFC 9420 §8. */
  expandWithLabel(secret: Bytes, label: string, context: Uint8Array, length: number): Secret {
    // KDFLabel { uint16 length; opaque label<V> = "MLS 1.0 " + Label; opaque context<V>; }
    const header = Uint8Array.of(length >>> 8, length);
    const parts = [header, this.#label(label), lengthOf(context.length), context];
    return this.provider.hkdfExpand(this.suite.hash, secret, parts, length);
  }

  deriveSecret(secret: Bytes, label: string): Secret {
    return this.expandWithLabel(secret, label, NO_BYTES, this.hashSize);
  }

  /** RFC 9420 §9.1. */
  deriveTreeSecret(secret: Bytes, label: string, generation: number, length: number): Secret {
    return this.expandWithLabel(secret, label, new Writer(4).uint32(generation).finish(), length);
  }

  /** RFC 9420 §5.2. */
  refHash(label: string, value: Uint8Array): Uint8Array {
    return this.hash(lengthOf(label.length), ascii(label), lengthOf(value.length), value);
  }

  /** RFC 9420 §5.1.2; `parts` concatenated are the content. */
  sign(own: PrivateKey<SignatureKind>, label: string, ...parts: readonly Uint8Array[]): Uint8Array {
    return this.provider.sign(own, this.#signed(label, parts));
  }

  /** False for a wrong signature and for a key that is none. */
  verify(
    key: PublicKey<SignatureKind>,
    label: string,
    signature: Uint8Array,
    ...parts: readonly Uint8Array[]
  ): boolean {
    return this.provider.verify(key, this.#signed(label, parts), signature);
  }

  /** RFC 9420 §5.1.3, EncryptWithLabel. */
  encrypt(receiver: PublicKey, label: string, context: Uint8Array, plaintext: Bytes): HpkeSealed {
    const info = this.#encryptContext(label, context);
    return this.#hpke.seal(receiver, { info }, bytesOf(plaintext), NO_BYTES);
  }

  /** EncryptWithLabel to many receivers in one context, which is hashed once. */
  encryptor(label: string, context: Uint8Array): (receiver: PublicKey, plaintext: Bytes) => HpkeSealed {
    const info = this.#hpke.prepareInfo(this.#encryptContext(label, context));
    return (receiver, plaintext) => this.#hpke.seal(receiver, { info }, bytesOf(plaintext), NO_BYTES);
  }

  /** DecryptWithLabel; the bytes belong to the caller. Null when it was not sealed to this key in this context. */
  decrypt(own: PrivateKey, label: string, context: Uint8Array, sealed: HpkeSealed): Uint8Array | null {
    if (sealed.encapsulated.length !== this.#encapsulatedSize) return null;
    try {
      return this.#hpke.open(own, sealed, { info: this.#encryptContext(label, context) }, NO_BYTES);
    } catch {
      return null;
    }
  }

  /** HPKE's DeriveKeyPair, RFC 9180 §7.1.3. */
  deriveKeyPair(secret: Bytes): PrivateKey {
    return this.#hpke.deriveKeyPair(secret);
  }

  generateKey(): PrivateKey {
    return this.provider.generate(this.suite.kem.kind);
  }

  importKey(bytes: Bytes): PrivateKey {
    return this.provider.importPrivate(this.suite.kem.kind, bytes);
  }

  /** Throws `bad_key` for bytes that are no HPKE public key of the suite. */
  importPublicKey(bytes: Uint8Array): PublicKey {
    try {
      return this.provider.importPublic(this.suite.kem.kind, bytes);
    } catch (cause) {
      throw new MlsError('bad_key', 'an encryption key is not valid in the cipher suite', { cause });
    }
  }

  /** Throws `bad_key` for bytes that are no signature key of the suite. */
  importVerifier(bytes: Uint8Array): PublicKey<SignatureKind> {
    try {
      return this.provider.importPublic(this.suite.signature, bytes);
    } catch (cause) {
      throw new MlsError('bad_key', 'a signature key is not valid in the cipher suite', { cause });
    }
  }

  generateSigner(): PrivateKey<SignatureKind> {
    return this.provider.generate(this.suite.signature);
  }

  importSigner(bytes: Bytes): PrivateKey<SignatureKind> {
    return this.provider.importPrivate(this.suite.signature, bytes);
  }

  seal(key: Bytes, nonce: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Uint8Array {
    return this.provider.seal(this.suite.aead, key, nonce, plaintext, associated);
  }

  open(key: Bytes, nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array | null {
    return this.provider.open(this.suite.aead, key, nonce, sealed, associated);
  }

  /** The sender's half of an external init, RFC 9420 §8.3. */
  externalInit(externalKey: PublicKey): { readonly kemOutput: Uint8Array; readonly initSecret: Secret } {
    const { encapsulated, context } = this.#hpke.setupSender(externalKey, { info: NO_BYTES });
    using owned = context;
    return { kemOutput: encapsulated, initSecret: owned.export(ascii(EXTERNAL_INIT), this.hashSize) };
  }

  /** The members' half; throws `malformed` for a KEM output that no sender can have made. */
  openExternalInit(externalKey: PrivateKey, kemOutput: Uint8Array): Secret {
    if (kemOutput.length !== this.#encapsulatedSize) throw badKemOutput();
    try {
      using context = this.#hpke.setupReceiver(externalKey, kemOutput, { info: NO_BYTES });
      return context.export(ascii(EXTERNAL_INIT), this.hashSize);
    } catch (cause) {
      throw badKemOutput(cause);
    }
  }

  /** "MLS 1.0 " + label as a vector. */
  #label(label: string): Uint8Array {
    let bytes = this.#labels.get(label);
    if (bytes === undefined) {
      bytes = new Writer().vector(ascii(`MLS 1.0 ${label}`)).finish();
      // Labels are constants of the protocol, but exporters take any.
      if (this.#labels.size < MAX_LABELS) this.#labels.set(label, bytes);
    }
    return bytes;
  }

  #signed(label: string, parts: readonly Uint8Array[]): Uint8Array {
    let length = 0;
    for (const part of parts) length += part.length;
    const writer = new Writer(length + 64).raw(this.#label(label)).length(length);
    for (const part of parts) writer.raw(part);
    return writer.finish();
  }

  #encryptContext(label: string, context: Uint8Array): Uint8Array {
    return new Writer(context.length + 40).raw(this.#label(label)).vector(context).finish();
  }
}

const EXTERNAL_INIT = 'MLS 1.0 external init secret';
const MAX_LABELS = 64;

function lengthOf(length: number): Uint8Array {
  return new Writer(4).length(length).finish();
}

function badKemOutput(cause?: unknown): MlsError {
  return new MlsError('external_init', 'the KEM output of an external init is not valid', { cause });
}
