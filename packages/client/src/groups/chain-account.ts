import { accountId } from '@sotto/wire';
import type { AccountId } from '@sotto/wire';
import { judgeChain } from '../chains/judge.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';

/** Whose chain this is; null: it is none. */
export function replayAccount(core: Pick<Core, 'provider'>, statements: readonly Uint8Array[]): AccountId | null {
  try {
    return accountId(judgeChain(core.provider, statements).account);
  } catch (cause) {
    if (cause instanceof MessengerError && cause.code === 'untrusted') return null;
    throw cause;
  }
}
