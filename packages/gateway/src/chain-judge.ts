import type { CryptoProvider } from '@sotto/crypto';
import { activeDevices, extend, replay } from '@sotto/identity';
import type { AccountView, ReplayResult } from '@sotto/identity';
import { equalBytes, Refusal } from '@sotto/wire';
import type { ChainChange } from './ports/directory.ts';
import { Refused } from './refused.ts';

/** A chain with new statements, judged. */
export interface JudgedChain {
  readonly view: AccountView;
  readonly change: Pick<ChainChange, 'account' | 'expected' | 'added' | 'active'>;
}

/**
 * Judges statements on top of those known here. All new ones must be in force afterwards: one that loses against a
 * concurrent statement, or contradicts another of its signer, is refused, and its author rebases what was meant. (Were
 * contradictions stored, a stolen device key could void what the device had signed before, its own revocation included.)
 * Throws `IdentityError`, or `Refused` `CONFLICT`.
 */
export function judgeChain(
  provider: CryptoProvider,
  known: readonly Uint8Array[],
  offered: readonly Uint8Array[],
): JudgedChain {
  const before = known.length === 0 ? null : viewOf(replay(provider, known));
  const view = viewOf(before === null ? replay(provider, offered) : extend(provider, before, offered));
  const fresh = [...view.statements, ...view.void].filter(({ bytes }) => !includes(known, bytes));
  if (fresh.some((statement) => view.void.includes(statement))) {
    throw new Refused(Refusal.CONFLICT, 'the chain has moved on');
  }
  return {
    view,
    change: {
      account: view.account,
      expected: known.length,
      added: fresh.map(({ sequence, bytes }) => ({ sequence, bytes })),
      active: activeDevices(view).map((entry) => entry.certificate.device),
    },
  };
}

function viewOf(result: ReplayResult): AccountView {
  if (result.kind === 'consistent') return result.view;
  throw new Refused(Refusal.CONFLICT, 'one signer made two statements at the same place');
}

function includes(known: readonly Uint8Array[], bytes: Uint8Array): boolean {
  return known.some((other) => equalBytes(other, bytes));
}
