import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { accountId, ContactDecision_State, ContactDecisionSchema, equalBytes } from '@sotto/wire';
import type { AccountId, ContactDecision } from '@sotto/wire';
import { StoredContactSchema } from '@sotto/wire/stored';
import type { StoredContact } from '@sotto/wire/stored';
import type { Profile } from '../account/types.ts';
import { conversationRow, putConversation } from '../conversations/rows.ts';
import { conversationWith } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import type { AccountRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { accountOf, accountRef, conversationRef } from '../store/refs.ts';
import { contacts } from '../store/tables.ts';
import type { Contact, ContactState } from './types.ts';

const states: ReadonlyMap<ContactDecision_State, ContactState> = new Map([
  [ContactDecision_State.REQUESTED, 'requested'],
  [ContactDecision_State.INCOMING, 'incoming'],
  [ContactDecision_State.ACCEPTED, 'accepted'],
  [ContactDecision_State.DECLINED, 'declined'],
  [ContactDecision_State.BLOCKED, 'blocked'],
]);

/** A new row without a decision; whoever makes it decides. */
export function newContact(account: AccountId, now: number): StoredContact {
  return create(StoredContactSchema, {
    account,
    decision: create(ContactDecisionSchema),
    addedAt: BigInt(now),
  });
}

export function findContact(read: VaultReader, account: AccountId): StoredContact | null {
  return contacts.get(read, accountRef(account));
}

/** Throws `not_found`. */
export function requireContact(read: VaultReader, ref: AccountRef): StoredContact {
  const row = contacts.get(read, accountRef(accountOf(ref)));
  if (row === null) throw new MessengerError('not_found', 'no such contact');
  return row;
}

/** Stores a contact, with the conversation that goes with it. */
export function putContact(tx: Tx, core: Core, row: StoredContact): void {
  const account = accountId(row.account);
  contacts.put(tx.write, accountRef(account), row);
  const conversation = conversationRow(tx.write, conversationWith(core, account), null);
  if (conversation.contact.length > 0) return;
  conversation.contact = account;
  conversation.activeAt ||= row.addedAt;
  putConversation(tx, conversation);
}

export function decisionOf(row: StoredContact): ContactDecision {
  if (row.decision === undefined) throw new MessengerError('corrupt_store', 'a contact without a decision is stored');
  return row.decision;
}

export function stateOf(row: StoredContact): ContactState {
  const state = states.get(decisionOf(row).state);
  if (state === undefined) throw new MessengerError('corrupt_store', 'a contact is stored in an unknown state');
  return state;
}

/** Decides how the account stands with a contact; own devices follow the latest decision. */
export function decide(row: StoredContact, state: ContactDecision_State, now: number): void {
  const decision = decisionOf(row);
  decision.state = state;
  stamp(decision, now);
}

/** Later than the decision before, whatever the clock says, so that own devices take it. */
export function stamp(decision: ContactDecision, now: number): void {
  decision.decidedAt = BigInt(now) > decision.decidedAt ? BigInt(now) : decision.decidedAt + 1n;
}

function profileOf(row: StoredContact): Profile | null {
  const { profile } = row;
  if (profile === undefined) return null;
  return { name: profile.name, avatarHash: avatarText(profile.avatarHash) };
}

export function avatarText(hash: Uint8Array): string | null {
  return hash.length === 0 ? null : Buffer.from(hash).toString('hex');
}

/** A contact as people see it. */
export function viewContact(core: Core, row: StoredContact): Contact {
  const ref = accountRef(row.account);
  const decision = decisionOf(row);
  const profile = profileOf(row);
  const accountName = row.accountName === '' ? null : row.accountName;
  const nickname = decision.nickname === '' ? null : decision.nickname;
  return {
    account: ref,
    conversation: conversationRef(conversationWith(core, row.account as AccountId)),
    state: stateOf(row),
    name: nickname ?? profile?.name ?? accountName ?? ref.slice(0, 8),
    nickname,
    profile,
    accountName,
    gateway: row.gateway,
    greeting: decision.greeting === '' ? null : decision.greeting,
    verification: verificationOf(row, decision),
    forkedAt: row.forkedAt === 0n ? null : Number(row.forkedAt),
    addedAt: Number(row.addedAt),
  };
}

function verificationOf(row: StoredContact, decision: ContactDecision): Contact['verification'] {
  if (decision.verifiedHead.length === 0) return 'unverified';
  return equalBytes(decision.verifiedHead, row.headHash) ? 'verified' : 'changed';
}

/** Tells listeners that a contact is not what it was. */
export function tellContact(tx: Tx, core: Core, row: StoredContact): void {
  tx.emit({ type: 'contact-changed', contact: viewContact(core, row) });
  const ref = accountRef(row.account);
  tx.ring('account', ref);
}
