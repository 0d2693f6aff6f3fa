import type { VaultReader } from '@sotto/vault';
import { decodeContent, MAX_EMOJI_BYTES, MAX_TEXT_BYTES, MAX_TIMER_SECONDS, messageId, utf8Length } from '@sotto/wire';
import type { Attachment, ContentDraft } from '@sotto/wire';
import type { StoredConversation } from '@sotto/wire/stored';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import { messageOf } from '../store/refs.ts';
import { writeMentions } from './mentions.ts';
import { findOwnTarget, findTarget } from './target.ts';
import type { Mention, Outgoing } from './types.ts';

type Body = Extract<ContentDraft['body'], { kind: 'text' | 'reaction' | 'edit' | 'delete' | 'pin' | 'setTimer' }>;

/** What someone wants to send, as a content says it; its files lie at gateways as `attachments` say. Throws `not_found`, `invalid_argument`. */
export function writeBody(
  read: VaultReader,
  core: Core,
  conversation: StoredConversation,
  outgoing: Outgoing,
  attachments: readonly Attachment[] = [],
): Body {
  if (typeof outgoing === 'string') return writeBody(read, core, conversation, { kind: 'text', text: outgoing });
  switch (outgoing.kind) {
    case 'text': {
      const { text, replyTo, mentions = [], forwarded = false } = outgoing;
      if (attachments.length === 0 || text !== '') checkLength(text);
      const answered = replyTo === undefined ? new Uint8Array(0) : findTarget(read, conversation, replyTo).id;
      return {
        kind: 'text',
        value: {
          body: text,
          replyTo: answered,
          mentions: writeMentions(text, mentions),
          forwarded,
          attachments: [...attachments],
        },
      };
    }
    case 'reaction':
      findTarget(read, conversation, outgoing.message);
      if (utf8Length(outgoing.emoji) > MAX_EMOJI_BYTES) {
        throw new MessengerError('invalid_argument', `a reaction has at most ${MAX_EMOJI_BYTES} bytes`);
      }
      return { kind: 'reaction', value: { message: messageOf(outgoing.message), emoji: outgoing.emoji } };
    case 'edit':
      return writeEdit(read, core, conversation, outgoing);
    case 'delete':
      return { kind: 'delete', value: { message: findOwnTarget(read, core, conversation, outgoing.message).id } };
    case 'pin': {
      const { id } = findTarget(read, conversation, outgoing.message);
      return { kind: 'pin', value: { message: messageId(id), pinned: outgoing.pinned } };
    }
    case 'timer': {
      const seconds = outgoing.seconds ?? 0;
      if (!Number.isInteger(seconds) || seconds < 0 || seconds > MAX_TIMER_SECONDS) {
        throw new MessengerError('invalid_argument', 'a timer has whole seconds, at most a year');
      }
      return { kind: 'setTimer', value: { seconds } };
    }
  }
}

interface Edit {
  readonly message: Parameters<typeof findOwnTarget>[3];
  readonly text: string;
  readonly mentions?: readonly Mention[];
}

function writeEdit(
  read: VaultReader,
  core: Core,
  conversation: StoredConversation,
  { message, text, mentions = [] }: Edit,
): Body {
  const row = findOwnTarget(read, core, conversation, message);
  const { body, sentAt } = decodeContent(row.content);
  if (body.kind !== 'text') throw new MessengerError('invalid_argument', 'only texts can be changed');
  if (core.clock.now() - sentAt > core.settings.editWindowMs) {
    throw new MessengerError('wrong_state', 'the time in which the text could be changed is over');
  }
  checkLength(text);
  return { kind: 'edit', value: { message: row.id, body: text, mentions: writeMentions(text, mentions) } };
}

function checkLength(text: string): void {
  if (text === '') throw new MessengerError('invalid_argument', 'the text is empty');
  if (utf8Length(text) > MAX_TEXT_BYTES) {
    throw new MessengerError('invalid_argument', `a text has at most ${MAX_TEXT_BYTES} bytes of UTF-8`);
  }
}
