import { GatewayApiError } from '@sotto/gateway-api';
import type { GatewayTransport } from '@sotto/gateway-api';
import { accountId } from '@sotto/wire';
import type { AccountId } from '@sotto/wire';
import type { Core } from '../core/core.ts';
import type { Acquaintances } from './acquaintances.ts';

/** A chain that something cannot be judged without. */
export interface WantedChain {
  readonly account: Uint8Array;
  readonly sequence: number;
  /** Where its devices say that it is to be had; empty: not known. */
  readonly gateway: string;
}

/** Chains fetched at once. */
const AT_ONCE = 8;

/** Gets chains of accounts in groups from where they are to be had. */
export class ChainFinder {
  readonly #core: Core;
  readonly #acquaintances: Acquaintances;
  readonly #transport: GatewayTransport;

  constructor(core: Core, acquaintances: Acquaintances, transport: GatewayTransport) {
    this.#core = core;
    this.#acquaintances = acquaintances;
    this.#transport = transport;
  }

  /** What is known of accounts' chains. */
  known(accounts: Iterable<Uint8Array>): (readonly Uint8Array[])[] {
    return this.#core.ledger.read((read) =>
      [...accounts].flatMap((account) => {
        const chain = this.#acquaintances.chain(read, accountId(account));
        return chain === null ? [] : [chain];
      }),
    );
  }

  /**
   * Fetches what is not here up to the sequence wanted. True: all of it is here now; false: a gateway does not have it.
   * Throws `GatewayApiError` when a gateway could not be asked.
   */
  async find(wanted: readonly WantedChain[], signal: AbortSignal): Promise<boolean> {
    const behind = wanted.filter((each) => !this.#has(each));
    for (let i = 0; i < behind.length; i += AT_ONCE) {
      await Promise.all(behind.slice(i, i + AT_ONCE).map((each) => this.#fetch(each, signal)));
    }
    return wanted.every((each) => this.#has(each));
  }

  #has({ account, sequence }: WantedChain): boolean {
    const [chain] = this.known([account]);
    return chain !== undefined && chain.length > sequence;
  }

  async #fetch({ account: bytes, gateway: named }: WantedChain, signal: AbortSignal): Promise<void> {
    const account: AccountId = accountId(bytes);
    const known = this.#core.ledger.read((read) => ({
      gateway: this.#acquaintances.gateway(read, account),
      length: this.#acquaintances.chain(read, account)?.length ?? 0,
    }));
    for (const gateway of new Set([named, known.gateway])) {
      if (gateway === '') continue;
      try {
        const more = await this.#transport.directory(gateway).chain(account, known.length, { signal });
        const before = this.known([account])[0] ?? [];
        this.#core.ledger.commit((tx) =>
          this.#acquaintances.learn(tx, account, [...before.slice(0, known.length), ...more], gateway),
        );
        return;
      } catch (cause) {
        if (!(cause instanceof GatewayApiError) || cause.code !== 'not-found') throw cause;
      }
    }
  }
}
