import { create } from '@bufbuild/protobuf';
import { messageId } from '@sotto/wire';
import type { ConversationId } from '@sotto/wire';
import { StoredMessageSchema } from '@sotto/wire/stored';
import type { StoredGroup } from '@sotto/wire/stored';
import { endsAfter } from '../conversations/ends.ts';
import { writeMessage } from '../conversations/placing.ts';
import { conversationRow, endsOf, putConversation, setEnds } from '../conversations/rows.ts';
import { followTimer } from '../conversations/timer.ts';
import type { Core } from '../core/core.ts';
import type { Tx } from '../store/ledger.ts';
import { messageRef } from '../store/refs.ts';
import { messages } from '../store/tables.ts';
import { rulesOf } from './rows.ts';

/**
 * Opens a group's conversation where the group says that it stands: what is written here comes after that. Changes
 * nothing where this device has read further.
 */
export function beginConversation(tx: Tx, core: Core, group: StoredGroup): void {
  const conversation = conversationRow(tx.write, group.id as ConversationId, null);
  const now = BigInt(core.clock.now());
  conversation.group = true;
  conversation.activeAt ||= now;
  const point = group.history;
  if (point !== undefined && point.message.length > 0 && point.height > conversation.highest) {
    const id = messageId(point.message);
    const { height } = point;
    if (messages.get(tx.write, messageRef(id)) === null) {
      const row = create(StoredMessageSchema, { id, conversation: group.id, height, storedAt: now, absent: true });
      writeMessage(tx, row);
    }
    const before = { ends: endsOf(conversation), missing: conversation.missing.map(messageId) };
    setEnds(conversation, endsAfter(before, { place: { id, height: Number(height) }, parents: [], missing: [] }));
    conversation.highest = height;
  }
  putConversation(tx, conversation);
}

/** Brings the conversation's timer in step with the group's rules, set by the notice of that id. */
export function followRules(tx: Tx, group: StoredGroup, setBy: Uint8Array): void {
  const seconds = rulesOf(group)?.disappearSeconds ?? 0;
  const conversation = conversationRow(tx.write, group.id as ConversationId, null);
  if ((conversation.timer?.seconds ?? 0) === seconds) return;
  const height = Math.max(1, Number(group.history?.height ?? 1n));
  if (!followTimer(conversation, { seconds, setBy: messageId(setBy), height })) return;
  putConversation(tx, conversation);
}
