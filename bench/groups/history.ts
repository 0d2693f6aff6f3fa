import { Messenger } from '@sotto/client';
import type { HistoryCursor } from '@sotto/client';
import type { SuiteOptions } from '../main.ts';
import { rowOf } from '../rows.ts';
import { longConversation, storeOf } from './long-conversation.ts';
import { generator, wordOf } from './words.ts';

const PAGE = 50;

/** Pages and searches in a conversation of a million messages, through the public interface. */
export async function history({ quick, say, row }: SuiteOptions): Promise<void> {
  const count = quick ? 20_000 : 1_000_000;
  const { folder, conversation, buildSeconds, bytesPerMessage } = await longConversation(count, say);
  say(
    `A conversation of ${count} messages: built in ${buildSeconds.toFixed(0)} s, ` +
      `${bytesPerMessage.toFixed(0)} bytes a message on disk.`,
  );
  const members = { members: 2 };
  row({ ...rowOf('groups', 'sotto', 'history-build-s', 's', [buildSeconds]), ...members });
  row({ ...rowOf('groups', 'sotto', 'history-bytes-per-message', 'bytes', [bytesPerMessage]), ...members });
  const opened = performance.now();
  const messenger = await Messenger.open({ vault: storeOf(folder) });
  row(rowOf('groups', 'sotto', 'history-open-ms', 'ms', [performance.now() - opened]));
  try {
    const random = generator(11);
    // Any number may be a place: what is older than it is the page.
    const newest = await messenger.history(conversation, { limit: 1 });
    const top = Number(newest.before ?? 0);
    const pages: number[] = [];
    for (let i = 0; i < (quick ? 50 : 500); i++) {
      const before = Math.floor(random() * top) as HistoryCursor;
      const began = performance.now();
      const { entries } = await messenger.history(conversation, { limit: PAGE, before });
      pages.push(performance.now() - began);
      if (i === 0 && entries.length === 0) throw new Error('an empty page');
    }
    row(rowOf('groups', 'sotto', 'history-page-ms', 'ms', pages));
    const searches: number[] = [];
    const first: number[] = [];
    for (const round of [0, 1, 2]) {
      for (const query of QUERIES) {
        const began = performance.now();
        await messenger.search(query, { conversation, limit: 20 });
        (round === 0 ? first : searches).push(performance.now() - began);
      }
    }
    row(rowOf('groups', 'sotto', 'search-cold-ms', 'ms', first));
    row(rowOf('groups', 'sotto', 'search-ms', 'ms', searches));
  } finally {
    await messenger.close();
  }
}

/** Frequent and rare words, beginnings of words, several at once, and one that nobody wrote. */
const QUERIES = [
  'b',
  'ch',
  'den',
  'ster',
  'xyz',
  'ba ch de fi',
  ...[3, 500, 9000, 59_000].map(wordOf),
  `${wordOf(2)} ${wordOf(40)}`,
  `${wordOf(700)} ${wordOf(41)} ba`,
  `${wordOf(30_000)} ${wordOf(31_000)}`,
];
