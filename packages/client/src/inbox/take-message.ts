import { accountId, equalBytes } from '@sotto/wire';
import { StoredMessage_State } from '@sotto/wire/stored';
import { findContact } from '../contacts/rows.ts';
import { absorb } from '../conversations/absorb.ts';
import { conversationRow } from '../conversations/rows.ts';
import { conversationWith } from '../core/core.ts';
import { logSentElsewhere } from '../healing/sent-log.ts';
import { cancelDeleted } from '../outbox/rows.ts';
import { deviceOf, messageRef } from '../store/refs.ts';
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
  if (own) rememberFor(opened);
  const notes: Note[] = [...opened.delays, { code: own ? 'received-own' : 'received' }];
  if (absorption.held) notes.push({ code: 'held-back' });
  else if (!own) notes.push({ code: 'receipt-sent' });
  noteDown(tx, ref, now, ...notes);
  return 'receipt';
}

/** Written on another own device: should that be gone when the contact asks for it, this one can hand it on. */
function rememberFor({ tx, core, chains, content, id }: Opened): void {
  const { contact } = conversationRow(tx.write, content.conversation, null);
  const row = contact.length === 0 ? null : findContact(tx.write, accountId(contact));
  const devices = row === null ? null : chains.activeDevices(row);
  if (row === null || devices === null) return;
  logSentElsewhere(tx, {
    id,
    conversation: content.conversation,
    recipient: accountId(row.account),
    devices: devices.map(deviceOf),
    now: core.clock.now(),
  });
}
