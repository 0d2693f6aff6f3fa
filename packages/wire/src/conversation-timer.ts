import { create } from '@bufbuild/protobuf';
import { checkTimerSeconds } from './conversation-limits.ts';
import { WireError } from './error.ts';
import { ConversationTimerSchema } from './gen/sotto/wire/v1/content_pb.ts';
import type { ConversationTimer as ConversationTimerMessage } from './gen/sotto/wire/v1/content_pb.ts';
import { messageId } from './ids.ts';
import type { MessageId } from './ids.ts';
import { safeNumber } from './numbers.ts';

/** The disappearing timer that a content's author knew, and which content had set it. */
export interface ConversationTimer {
  /** From reading; for the author from sending. 0: messages stay. */
  readonly seconds: number;
  readonly setBy: MessageId;
  /** Height of `setBy`. */
  readonly height: number;
}

/** Checks a carried timer against the height of its content. Throws `WireError` `length` or `range`. */
export function readConversationTimer(message: ConversationTimerMessage, height: number): ConversationTimer {
  checkTimerSeconds(message.seconds);
  const setAt = safeNumber(message.height);
  if (setAt === 0 || setAt >= height) throw new WireError('range', 'a timer that was not set before its content');
  return { seconds: message.seconds, setBy: messageId(message.setBy), height: setAt };
}

export function writeConversationTimer({ seconds, setBy, height }: ConversationTimer): ConversationTimerMessage {
  return create(ConversationTimerSchema, { seconds, setBy, height: BigInt(height) });
}
