import type { VaultReader } from '@sotto/vault';
import { equalBytes } from '@sotto/wire';
import type { StoredConversation, StoredMessage } from '@sotto/wire/stored';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import type { MessageRef } from '../refs.ts';
import { messages } from '../store/tables.ts';
import { isLine } from './placing.ts';

/** A message of this conversation that something can be said about. Throws `not_found`. */
export function findTarget(read: VaultReader, conversation: StoredConversation, ref: MessageRef): StoredMessage {
  const row = messages.get(read, ref);
  if (row === null || !isLine(row) || row.deleted || !equalBytes(row.conversation, conversation.id)) {
    throw new MessengerError('not_found', 'no such message in this conversation');
  }
  return row;
}

/** The same for what only authors may do. Throws `not_found`, `invalid_argument`. */
export function findOwnTarget(
  read: VaultReader,
  core: Core,
  conversation: StoredConversation,
  ref: MessageRef,
): StoredMessage {
  const row = findTarget(read, conversation, ref);
  if (!equalBytes(row.author, core.self.account)) {
    throw new MessengerError('invalid_argument', 'only own messages can be changed or taken back');
  }
  return row;
}
