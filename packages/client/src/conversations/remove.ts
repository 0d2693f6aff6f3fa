import type { StoredMessage } from '@sotto/wire/stored';
import { dropFiles } from '../attachments/rows.ts';
import type { Core } from '../core/core.ts';
import { forgetSent } from '../healing/sent-log.ts';
import { removeOutbound } from '../outbox/rows.ts';
import type { MessageRef } from '../refs.ts';
import { dropCountdown } from '../store/countdowns.ts';
import type { Tx } from '../store/ledger.ts';
import { conversationRef, messageRef } from '../store/refs.ts';
import { messages, receipts, trails } from '../store/tables.ts';
import { noteDown } from '../trail/store.ts';
import { isLine, isUnread, writeMessage } from './placing.ts';
import { changeConversation } from './rows.ts';
import { annotationBody } from './view.ts';

/** Why a message is no longer here. */
export type Removal = 'disappeared' | 'deleted-for-me';

/**
 * Deletes a message for good: its text and those of its edits, from rows, index, outbox and wherever else a copy is.
 * Its place in the order stays, so that it is no gap and does not come back. What is deleted for this account only still
 * goes to whom it was sent. False: there is nothing to delete.
 */
export function removeMessage(tx: Tx, core: Core, message: MessageRef, why: Removal): boolean {
  const row = messages.get(tx.write, message);
  if (row === null || !isLine(row)) return false;
  const wasUnread = isUnread(row);
  scrubAnnotations(tx, row, why);
  if (why === 'disappeared') cancel(tx, message);
  row.content = new Uint8Array(0);
  delete row.edit;
  delete row.pin;
  row.reactions = [];
  row.heldUntil = 0n;
  row.gone = true;
  writeMessage(tx, row);
  tx.write.unindex(message);
  dropCountdown(tx, message);
  dropFiles(tx, message);
  forgetSent(tx, message);
  for (const { key } of receipts.find(tx.write, 'message', message)) receipts.delete(tx.write, key);
  trails.delete(tx.write, message);
  noteDown(tx, message, core.clock.now(), { code: why });
  changeConversation(tx, row.conversation, (conversation) => {
    if (wasUnread) conversation.unread = Math.max(0, conversation.unread - 1);
  });
  tx.emit({ type: 'message-removed', conversation: conversationRef(row.conversation), message, why });
  tx.ring('progress', message);
  return true;
}

/** What was taken back takes the texts of its edits along. */
export function scrubEdits(tx: Tx, row: StoredMessage): void {
  scrubAnnotations(tx, row, 'taken-back');
}

/** Deletions say nothing that would have to go, and others still have to hear of them. */
function scrubAnnotations(tx: Tx, target: StoredMessage, why: Removal | 'taken-back'): void {
  for (const { row } of messages.find(tx.write, 'target', messageRef(target.id))) {
    const kind = annotationBody(row)?.kind;
    if (kind === undefined || kind === 'delete' || (why === 'taken-back' && kind !== 'edit')) continue;
    if (why !== 'deleted-for-me') cancel(tx, messageRef(row.id));
    row.content = new Uint8Array(0);
    forgetSent(tx, messageRef(row.id));
    writeMessage(tx, row);
  }
}

/** Not sent any more to whom it has not reached. */
function cancel(tx: Tx, message: MessageRef): void {
  removeOutbound(tx, message);
  tx.ring('outbound', message);
}
