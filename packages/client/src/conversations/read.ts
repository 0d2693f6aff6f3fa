import { accountId } from '@sotto/wire';
import type { AccountId } from '@sotto/wire';
import { StoredMessage_State } from '@sotto/wire/stored';
import type { StoredMessage } from '@sotto/wire/stored';
import type { Core } from '../core/core.ts';
import type { ConversationRef, MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { conversationOf, conversationRef } from '../store/refs.ts';
import { messages } from '../store/tables.ts';
import { tellUpdated } from './tell.ts';
import { startCountdown } from './start-countdown.ts';
import { isUnread, writeMessage } from './placing.ts';
import { conversationRow, putConversation } from './rows.ts';

/** Marks received messages as seen; those that are not here, or not unread, are passed over. Gives back the others. */
export function markSeen(tx: Tx, core: Core, refs: readonly MessageRef[]): StoredMessage[] {
  const rows = refs.flatMap((ref) => messages.get(tx.write, ref) ?? []);
  return see(tx, core, rows);
}

/** Marks everything unread up to an ordinal as seen. */
export function markSeenUpTo(tx: Tx, core: Core, conversation: ConversationRef, ordinal: number): StoredMessage[] {
  const unread = messages.find(tx.write, 'unread', conversation).map((entry) => entry.row);
  return see(
    tx,
    core,
    unread.filter((row) => Number(row.ordinal) <= ordinal && row.heldUntil === 0n),
  );
}

function see(tx: Tx, core: Core, rows: readonly StoredMessage[]): StoredMessage[] {
  const seen = rows.filter(isUnread);
  const perConversation = new Map<ConversationRef, number>();
  for (const row of seen) {
    row.state = StoredMessage_State.READ;
    startCountdown(tx, row, core.clock.now());
    writeMessage(tx, row);
    tellUpdated(tx, core, row);
    const conversation = conversationRef(row.conversation);
    perConversation.set(conversation, (perConversation.get(conversation) ?? 0) + 1);
  }
  for (const [conversation, count] of perConversation) {
    const row = conversationRow(tx.write, conversationOf(conversation), null);
    row.unread = Math.max(0, row.unread - count);
    putConversation(tx, row);
  }
  return seen;
}

/** Seen messages by who wrote them, for their receipts. */
export function byAuthor(rows: readonly StoredMessage[]): { readonly author: AccountId; readonly ids: Uint8Array[] }[] {
  const groups: { author: AccountId; ids: Uint8Array[] }[] = [];
  for (const row of rows) {
    const author = accountId(row.author);
    const group = groups.find((each) => Buffer.compare(each.author, author) === 0);
    if (group === undefined) groups.push({ author, ids: [row.id] });
    else group.ids.push(row.id);
  }
  return groups;
}
