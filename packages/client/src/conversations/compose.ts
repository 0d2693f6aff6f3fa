import { decodeContent, encodeContent, WireError } from '@sotto/wire';
import type { Content, ContentDraft, ConversationId, MessageId } from '@sotto/wire';
import type { StoredConversation } from '@sotto/wire/stored';
import { contentId } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import { grease } from './grease.ts';
import { heightAfter, parentsAfter } from './order.ts';
import { endsOf } from './rows.ts';
import { carriedTimer } from './timer.ts';

/** Larger ones may be at the limit. */
const GREASED_BYTES = 16 * 1024;

/** A content of this device, ready for the outbox. */
export interface Composed {
  readonly id: MessageId;
  readonly bytes: Uint8Array;
  readonly content: Content;
}

/**
 * The next content of this device in a conversation: counted, and after everything that is here. Changes the row's
 * counter; `absorb` does the rest. Throws `invalid_argument`.
 */
export function composeNext(core: Core, conversation: StoredConversation, body: ContentDraft['body']): Composed {
  conversation.counter++;
  const parents = parentsAfter(endsOf(conversation));
  const height = heightAfter(parents);
  return compose(core, {
    conversation: conversation.id as ConversationId,
    counter: Number(conversation.counter),
    parents: parents.map((parent) => parent.id),
    height,
    timer: carriedTimer(conversation, height),
    body,
  });
}

/** A content that takes no place in a conversation: receipts, addresses, answers and the like. */
export function composeControl(core: Core, conversation: ConversationId, body: ContentDraft['body']): Composed {
  return compose(core, { conversation, counter: 0, parents: [], height: 0, body });
}

function compose(core: Core, draft: Omit<ContentDraft, 'sentAt' | 'chainHead'>): Composed {
  let bytes: Uint8Array;
  try {
    const whole = { ...draft, sentAt: core.clock.now(), chainHead: core.own.head() };
    bytes = encodeContent(whole);
    const unknownFields = bytes.length > GREASED_BYTES ? [] : grease(core);
    if (unknownFields.length > 0) bytes = encodeContent({ ...whole, unknownFields });
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    throw new MessengerError('invalid_argument', `this cannot be sent: ${cause.message}`, { cause });
  }
  return { id: contentId(core, core.self.device, bytes), bytes, content: decodeContent(bytes) };
}
