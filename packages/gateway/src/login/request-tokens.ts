import { asciiBytes, concatBytes } from '@sotto/wire';
import type { CryptoProvider, Secret } from '@sotto/crypto';
import type { Clock } from '../clock.ts';
import { REQUEST_TOKEN_SECONDS } from '../limits.ts';

/** What a valid request token says. */
export interface RequestTokenClaims {
  /** 16 random bytes: what is remembered when it is used. */
  readonly id: Uint8Array;
  /** AccountId it opens, 32 bytes. */
  readonly account: Uint8Array;
  /** Unix seconds. */
  readonly expiresAt: number;
}

const VERSION = 1;
const ID_BYTES = 16;
const ACCOUNT_BYTES = 32;
const MAC_BYTES = 32;
const EXPIRY_AT = 1 + ID_BYTES + ACCOUNT_BYTES;
const HEAD_BYTES = EXPIRY_AT + 6;
const LABEL = asciiBytes('sotto/v1/request-token');

/**
 * Tokens for strangers: version ‖ id ‖ account ‖ expiry ‖ HMAC under a key of this process. Making one touches no
 * storage, so it neither costs room nor tells whether the account exists.
 */
export class RequestTokens {
  readonly #provider: CryptoProvider;
  readonly #clock: Clock;
  readonly #key: Secret;

  constructor(provider: CryptoProvider, clock: Clock, key: Secret) {
    this.#provider = provider;
    this.#clock = clock;
    this.#key = key;
  }

  issue(account: Uint8Array): { readonly token: Uint8Array; readonly expiresAt: number } {
    const expiresAt = Math.floor(this.#clock.now() / 1000) + REQUEST_TOKEN_SECONDS;
    const head = new Uint8Array(HEAD_BYTES);
    head[0] = VERSION;
    head.set(this.#provider.random(ID_BYTES), 1);
    head.set(account, 1 + ID_BYTES);
    const view = new DataView(head.buffer);
    view.setUint16(EXPIRY_AT, Math.floor(expiresAt / 2 ** 32));
    view.setUint32(EXPIRY_AT + 2, expiresAt % 2 ** 32);
    return { token: concatBytes(head, this.#mac(head)), expiresAt };
  }

  /** Null: not one of ours, or too old. */
  read(token: Uint8Array): RequestTokenClaims | null {
    if (token.length !== HEAD_BYTES + MAC_BYTES || token[0] !== VERSION) return null;
    // A copy of its own: a Buffer's slice would be a view into whatever brought it.
    const head = new Uint8Array(token.subarray(0, HEAD_BYTES));
    if (!this.#provider.equal(this.#mac(head), token.subarray(HEAD_BYTES))) return null;
    const view = new DataView(head.buffer);
    const expiresAt = view.getUint16(EXPIRY_AT) * 2 ** 32 + view.getUint32(EXPIRY_AT + 2);
    if (expiresAt * 1000 <= this.#clock.now()) return null;
    return { id: head.subarray(1, 1 + ID_BYTES), account: head.subarray(1 + ID_BYTES, EXPIRY_AT), expiresAt };
  }

  #mac(head: Uint8Array): Uint8Array {
    using mac = this.#provider.hmac('sha256', this.#key, LABEL, head);
    return mac.reveal().slice();
  }
}
