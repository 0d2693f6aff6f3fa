import type { Sender } from '@sotto/engine';
import { accountId, deviceId, equalBytes } from '@sotto/wire';
import type { AccountId, ChainHead, DeviceId } from '@sotto/wire';
import type { StoredContact } from '@sotto/wire/stored';
import type { Chains } from '../chains/chains.ts';
import { standing, whereIs } from '../chains/chains.ts';
import { findContact, newContact, putContact } from '../contacts/rows.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import { noteIncident } from '../incidents.ts';
import type { Tx } from '../store/ledger.ts';
import { accountRef } from '../store/refs.ts';
import { NotTaken } from './opened.ts';

/** Who sent a message, by the chain as known after it. */
export interface KnownSender {
  readonly account: AccountId;
  readonly device: DeviceId;
  /** Null: the own account. */
  readonly contact: StoredContact | null;
  readonly known: boolean;
}

/**
 * Judges a sender by its chain: what the message carries has to extend what is known, and the device has to be an active
 * one. Stores what is learnt about known contacts. Throws `NotTaken`.
 */
export function judgeSender(tx: Tx, core: Core, chains: Chains, from: Sender): KnownSender {
  const account = accountId(from.account);
  const device = deviceId(from.device);
  if (equalBytes(account, core.self.account)) {
    requireActive(standingOfOwn(tx, core, from, device));
    return { account, device, contact: null, known: true };
  }
  const stored = findContact(tx.write, account);
  const contact = stored ?? newContact(account, core.clock.now());
  if (from.chain !== null && !absorbed(tx, chains, contact, from.chain)) {
    throw new NotTaken('invalid-sender', false, account);
  }
  const view = chains.view(contact);
  requireActive(view === null ? 'unknown' : standing(view, device));
  if (stored !== null && from.chain !== null) putContact(tx, core, contact);
  return { account, device, contact, known: stored !== null };
}

function absorbed(tx: Tx, chains: Chains, contact: StoredContact, chain: readonly Uint8Array[]): boolean {
  try {
    return chains.absorb(tx, contact, chain);
  } catch (cause) {
    if (cause instanceof MessengerError && cause.code === 'untrusted') return false;
    throw cause;
  }
}

function standingOfOwn(tx: Tx, core: Core, from: Sender, device: DeviceId): ReturnType<typeof standing> {
  if (from.chain === null) return standing(core.own.view, device);
  try {
    const extended = core.own.extendChain(tx, from.chain);
    if (extended === null) return standing(core.own.view, device);
    tx.ring('devices', null);
    tx.ring('account', core.self.accountRef);
    return standing(extended, device);
  } catch (cause) {
    if (cause instanceof MessengerError && cause.code === 'untrusted') throw new NotTaken('invalid-sender');
    throw cause;
  }
}

function requireActive(where: ReturnType<typeof standing>): void {
  if (where === 'revoked') throw new NotTaken('revoked-sender');
  // The chain that certifies it is fetched; then the envelope is tried again.
  if (where === 'unknown') throw new NotTaken('waiting-identity', true);
}

/** A content names the newest head of its author's chain: one that is not known here is fetched. */
export function noteHead(tx: Tx, core: Core, chains: Chains, sender: KnownSender, head: ChainHead | null): void {
  if (head === null || !equalBytes(head.account, sender.account)) return;
  if (sender.contact === null) {
    noteOwnHead(tx, core, head);
    return;
  }
  if (!sender.known) return;
  const where = chains.noteHead(sender.contact, head);
  if (where === 'known') return;
  if (where === 'forked') chains.noteFork(tx, sender.contact, 'forked-chain');
  else tx.ring('chain', accountRef(sender.account));
  putContact(tx, core, sender.contact);
}

/** Somebody named the own chain's head as they know it. */
export function noteOwnHead(tx: Tx, core: Core, head: Pick<ChainHead, 'sequence' | 'hash'>): void {
  const where = whereIs(core.own.view, head);
  if (where === 'ahead') tx.ring('chain', core.self.accountRef);
  if (where === 'forked') tellForked(tx, core);
}

/** Others are shown another chain of the own account. */
export function tellForked(tx: Tx, core: Core): void {
  noteIncident(tx, core, 'account-forked');
  tx.emit({ type: 'account-forked', at: core.clock.now() });
}
