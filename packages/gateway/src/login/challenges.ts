import type { CryptoProvider, Secret } from '@sotto/crypto';
import { concatBytes } from '@sotto/wire';
import type { Clock } from '../clock.ts';
import { CHALLENGE_SECONDS } from '../limits.ts';

const NONCE_BYTES = 32;
const TIME_BYTES = 6;
const RANDOM_BYTES = 10;
const MAC_BYTES = 16;

/**
 * Nonces that a login answers once, within a minute. A nonce is time ‖ random ‖ MAC under a key of this process, so
 * asking for many costs the gateway no memory; only those that a valid signature has spent are remembered.
 */
export class Challenges {
  readonly #provider: CryptoProvider;
  readonly #clock: Clock;
  readonly #key: Secret;
  readonly #spent = new Map<string, number>();

  constructor(provider: CryptoProvider, clock: Clock, key: Secret) {
    this.#provider = provider;
    this.#clock = clock;
    this.#key = key;
  }

  /** 32 bytes. */
  issue(): Uint8Array {
    const head = new Uint8Array(TIME_BYTES + RANDOM_BYTES);
    new DataView(head.buffer).setUint16(0, Math.floor(this.#clock.now() / 2 ** 32));
    new DataView(head.buffer).setUint32(2, this.#clock.now() % 2 ** 32);
    head.set(this.#provider.random(RANDOM_BYTES), TIME_BYTES);
    return concatBytes(head, this.#mac(head));
  }

  /** True for a nonce of ours that is neither too old nor spent. */
  valid(nonce: Uint8Array): boolean {
    if (nonce.length !== NONCE_BYTES) return false;
    const head = nonce.subarray(0, NONCE_BYTES - MAC_BYTES);
    if (!this.#provider.equal(this.#mac(head), nonce.subarray(NONCE_BYTES - MAC_BYTES))) return false;
    return this.#ageOk(nonce) && !this.#spent.has(keyOf(nonce));
  }

  /** Spends a valid nonce; false when another call was first. */
  spend(nonce: Uint8Array): boolean {
    const key = keyOf(nonce);
    if (this.#spent.has(key)) return false;
    this.#forgetOld();
    this.#spent.set(key, this.#clock.now());
    return true;
  }

  #ageOk(nonce: Uint8Array): boolean {
    const view = new DataView(nonce.buffer, nonce.byteOffset);
    const age = this.#clock.now() - (view.getUint16(0) * 2 ** 32 + view.getUint32(2));
    return age >= 0 && age <= CHALLENGE_SECONDS * 1000;
  }

  /** Spent nonces lie in the order in which they were spent. */
  #forgetOld(): void {
    const limit = this.#clock.now() - CHALLENGE_SECONDS * 1000;
    for (const [key, spentAt] of this.#spent) {
      if (spentAt >= limit) break;
      this.#spent.delete(key);
    }
  }

  #mac(head: Uint8Array): Uint8Array {
    using mac = this.#provider.hmac('sha256', this.#key, head);
    return mac.reveal().slice(0, MAC_BYTES);
  }
}

function keyOf(nonce: Uint8Array): string {
  return Buffer.from(nonce).toString('latin1');
}
