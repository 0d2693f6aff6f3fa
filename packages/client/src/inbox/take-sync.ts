import { create, toBinary } from '@bufbuild/protobuf';
import {
  accountId,
  ContactDecision_State,
  ContactDecisionSchema,
  conversationId,
  equalBytes,
  messageId,
} from '@sotto/wire';
import type { AccountId, ContactDecision, ConversationEnd, SyncState } from '@sotto/wire';
import { StoredMessageSchema } from '@sotto/wire/stored';
import type { StoredContact } from '@sotto/wire/stored';
import { endsAfter } from '../conversations/ends.ts';
import { writeMessage } from '../conversations/placing.ts';
import { markSeen } from '../conversations/read.ts';
import { conversationRow, endsOf, putConversation, setEnds } from '../conversations/rows.ts';
import { conversationWith } from '../core/core.ts';
import { followGranted, withdrawAll } from '../contacts/grants.ts';
import { findContact, newContact, putContact, stateOf, tellContact, viewContact } from '../contacts/rows.ts';
import { accountRef, deviceRef, messageRef } from '../store/refs.ts';
import { messages, ownDevices } from '../store/tables.ts';
import { takeAddresses, takeProfile } from './take-contact.ts';
import type { Opened, Taken } from './opened.ts';

/** Another own device tells what it knows and decided about a contact. */
export function takeSync(opened: Opened, sync: SyncState): Taken {
  const { tx, core } = opened;
  const account = accountId(sync.contact);
  if (equalBytes(account, core.self.account)) {
    noteIntroduced(opened, sync.introduced);
    return 'receipt';
  }
  const known = findContact(tx.write, account);
  const row = known ?? newContact(account, core.clock.now());
  const before = known === null ? null : viewContact(core, known).state;
  if (sync.decision !== undefined) followDecision(row, sync.decision, known === null);
  takeProfile(row, sync.profile);
  takeAddresses(opened, row, sync.addresses);
  if (sync.granted !== undefined) followGranted(tx, core, row, sync.granted);
  if (sync.accountName !== '') row.accountName = sync.accountName;
  if (sync.gateway !== '') row.gateway = sync.gateway;
  if (sync.contactHead !== undefined && sync.contactHead.sequence + 1n > BigInt(row.chain.length)) {
    row.chainWanted = sync.contactHead.sequence;
    tx.ring('chain', accountRef(account));
  }
  // Without a decision there is nothing to remember about an unknown account.
  if (row.decision === undefined || row.decision.state === 0) return 'receipt';
  // What this device gave before it heard of it is taken back too.
  const isOut = stateOf(row) === 'blocked' || stateOf(row) === 'declined';
  if (isOut && (row.granted?.addresses.length ?? 0) > 0) withdrawAll(tx, core, row);
  putContact(tx, core, row);
  takeEnds(opened, account, sync.ends);
  markSeen(
    tx,
    core,
    sync.read.map((id) => messageRef(messageId(id))),
  );
  tellContact(tx, core, row);
  if (before !== 'incoming' && stateOf(row) === 'incoming') {
    tx.emit({ type: 'contact-request', contact: viewContact(core, row) });
  }
  tx.ring('parked', null);
  return 'receipt';
}

/** What somebody else has told a new own device needs not be told it again. */
function noteIntroduced({ tx }: Opened, devices: readonly Uint8Array[]): void {
  for (const device of devices) {
    const row = ownDevices.get(tx.write, deviceRef(device));
    if (row !== null) ownDevices.put(tx.write, deviceRef(device), { ...row, introduced: true });
  }
}

function followDecision(row: StoredContact, decision: ContactDecision, isNew: boolean): void {
  const before = row.decision;
  if (!isNew && before !== undefined && !supersedes(decision, before)) return;
  // Whichever own device takes the block back must know what it goes back to.
  const isBlocked = decision.state === ContactDecision_State.BLOCKED;
  if (isBlocked && before !== undefined && before.state !== decision.state) row.stateBeforeBlock = before.state;
  row.decision = decision;
}

/**
 * The later one wins; of two made in the same millisecond the same one everywhere. That somebody asks is no decision: a
 * device that was away takes the request after another one has answered it, and would undo the answer.
 */
function supersedes(decision: ContactDecision, other: ContactDecision): boolean {
  if (isAsked(decision) && isSettled(other)) return false;
  if (isAsked(other) && isSettled(decision)) return true;
  if (decision.decidedAt !== other.decidedAt) return decision.decidedAt > other.decidedAt;
  const [a, b] = [decision, other].map((each) => toBinary(ContactDecisionSchema, each));
  return a !== undefined && b !== undefined && Buffer.compare(a, b) > 0;
}

function isAsked({ state }: ContactDecision): boolean {
  return state === ContactDecision_State.INCOMING;
}

function isSettled({ state }: ContactDecision): boolean {
  return state === ContactDecision_State.ACCEPTED || state === ContactDecision_State.BLOCKED;
}

/** Ends of a conversation that are not here keep their place, so that what is written here comes after them. */
function takeEnds({ tx, core }: Opened, account: AccountId, ends: readonly ConversationEnd[]): void {
  const conversation = conversationRow(tx.write, conversationWith(core, account), account);
  for (const { message, height } of ends) {
    const id = messageId(message);
    if (messages.get(tx.write, messageRef(id)) !== null) continue;
    writeMessage(
      tx,
      create(StoredMessageSchema, {
        id,
        conversation: conversationId(conversation.id),
        height,
        storedAt: BigInt(core.clock.now()),
        absent: true,
      }),
    );
    const before = { ends: endsOf(conversation), missing: conversation.missing.map(messageId) };
    setEnds(conversation, endsAfter(before, { place: { id, height: Number(height) }, parents: [], missing: [] }));
    if (height > conversation.highest) conversation.highest = height;
  }
  putConversation(tx, conversation);
}
