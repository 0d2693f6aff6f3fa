import type { CryptoProvider } from '@sotto/crypto';
import { VaultError } from '../error.ts';

/** XChaCha20-Poly1305: with 24 random bytes a nonce never repeats, not even in a vault that was copied and went on twice. */
const AEAD = 'xchacha20-poly1305';
/** bytes */
export const NONCE_SIZE = 24;
const POOL = 64 * NONCE_SIZE;

/** Seals records under random nonces and opens them. */
export class Sealer {
  readonly #provider: CryptoProvider;
  #pool: Uint8Array = new Uint8Array(0);
  #used = 0;

  constructor(provider: CryptoProvider) {
    this.#provider = provider;
  }

  /** Random, fresh; drawn in batches, because each draw has a fixed cost. */
  nonce(): Uint8Array {
    if (this.#used >= this.#pool.length) {
      this.#pool = this.#provider.random(POOL);
      this.#used = 0;
    }
    const nonce = this.#pool.subarray(this.#used, this.#used + NONCE_SIZE);
    this.#used += NONCE_SIZE;
    return nonce;
  }

  seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Uint8Array {
    return this.#provider.seal(AEAD, key, nonce, plaintext, associated);
  }

  /** Throws `tampered`. */
  open(key: Uint8Array, nonce: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array {
    const plaintext = nonce.length === NONCE_SIZE ? this.#provider.open(AEAD, key, nonce, sealed, associated) : null;
    if (plaintext === null) throw new VaultError('tampered', 'a sealed record was changed or moved');
    return plaintext;
  }
}
