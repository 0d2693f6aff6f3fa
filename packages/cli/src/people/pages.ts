import type { ConversationRef, HistoryEntry, Message, Messenger } from '@sotto/client';

/** Entries of one page of history: as many as the SDK gives at once. */
const PAGE = 500;

/** The newest `limit` entries of a conversation, oldest first. */
export async function readHistory(
  messenger: Messenger,
  conversation: ConversationRef,
  limit: number,
): Promise<HistoryEntry[]> {
  let page = await messenger.history(conversation, { limit: Math.min(limit, PAGE) });
  let entries = [...page.entries];
  while (page.before !== null && entries.length < limit) {
    page = await messenger.history(conversation, {
      limit: Math.min(limit - entries.length, PAGE),
      before: page.before,
    });
    entries = [...page.entries, ...entries];
  }
  return entries;
}

/** Messages among the newest `limit` entries of a conversation, newest first. */
export async function newestFirst(
  messenger: Messenger,
  conversation: ConversationRef,
  limit: number,
): Promise<Message[]> {
  const entries = await readHistory(messenger, conversation, limit);
  return entries.flatMap((entry) => (entry.kind === 'message' ? [entry.message] : [])).toReversed();
}
