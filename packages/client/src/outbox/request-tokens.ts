import type { GatewayTransport } from '@sotto/gateway-api';
import type { Clock } from '@sotto/transport';
import type { AccountId } from '@sotto/wire';
import type { AccountRef } from '../refs.ts';
import { accountRef } from '../store/refs.ts';

/** A token about to end is no use for a fetch and a post. */
const MARGIN_MS = 10_000;

/** Tokens that let this device write to strangers, kept while they last. */
export class RequestTokens {
  readonly #transport: GatewayTransport;
  readonly #clock: Clock;
  readonly #tokens = new Map<AccountRef, { readonly token: Uint8Array; readonly until: number }>();

  constructor(transport: GatewayTransport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
  }

  /** Throws `GatewayApiError`. */
  async get(gateway: string, account: AccountId, signal: AbortSignal): Promise<Uint8Array> {
    const ref = accountRef(account);
    const known = this.#tokens.get(ref);
    if (known !== undefined && known.until > this.#clock.now()) return known.token;
    const { token, expiresAt } = await this.#transport.directory(gateway).requestToken(account, { signal });
    this.#tokens.set(ref, { token, until: expiresAt * 1000 - MARGIN_MS });
    return token;
  }

  /** It was refused: the next call gets another. */
  drop(account: AccountId): void {
    this.#tokens.delete(accountRef(account));
  }
}
