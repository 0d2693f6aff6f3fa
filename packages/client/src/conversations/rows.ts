import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { messageId } from '@sotto/wire';
import type { ConversationId } from '@sotto/wire';
import { StoredConversationSchema } from '@sotto/wire/stored';
import type { StoredConversation } from '@sotto/wire/stored';
import type { ConversationRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { conversationRef } from '../store/refs.ts';
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

export function putConversation(tx: Tx, row: StoredConversation): void {
  const ref = conversationRef(row.id);
  conversations.put(tx.write, ref, row);
  tx.emit({ type: 'conversation-changed', conversation: ref });
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
