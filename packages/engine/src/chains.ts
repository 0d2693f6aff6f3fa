import type { CryptoProvider } from '@sotto/crypto';
import { decodeSigchain, encodeSigchain, extend, IdentityError, replay } from '@sotto/identity';
import type { AccountView } from '@sotto/identity';
import { idHex } from '@sotto/wire';
import { EngineError } from './error.ts';

/**
 * A chain travels with first messages up to this size, bytes: about 40 statements. A longer one is left out, so that the
 * longest text still fits beside it, and the recipient fetches it. Whoever carries more makes others work for nothing:
 * signatures of a chain are checked before it is known who sent it.
 */
export const MAX_CARRIED_CHAIN = 16 * 1024;

/** A chain and what it says. */
export interface KnownChain {
  readonly statements: readonly Uint8Array[];
  readonly view: AccountView;
}

/** Replayed chains, found by the hash of their statements. Public data; losing it costs a replay. */
export class ChainCache {
  readonly #crypto: CryptoProvider;
  readonly #capacity: number;
  readonly #chains = new Map<string, KnownChain>();

  constructor(crypto: CryptoProvider, capacity: number) {
    this.#crypto = crypto;
    this.#capacity = capacity;
  }

  /**
   * The account that these statements describe. Throws `IdentityError` as `replay` does, and `EngineError` `identity` for
   * an equivocation: who shows two histories is not to be relied on.
   */
  view(statements: readonly Uint8Array[]): AccountView {
    const bytes = encodeSigchain(statements);
    const key = this.#keyOf(bytes);
    return this.#find(key)?.view ?? this.#replay(key, bytes).view;
  }

  /** The same for a serialised chain, which is parsed only if it is not known. Throws `IdentityError` for no chain, too. */
  serialised(bytes: Uint8Array): KnownChain {
    const key = this.#keyOf(bytes);
    return this.#find(key) ?? this.#replay(key, bytes.slice());
  }

  /** The union of two accounts' worth of statements of one account. Throws as `view`. */
  merge(a: AccountView, b: readonly Uint8Array[]): AccountView {
    return consistent(extend(this.#crypto, a, b));
  }

  clear(): void {
    this.#chains.clear();
  }

  #keyOf(bytes: Uint8Array): string {
    return idHex(this.#crypto.hash('sha256', bytes));
  }

  #find(key: string): KnownChain | undefined {
    const known = this.#chains.get(key);
    if (known === undefined) return undefined;
    this.#chains.delete(key);
    this.#chains.set(key, known);
    return known;
  }

  /** What is kept are views of `bytes`, which therefore belong to this cache alone: a caller may wipe or reuse its own. */
  #replay(key: string, bytes: Uint8Array): KnownChain {
    const statements = decodeSigchain(bytes);
    const chain = { statements, view: consistent(replay(this.#crypto, statements)) };
    this.#chains.set(key, chain);
    if (this.#chains.size > this.#capacity) {
      const [oldest] = this.#chains.keys();
      if (oldest !== undefined) this.#chains.delete(oldest);
    }
    return chain;
  }
}

function consistent(result: ReturnType<typeof replay>): AccountView {
  if (result.kind === 'consistent') return result.view;
  throw new EngineError('identity', 'somebody of this account has signed two histories');
}

/** Runs `judge`; an `IdentityError` comes out as `EngineError` `identity`, with it as the cause. */
export function judging<T>(judge: () => T): T {
  try {
    return judge();
  } catch (cause) {
    if (cause instanceof IdentityError) throw new EngineError('identity', 'an identity is refused', { cause });
    throw cause;
  }
}
