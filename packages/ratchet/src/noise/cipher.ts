import { Secret } from '@sotto/crypto';
import { RatchetError } from '../error.ts';
import type { NoiseSuite } from './suite.ts';

/** 2^64 - 1 is reserved for rekeying, Noise §5.1. */
const reservedNonce = (1n << 64n) - 1n;

/** Bytes. Noise §3: no message is longer. */
export const maxNoiseMessage = 65_535;
/** Bytes */
export const noiseTagLength = 16;
/** Bytes; §4.2 */
const keyLength = 32;

const empty = new Uint8Array(0);

/**
 * A CipherState with a key, Noise §5.1: one direction of a transport. Messages must arrive in order and exactly once;
 * each carries at most 65,519 bytes. A call that throws changes nothing.
 */
export class NoiseCipher implements Disposable {
  readonly #suite: NoiseSuite;
  #key: Secret | null;
  #nonce: bigint;

  /** Takes the key over. */
  constructor(suite: NoiseSuite, key: Secret, nonce = 0n) {
    this.#suite = suite;
    this.#key = key;
    this.#nonce = nonce;
  }

  /** Throws `RatchetError` `too_long`, `exhausted`, or `wrong_state` after disposal. */
  encrypt(plaintext: Uint8Array, associated: Uint8Array = empty): Uint8Array {
    if (plaintext.length + noiseTagLength > maxNoiseMessage) {
      throw new RatchetError('too_long', `Noise messages have at most ${maxNoiseMessage} bytes`);
    }
    const sealed = this.#suite.seal(this.#usableKey(), this.#usableNonce(), associated, plaintext);
    this.#nonce++;
    return sealed;
  }

  /** Throws `RatchetError` `too_long`, `malformed`, `not_authentic`, `exhausted`, or `wrong_state` after disposal. */
  decrypt(sealed: Uint8Array, associated: Uint8Array = empty): Uint8Array {
    if (sealed.length > maxNoiseMessage) {
      throw new RatchetError('too_long', `Noise messages have at most ${maxNoiseMessage} bytes`);
    }
    if (sealed.length < noiseTagLength) throw new RatchetError('malformed', 'Noise message is shorter than its tag');
    const plaintext = this.#suite.open(this.#usableKey(), this.#usableNonce(), associated, sealed);
    if (plaintext === null) throw new RatchetError('not_authentic', 'Noise message is not authentic');
    this.#nonce++;
    return plaintext;
  }

  /** Replaces the key by a one-way function of it, Noise §4.2, §11.3; both sides do it at the same message. */
  rekey(): void {
    const old = this.#usableKey();
    const sealed = this.#suite.seal(old, reservedNonce, empty, new Uint8Array(keyLength));
    this.#key = Secret.copy(sealed.subarray(0, keyLength));
    sealed.fill(0);
    old.dispose();
  }

  /** A second cipher in the same state. */
  clone(): NoiseCipher {
    return new NoiseCipher(this.#suite, this.#usableKey().slice(0, keyLength), this.#nonce);
  }

  /** Wipes the key. */
  [Symbol.dispose](): void {
    this.#key?.dispose();
    this.#key = null;
  }

  #usableKey(): Secret {
    if (this.#key === null) throw new RatchetError('wrong_state', 'Noise cipher was closed');
    return this.#key;
  }

  #usableNonce(): bigint {
    if (this.#nonce >= reservedNonce) throw new RatchetError('exhausted', 'Noise cipher has used all its nonces');
    return this.#nonce;
  }
}
