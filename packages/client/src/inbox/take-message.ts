import { equalBytes } from '@sotto/wire';
import { StoredMessage_State } from '@sotto/wire/stored';
import { absorb } from '../conversations/absorb.ts';
import { conversationWith } from '../core/core.ts';
import { cancelDeleted } from '../outbox/rows.ts';
import { messageRef } from '../store/refs.ts';
import { noteDown } from '../trail/store.ts';
import type { Note } from '../trail/store.ts';
import { NotTaken } from './opened.ts';
import type { Opened, Taken } from './opened.ts';

/** Text, edit, deletion, reaction, or a kind of a newer version. */
export function takeMessage(opened: Opened): Taken {
  const { tx, core, contact, content, bytes, id, account, device } = opened;
  // A newer kind that takes no place in the order: nothing to show, but its sender need not send it again.
  if (content.counter === 0) return 'receipt';
  if (contact !== null && !equalBytes(content.conversation, conversationWith(core, account))) {
    throw new NotTaken('invalid-content');
  }
  const own = contact === null;
  const absorption = absorb(tx, core, {
    content,
    bytes,
    id,
    author: account,
    device,
    contact: own ? null : account,
    state: own ? StoredMessage_State.WAITING : StoredMessage_State.RECEIVED,
  });
  const now = core.clock.now();
  const ref = messageRef(id);
  if (absorption.kind === 'duplicate') {
    noteDown(tx, ref, now, { code: 'duplicate' });
    return 'receipt';
  }
  cancelDeleted(tx, core, content);
  const notes: Note[] = [{ code: own ? 'received-own' : 'received' }];
  if (absorption.held) notes.push({ code: 'held-back' });
  else if (!own) notes.push({ code: 'receipt-sent' });
  noteDown(tx, ref, now, ...notes);
  return 'receipt';
}
