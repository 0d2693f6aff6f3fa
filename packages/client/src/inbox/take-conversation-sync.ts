import { create } from '@bufbuild/protobuf';
import type { ConversationSync } from '@sotto/wire';
import { equalBytes, messageId } from '@sotto/wire';
import { removeMessage } from '../conversations/remove.ts';
import { writeMessage } from '../conversations/placing.ts';
import { conversationRow, putConversation } from '../conversations/rows.ts';
import { followSettings, viewSettings } from '../conversations/settings.ts';
import { followTimer } from '../conversations/timer.ts';
import { conversationRef, messageRef } from '../store/refs.ts';
import { messages } from '../store/tables.ts';
import { StoredMessageSchema } from '@sotto/wire/stored';
import type { Opened, Taken } from './opened.ts';

/** Another own device tells how the account keeps the conversation that the content names. */
export function takeConversationSync(opened: Opened, sync: ConversationSync): Taken {
  const { tx, core, content } = opened;
  const row = conversationRow(tx.write, content.conversation, null);
  const conversation = conversationRef(row.id);
  if (sync.settings !== undefined && followSettings(row, sync.settings)) {
    const settings = viewSettings(row, core.clock.now());
    tx.emit({ type: 'conversation-settings-changed', conversation, settings });
  }
  const { timer } = sync;
  if (timer !== undefined) {
    const { seconds } = timer;
    const followed = followTimer(row, { seconds, setBy: messageId(timer.setBy), height: Number(timer.height) });
    if (followed) tx.emit({ type: 'timer-changed', conversation, seconds: seconds || null });
  }
  putConversation(tx, row);
  for (const id of sync.hidden) {
    const ref = messageRef(id);
    const message = messages.get(tx.write, ref);
    if (message === null) hideWhenItComes(opened, id);
    else if (equalBytes(message.conversation, row.id)) removeMessage(tx, core, ref, 'deleted-for-me');
  }
  return 'receipt';
}

/** The other device had it before this one: it keeps a place without a content, and is taken for known then. */
function hideWhenItComes({ tx, core, content }: Opened, id: Uint8Array): void {
  const storedAt = BigInt(core.clock.now());
  writeMessage(tx, create(StoredMessageSchema, { id, conversation: content.conversation, storedAt, gone: true }));
}
