import { CryptoError } from '../error.ts';
import type { AeadName, CryptoProvider } from '../provider.ts';
import type { Secret } from '../secret.ts';
import type { LabeledKdf } from './labeled.ts';

/** The sender's end of an HPKE exchange, RFC 9180 §5.2. Dispose it when done. */
export interface HpkeSenderContext extends Disposable {
  /** Encrypts the next message. Throws `sequence_exhausted` after 2^53 - 1, `unsupported` in an export-only suite. */
  seal(plaintext: Uint8Array, associated: Uint8Array): Uint8Array;
  /** RFC 9180 §5.3; `length` bytes, at most 255 hashes. */
  export(exporterContext: Uint8Array, length: number): Secret;
}

/** The receiver's end. */
export interface HpkeReceiverContext extends Disposable {
  /** Decrypts the next message; null leaves the context as it was, so a forgery does not cost the real one its turn. */
  open(ciphertext: Uint8Array, associated: Uint8Array): Uint8Array | null;
  export(exporterContext: Uint8Array, length: number): Secret;
}

/** What both ends hold. */
export interface ContextParts {
  readonly provider: CryptoProvider;
  readonly kdf: LabeledKdf;
  readonly exporterSecret: Secret;
  /** Null in an export-only suite. */
  readonly cipher: { readonly aead: AeadName; readonly key: Secret; readonly baseNonce: Secret } | null;
}

export class Context implements HpkeSenderContext, HpkeReceiverContext {
  readonly #parts: ContextParts;
  #sequence = 0;

  constructor(parts: ContextParts) {
    this.#parts = parts;
  }

  seal(plaintext: Uint8Array, associated: Uint8Array): Uint8Array {
    const { aead, key, baseNonce } = this.#cipher();
    const sealed = this.#parts.provider.seal(aead, key, this.#nonce(baseNonce), plaintext, associated);
    this.#sequence++;
    return sealed;
  }

  open(ciphertext: Uint8Array, associated: Uint8Array): Uint8Array | null {
    const { aead, key, baseNonce } = this.#cipher();
    const plaintext = this.#parts.provider.open(aead, key, this.#nonce(baseNonce), ciphertext, associated);
    if (plaintext !== null) this.#sequence++;
    return plaintext;
  }

  export(exporterContext: Uint8Array, length: number): Secret {
    const { kdf, provider, exporterSecret } = this.#parts;
    return kdf.expand(provider, exporterSecret, 'sec', exporterContext, length);
  }

  [Symbol.dispose](): void {
    this.#parts.exporterSecret.dispose();
    this.#parts.cipher?.key.dispose();
    this.#parts.cipher?.baseNonce.dispose();
  }

  #cipher(): NonNullable<ContextParts['cipher']> {
    if (this.#parts.cipher === null) throw exportOnly();
    return this.#parts.cipher;
  }

  /** base_nonce XOR I2OSP(seq, Nn); the standard's limit of 2^96 is out of reach of an exact number, 2^53 is not. */
  #nonce(baseNonce: Secret): Uint8Array {
    if (this.#sequence >= Number.MAX_SAFE_INTEGER) {
      throw new CryptoError('sequence_exhausted', 'HPKE context has no sequence numbers left');
    }
    const nonce = baseNonce.reveal().slice();
    let rest = this.#sequence;
    for (let i = nonce.length - 1; rest > 0; i--) {
      nonce[i] = (nonce[i] ?? 0) ^ (rest & 0xff);
      rest = Math.floor(rest / 256);
    }
    return nonce;
  }
}

export function exportOnly(): CryptoError {
  return new CryptoError('unsupported', 'this HPKE suite is for export only');
}
