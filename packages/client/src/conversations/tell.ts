import type { VaultReader } from '@sotto/vault';
import type { StoredConversation, StoredMessage } from '@sotto/wire/stored';
import type { Core } from '../core/core.ts';
import type { Tx } from '../store/ledger.ts';
import { conversationRef } from '../store/refs.ts';
import { conversations } from '../store/tables.ts';
import { isLine } from './placing.ts';
import { isMuted, viewSettings } from './settings.ts';
import type { Message } from './types.ts';
import { viewMessage } from './view.ts';

/** Tells listeners of a message that took its place, as it is at the end of the event. */
export function tellNew(tx: Tx, core: Core, row: StoredMessage): void {
  tx.last(({ write }) => {
    const message = viewMessage(write, core.self, row);
    if (message.own) tx.emit({ type: 'message-sent', message });
    else tx.emit({ type: 'message-received', message, notify: isNews(write, core, message) });
  });
}

export function tellUpdated(tx: Tx, core: Core, row: StoredMessage): void {
  if (!isLine(row) || row.heldUntil > 0n) return;
  tx.last(({ write }) => tx.emit({ type: 'message-updated', message: viewMessage(write, core.self, row) }));
}

/** Worth a sound: not of a conversation that is quiet, unless this account is named. */
function isNews(read: VaultReader, core: Core, message: Message): boolean {
  if (message.body.kind === 'timer') return false;
  const row = conversations.get(read, message.conversation);
  return message.mentioned || row === null || !isMuted(row, core.clock.now());
}

/** Tells listeners how a conversation is kept from now on. */
export function tellSettings(tx: Tx, core: Core, row: StoredConversation): void {
  tx.emit({
    type: 'conversation-settings-changed',
    conversation: conversationRef(row.id),
    settings: viewSettings(row, core.clock.now()),
  });
}
