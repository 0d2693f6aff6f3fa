import type { CryptoProvider } from '@sotto/crypto';
import { activeDevices, extend, replay } from '@sotto/identity';
import type { AccountView, ReplayResult, Statement } from '@sotto/identity';
import { equalBytes, idHex, Refusal } from '@sotto/wire';
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
 * For the same reason a revoked device may contest its revocation, beside which its statement then has to stand and win, but
 * not say anything about the time before.
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
  if (before !== null && fresh.some((statement) => rewritesHistory(before, statement))) {
    throw new Refused(Refusal.CONFLICT, 'a revoked device has no say in what came before');
  }
  if (before !== null && displacesWithoutNeed(before, view)) {
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

/** Whether its signer is a device that is revoked, and it stands anywhere but beside that revocation. */
function rewritesHistory(before: AccountView, { signers, previous }: Statement): boolean {
  for (const { certificate, state } of before.devices.values()) {
    if (state.kind !== 'revoked' || !signers.some((signer) => equalBytes(signer, certificate.ed25519))) continue;
    const revocation = before.statements[state.revokedBy.sequence];
    const beside = revocation?.previous ?? null;
    if (beside === null || previous === null || !equalBytes(beside, previous)) return true;
  }
  return false;
}

/**
 * Whether a published statement would become void though nobody's say depends on it. By the sibling rule an older device
 * wins over a younger one also if it comes later; but what is published others have acted upon, and its author can say
 * the same on top of it. Not so where one of the two takes the other's signer out, or the account key speaks.
 */
function displacesWithoutNeed(before: AccountView, after: AccountView): boolean {
  const at = before.statements.findIndex(({ hash }, i) => !equalBytes(hash, after.statements[i]?.hash ?? NOTHING));
  const [standing, contender] = [before.statements[at], after.statements[at]];
  if (standing === undefined || contender === undefined) return false;
  const isByAccount = contender.signers.some((signer) => equalBytes(signer, before.accountKey));
  return !isByAccount && !takesOut(before, standing, contender) && !takesOut(before, contender, standing);
}

/** Whether `one` revokes a device that signed `other`. */
function takesOut(view: AccountView, one: Statement, other: Statement): boolean {
  if (one.body.kind !== 'revoke-device') return false;
  const device = view.devices.get(idHex(one.body.device));
  return device !== undefined && other.signers.some((signer) => equalBytes(signer, device.certificate.ed25519));
}

const NOTHING = new Uint8Array(0);

function viewOf(result: ReplayResult): AccountView {
  if (result.kind === 'consistent') return result.view;
  throw new Refused(Refusal.CONFLICT, 'one signer made two statements at the same place');
}

function includes(known: readonly Uint8Array[], bytes: Uint8Array): boolean {
  return known.some((other) => equalBytes(other, bytes));
}
