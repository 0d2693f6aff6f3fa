import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { conversationId } from '@sotto/wire';
import { StoredMessage_State, StoredMessageSchema } from '@sotto/wire/stored';
import type { StoredMessage, StoredWanted } from '@sotto/wire/stored';
import { insertLine } from '../conversations/placing.ts';
import { conversationRow, putConversation } from '../conversations/rows.ts';
import type { Placeholder } from '../conversations/types.ts';
import type { EnvelopeRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { accountRef, conversationRef, deviceRef, envelopeRef } from '../store/refs.ts';
import { messages, wanteds } from '../store/tables.ts';
import { reasonOf } from '../trail/store.ts';

/** Puts a line at the end of a conversation for an envelope that could not be opened. */
export function placePlaceholder(tx: Tx, wanted: StoredWanted): void {
  const conversation = conversationRow(tx.write, conversationId(wanted.conversation), null);
  const row = create(StoredMessageSchema, {
    id: wanted.id,
    conversation: wanted.conversation,
    author: wanted.account,
    device: wanted.device,
    height: conversation.highest + 1n,
    storedAt: wanted.since,
    // It is nothing to be read.
    state: StoredMessage_State.READ,
    placeholder: true,
  });
  insertLine(tx, row);
  putConversation(tx, conversation);
  tellPlaceholder(tx, row);
}

/** Null: no line stands for it. */
export function placeholderRow(read: VaultReader, envelope: EnvelopeRef): StoredMessage | null {
  // Envelope ids and message ids are hashes of different things: a row of this id is no message.
  const row = messages.get(read, envelope);
  return row?.placeholder === true ? row : null;
}

export function viewPlaceholder(read: VaultReader, row: StoredMessage): Placeholder {
  const wanted = wanteds.get(read, envelopeRef(row.id));
  return {
    id: envelopeRef(row.id),
    conversation: conversationRef(row.conversation),
    author: accountRef(row.author),
    device: deviceRef(row.device),
    receivedAt: Number(row.storedAt),
    reason: wanted === null ? 'given-up' : reasonOf(wanted.reason),
    recovering: wanted !== null && wanted.nextAt > 0n,
  };
}

export function tellPlaceholder(tx: Tx, row: StoredMessage): void {
  tx.last(({ write }) => tx.emit({ type: 'message-awaited', placeholder: viewPlaceholder(write, row) }));
}

/** Takes the line away; null: there was none. */
export function removePlaceholder(tx: Tx, envelope: EnvelopeRef): StoredMessage | null {
  const row = placeholderRow(tx.write, envelope);
  if (row === null) return null;
  messages.delete(tx.write, envelope);
  putConversation(tx, conversationRow(tx.write, conversationId(row.conversation), null));
  return row;
}
