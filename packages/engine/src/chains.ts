import type { CryptoProvider } from '@sotto/crypto';
import { encodeSigchain, extend, IdentityError, replay } from '@sotto/identity';
import type { AccountView } from '@sotto/identity';
import { idHex } from '@sotto/wire';
import { EngineError } from './error.ts';

/** Replayed chains, found by the hash of their statements. Public data; losing it costs a replay. */
export class ChainCache {
  readonly #crypto: CryptoProvider;
  readonly #capacity: number;
  readonly #views = new Map<string, AccountView>();

  constructor(crypto: CryptoProvider, capacity: number) {
    this.#crypto = crypto;
    this.#capacity = capacity;
  }

  /**
   * The account that these statements describe. Throws `IdentityError` as `replay` does, and `EngineError` `identity` for
   * an equivocation: who shows two histories is not to be relied on.
   */
  view(statements: readonly Uint8Array[]): AccountView {
    const key = idHex(this.#crypto.hash('sha256', encodeSigchain(statements)));
    const known = this.#views.get(key);
    if (known !== undefined) {
      this.#views.delete(key);
      this.#views.set(key, known);
      return known;
    }
    const view = consistent(replay(this.#crypto, statements));
    this.#add(key, view);
    return view;
  }

  /** The union of two accounts' worth of statements of one account. Throws as `view`. */
  merge(a: AccountView, b: readonly Uint8Array[]): AccountView {
    return consistent(extend(this.#crypto, a, b));
  }

  clear(): void {
    this.#views.clear();
  }

  #add(key: string, view: AccountView): void {
    this.#views.set(key, view);
    if (this.#views.size <= this.#capacity) return;
    const [oldest] = this.#views.keys();
    if (oldest !== undefined) this.#views.delete(oldest);
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
