import { create } from '@bufbuild/protobuf';
import { ConversationTimerSchema, messageId } from '@sotto/wire';
import type { ConversationTimer } from '@sotto/wire';
import type { StoredConversation } from '@sotto/wire/stored';
import { comparePlaces } from './order.ts';

/** The disappearing timer of a conversation; null: none was ever set. */
export function timerOf(row: StoredConversation): ConversationTimer | null {
  const { timer } = row;
  if (timer === undefined) return null;
  return { seconds: timer.seconds, setBy: messageId(timer.setBy), height: Number(timer.height) };
}

/**
 * Takes over a timer if it was set later in the order than the one in force, so that all devices end with the same one
 * whatever came in which sequence. True: it is in force now.
 */
export function followTimer(row: StoredConversation, timer: ConversationTimer): boolean {
  const known = timerOf(row);
  const place = { height: timer.height, id: timer.setBy };
  if (known !== null && comparePlaces({ height: known.height, id: known.setBy }, place) >= 0) return false;
  row.timer = create(ConversationTimerSchema, {
    seconds: timer.seconds,
    setBy: timer.setBy,
    height: BigInt(timer.height),
  });
  return true;
}

/** The timer as a content of this height carries it: what it names lies before it. */
export function carriedTimer(row: StoredConversation, height: number): ConversationTimer | null {
  const timer = timerOf(row);
  return timer === null || height < 2 ? null : { ...timer, height: Math.min(timer.height, height - 1) };
}
