import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { conversationId, messageId } from '@sotto/wire';
import type { ConversationId } from '@sotto/wire';
import { StoredConversationSchema } from '@sotto/wire/stored';
import type { StoredConversation } from '@sotto/wire/stored';
import { MessengerError } from '../error.ts';
import type { ConversationRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { conversationOf, conversationRef } from '../store/refs.ts';
import { conversations } from '../store/tables.ts';
import type { Ends } from './ends.ts';
import type { Place } from './order.ts';

/** The conversation's row, or a new one. `contact` is the other account; it may become known later (own devices). */
export function conversationRow(read: VaultReader, id: ConversationId, contact: Uint8Array | null): StoredConversation {
  const row =
    conversations.get(read, conversationRef(id)) ??
    create(StoredConversationSchema, { id, contact: new Uint8Array(0) });
  if (row.contact.length === 0 && contact !== null) row.contact = contact;
  return row;
}

/** Throws `not_found`. */
export function requireConversation(read: VaultReader, ref: ConversationRef): StoredConversation {
  const row = conversations.get(read, conversationRef(conversationOf(ref)));
  if (row === null || (row.contact.length === 0 && !row.group)) {
    throw new MessengerError('not_found', 'no such conversation');
  }
  return row;
}

/** Something is not told to own other devices yet. */
export const DUE = 'due';

export function putConversation(tx: Tx, row: StoredConversation): void {
  const ref = conversationRef(row.id);
  const due = row.settingsDue || row.hiddenDue.length > 0;
  conversations.put(tx.write, ref, row, due ? { lookups: [['settings-due', DUE]] } : {});
  tx.emit({ type: 'conversation-changed', conversation: ref });
}

/** Changes a conversation that is there. */
export function changeConversation(tx: Tx, id: Uint8Array, change: (row: StoredConversation) => void): void {
  const row = conversationRow(tx.write, conversationId(id), null);
  change(row);
  putConversation(tx, row);
}

export function endsOf(row: StoredConversation): Place[] {
  return row.ends.map((end) => ({ height: Number(end.height), id: messageId(end.message) }));
}

export function setEnds(row: StoredConversation, { ends, missing }: Ends): void {
  row.ends = ends.map(({ id, height }) => ({
    $typeName: 'sotto.wire.v1.ConversationEnd',
    message: id,
    height: BigInt(height),
  }));
  row.missing = [...missing];
}

/** Refs under which a device's counters are looked up. */
export function counterKey(conversation: ConversationRef, device: string, counter: number): string {
  return `${conversation}/${device}/${counter}`;
}
