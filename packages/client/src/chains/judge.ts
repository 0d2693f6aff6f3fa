import type { CryptoProvider } from '@sotto/crypto';
import { extend, IdentityError, replay } from '@sotto/identity';
import type { AccountView } from '@sotto/identity';
import { equalBytes } from '@sotto/wire';
import { MessengerError } from '../error.ts';

/** What statements say, on top of what is known. */
export type Judgement =
  | { readonly kind: 'same' | 'extended'; readonly view: AccountView }
  /** They contradict what is known, or each other; what is known stands. */
  | { readonly kind: 'conflict' };

/** A chain from nothing. Throws `untrusted`. */
export function judgeChain(provider: CryptoProvider, statements: readonly Uint8Array[]): AccountView {
  const result = judging(() => replay(provider, statements));
  if (result.kind !== 'consistent') throw new MessengerError('untrusted', 'the chain of devices contradicts itself');
  return result.view;
}

/** Known statements and others that should extend them. Throws `untrusted` for what is no part of any valid chain. */
export function judgeMore(provider: CryptoProvider, known: AccountView, statements: readonly Uint8Array[]): Judgement {
  const result = judging(() => extend(provider, known, statements));
  if (result.kind !== 'consistent') return { kind: 'conflict' };
  const { view } = result;
  const kept = view.statements[known.head.sequence];
  // A sibling can make statements void that were in force; whoever relied on them has to be told, so it is a conflict.
  if (kept === undefined || !equalBytes(kept.hash, known.head.hash)) return { kind: 'conflict' };
  return { kind: view.head.sequence > known.head.sequence ? 'extended' : 'same', view };
}

function judging<T>(judge: () => T): T {
  try {
    return judge();
  } catch (cause) {
    if (!(cause instanceof IdentityError)) throw cause;
    throw new MessengerError('untrusted', 'the chain of devices does not verify', { cause });
  }
}
