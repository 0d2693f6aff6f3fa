import { IdentityError, readStatement } from '@sotto/identity';
import { idHex } from '@sotto/wire';
import type { CallContext } from '../calls/context.ts';
import { EngineError } from '../error.ts';
import type { Chain } from '../mls-calls.ts';
import type { ChainSource, ReliedOn } from './credentials.ts';
import { once } from './once.ts';

/** Chains that the caller knows. */
export function knownChains({ crypto, chains }: CallContext, given: readonly Chain[]): ChainSource {
  const byAccount = once(() => {
    const found = new Map<string, Chain>();
    for (const statements of given) {
      const account = accountOf(crypto, statements);
      if (account !== null && statements.length > (found.get(account)?.length ?? 0)) found.set(account, statements);
    }
    return found;
  });
  return (account) => {
    const statements = byAccount().get(account);
    return statements === undefined ? null : { statements, view: chains.view(statements) };
  };
}

/** Chains that a commit carries; bad ones are as good as none. */
export function carriedChains({ chains }: CallContext, carried: readonly Uint8Array[]): ChainSource {
  const byAccount = once(() => {
    const found = new Map<string, ReliedOn>();
    for (const bytes of carried) {
      try {
        const chain = chains.serialised(bytes);
        found.set(idHex(chain.view.account), chain);
      } catch (error) {
        if (!isIdentityFault(error)) throw error;
      }
    }
    return found;
  });
  return (account) => byAccount().get(account) ?? null;
}

/** A source that remembers what was taken from it. */
export function recording(source: ChainSource): {
  readonly source: ChainSource;
  readonly used: ReadonlyMap<string, ReliedOn>;
} {
  const used = new Map<string, ReliedOn>();
  return {
    used,
    source: (account) => {
      const chain = source(account);
      if (chain !== null) used.set(account, chain);
      return chain;
    },
  };
}

export function isIdentityFault(error: unknown): boolean {
  return error instanceof IdentityError || (error instanceof EngineError && error.code === 'identity');
}

/** An account is named by its first statement. */
function accountOf(crypto: CallContext['crypto'], [genesis]: Chain): string | null {
  if (genesis === undefined) return null;
  try {
    return idHex(readStatement(crypto, genesis).hash);
  } catch (error) {
    if (error instanceof IdentityError) return null;
    throw error;
  }
}
