import type { ConversationRef, Message, MessageRef, Messenger } from '@sotto/client';
import { CliError } from '../error.ts';
import { newestFirst } from './pages.ts';

/** Length of a whole message id. */
const ID_LENGTH = 52;
/** Shortest beginning that names a message: 30 bits, enough among the few thousand that are looked at. */
const MIN_PREFIX = 6;
/** How far back a beginning of an id is looked for in each conversation. */
const MOST_LOOKED_AT = 2000;

/** The message that has this id, or begins with it. Throws `not_found`; `usage` when the beginning fits several. */
export async function findMessage(
  messenger: Messenger,
  id: string,
  conversation?: ConversationRef,
): Promise<MessageRef> {
  const wanted = id.toLowerCase();
  if (wanted.length === ID_LENGTH) {
    const message = await messenger.message(wanted as MessageRef);
    if (message !== null) return message.id;
  } else if (wanted.length >= MIN_PREFIX) {
    const conversations = conversation === undefined ? await messenger.conversations() : [{ id: conversation }];
    const found: Message[] = [];
    for (const { id: where } of conversations) {
      const messages = await newestFirst(messenger, where, MOST_LOOKED_AT);
      found.push(...messages.filter((message) => message.id.startsWith(wanted)));
    }
    if (found.length > 1)
      throw new CliError('usage', 'Several messages have ids that begin like this.', 'Give more of it.');
    if (found[0] !== undefined) return found[0].id;
  }
  throw new CliError('not_found', 'There is no message with this id here.', '"sotto history WHO --ids" shows ids.');
}
