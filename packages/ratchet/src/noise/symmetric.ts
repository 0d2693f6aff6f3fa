import { Secret } from '@sotto/crypto';
import type { Bytes } from '@sotto/crypto';
import { asciiBytes } from '@sotto/wire';
import { NoiseCipher } from './cipher.ts';
import type { NoiseSuite } from './suite.ts';

/** Bytes; a longer hash is cut to this when it becomes a cipher key, Noise §5.2. */
const keyLength = 32;

/** The SymmetricState of Noise §5.2: chaining key, transcript hash, and the handshake's cipher once there is a key. */
export class SymmetricState implements Disposable {
  readonly #suite: NoiseSuite;
  #chainingKey: Secret;
  #hash: Uint8Array;
  #cipher: NoiseCipher | null;

  private constructor(suite: NoiseSuite, chainingKey: Secret, hash: Uint8Array, cipher: NoiseCipher | null) {
    this.#suite = suite;
    this.#chainingKey = chainingKey;
    this.#hash = hash;
    this.#cipher = cipher;
  }

  /** InitializeSymmetric */
  static initialize(suite: NoiseSuite, protocolName: string): SymmetricState {
    const name = asciiBytes(protocolName);
    const padded = new Uint8Array(Math.max(name.length, suite.hashLength));
    padded.set(name);
    const hash = name.length <= suite.hashLength ? padded : suite.hash(name);
    return new SymmetricState(suite, Secret.copy(hash), hash, null);
  }

  /** The transcript so far; the handshake hash once the handshake is complete (Noise §11.2). */
  get hash(): Uint8Array {
    return this.#hash;
  }

  /** Lives as long as this state. */
  get chainingKey(): Secret {
    return this.#chainingKey;
  }

  get hasKey(): boolean {
    return this.#cipher !== null;
  }

  mixHash(data: Uint8Array): void {
    this.#hash = this.#suite.hash(this.#hash, data);
  }

  mixKey(ikm: Bytes): void {
    const [chainingKey, key] = this.#derive(ikm, 2);
    this.#advance(chainingKey, key);
  }

  /** For pre-shared keys. */
  mixKeyAndHash(ikm: Bytes): void {
    const [chainingKey, hash, key] = this.#derive(ikm, 3);
    using secretHash = hash;
    this.mixHash(secretHash.reveal());
    this.#advance(chainingKey, key);
  }

  encryptAndHash(plaintext: Uint8Array): Uint8Array {
    const sealed = this.#cipher === null ? plaintext : this.#cipher.encrypt(plaintext, this.#hash);
    this.mixHash(sealed);
    return sealed;
  }

  decryptAndHash(sealed: Uint8Array): Uint8Array {
    const plaintext = this.#cipher === null ? sealed : this.#cipher.decrypt(sealed, this.#hash);
    this.mixHash(sealed);
    return plaintext;
  }

  /** The initiator's sending cipher, then the responder's. */
  split(): [NoiseCipher, NoiseCipher] {
    const [first, second] = this.#derive(new Uint8Array(0), 2);
    return [this.#cipherOf(first), this.#cipherOf(second)];
  }

  clone(): SymmetricState {
    const chainingKey = this.#chainingKey.slice(0, this.#chainingKey.length);
    return new SymmetricState(this.#suite, chainingKey, this.#hash, this.#cipher?.clone() ?? null);
  }

  [Symbol.dispose](): void {
    this.#chainingKey.dispose();
    this.#cipher?.[Symbol.dispose]();
    this.#cipher = null;
  }

  #advance(chainingKey: Secret, key: Secret): void {
    this.#chainingKey.dispose();
    this.#chainingKey = chainingKey;
    this.#cipher?.[Symbol.dispose]();
    this.#cipher = this.#cipherOf(key);
  }

  #cipherOf(hash: Secret): NoiseCipher {
    if (hash.length === keyLength) return new NoiseCipher(this.#suite, hash);
    using longer = hash;
    return new NoiseCipher(this.#suite, longer.slice(0, keyLength));
  }

  #derive(ikm: Bytes, outputs: 2): [Secret, Secret];
  #derive(ikm: Bytes, outputs: 3): [Secret, Secret, Secret];
  #derive(ikm: Bytes, outputs: number): Secret[] {
    return this.#suite.hkdf(this.#chainingKey, ikm, outputs);
  }
}
