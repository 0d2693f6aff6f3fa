import type { ConversationRef, HistoryCursor, HistoryEntry, Message, MessageRef, Messenger } from '@sotto/client';

const PAGE = 500;

/** All of a conversation, oldest first. */
export async function wholeHistory(messenger: Messenger, conversation: ConversationRef): Promise<HistoryEntry[]> {
  const pages: HistoryEntry[][] = [];
  let before: HistoryCursor | null = null;
  do {
    const page: { entries: readonly HistoryEntry[]; before: HistoryCursor | null } = await messenger.history(
      conversation,
      { limit: PAGE, ...(before === null ? {} : { before }) },
    );
    pages.unshift([...page.entries]);
    before = page.before;
  } while (before !== null);
  return pages.flat();
}

/** What one message shows, to be compared between devices. */
export function shows({ id, body, reactions }: Message): string {
  const sorted = reactions
    .toSorted((a, b) => (a.account < b.account ? -1 : 1))
    .map((each) => [each.account, each.emoji]);
  return JSON.stringify([id, body, sorted]);
}

export function messagesOf(entries: readonly HistoryEntry[]): Message[] {
  return entries.flatMap((entry) => (entry.kind === 'message' ? [entry.message] : []));
}

/** Ids that failed or expired, as their authors' devices know. */
export function failedIn(messages: readonly Message[]): MessageRef[] {
  return messages.filter(({ own, state }) => own && (state === 'failed' || state === 'expired')).map(({ id }) => id);
}

/** Ids that were taken back. */
export function deletedIn(messages: readonly Message[]): MessageRef[] {
  return messages.filter(({ body }) => body.kind === 'deleted').map(({ id }) => id);
}
