import { WireError } from './error.ts';
import type { ConversationSettings, Mention } from './gen/sotto/wire/v1/content_pb.ts';
import { accountId, messageId } from './ids.ts';
import { MAX_MENTIONS, MAX_TEXT_BYTES, MAX_TIMER_SECONDS } from './limits.ts';
import { safeNumber, safeTime } from './numbers.ts';
import { checkText } from './text.ts';

/**
 * Checks the mentions of a body: in order, none over another, each on the borders of characters. Throws `WireError`:
 * `too_large`, `length`, `range`.
 */
export function checkMentions(mentions: readonly Mention[], body: string): void {
  if (mentions.length === 0) return;
  if (mentions.length > MAX_MENTIONS) throw new WireError('too_large', 'too many mentions');
  const bytes = new TextEncoder().encode(body);
  let end = 0;
  for (const { account, start, length } of mentions) {
    accountId(account);
    if (start < end || length === 0 || start + length > bytes.length) {
      throw new WireError('range', 'a mention out of place');
    }
    end = start + length;
    if (!isBorder(bytes, start) || !isBorder(bytes, end)) {
      throw new WireError('range', 'a mention that cuts a character');
    }
  }
}

/** Between characters: at the end, or before a byte that does not continue one. */
function isBorder(bytes: Uint8Array, at: number): boolean {
  const next = bytes[at];
  return next === undefined || (next & 0xc0) !== 0x80;
}

/** Throws `WireError` `range`. */
export function checkTimerSeconds(seconds: number): void {
  if (seconds > MAX_TIMER_SECONDS) throw new WireError('range', 'a timer longer than a year');
}

/** Throws `WireError`: `too_large`, `length`, `range`, `text`. */
export function checkConversationSettings(settings: ConversationSettings | undefined): void {
  if (settings === undefined) return;
  const { archived, pinned, markedUnread, mute, draft } = settings;
  for (const each of [archived, pinned, markedUnread, mute, draft]) if (each !== undefined) safeTime(each.setAt);
  if (mute !== undefined) safeNumber(mute.until);
  if (draft === undefined) return;
  checkText(draft.body, MAX_TEXT_BYTES);
  if (draft.replyTo.length > 0) messageId(draft.replyTo);
}
