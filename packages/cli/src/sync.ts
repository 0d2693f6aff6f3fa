import type { ConversationRef, Messenger } from '@sotto/client';
import type { CliContext } from './context.ts';
import { CliError } from './error.ts';
import { pause } from './flush.ts';

/** What came of looking for what waited at the gateway. */
export type Sync =
  | { readonly kind: 'synced'; readonly received: number }
  /** The gateway could not be reached in the time given; what is stored already can still be shown. */
  | { readonly kind: 'offline' };

/** How long the logs of groups may take once the mailbox is empty: they may lie at another gateway, which is away. */
const LOGS_MS = 3000;

/**
 * Waits until everything that waited at the gateway, in the mailbox and in the logs of groups, is stored here. To be
 * called right after opening: the events it waits for come with the first connection.
 */
export async function syncOnce(messenger: Messenger, context: CliContext, mostMs = 10_000): Promise<Sync> {
  const behind = new Set<ConversationRef>();
  const stop = messenger.events.on('group-caught-up', ({ group }) => void behind.delete(group));
  try {
    for (const { id, state } of await messenger.groups.list()) if (state === 'joined') behind.add(id);
    const sync = await syncMailbox(messenger, context, mostMs);
    const until = context.clock.now() + LOGS_MS;
    while (sync.kind === 'synced' && behind.size > 0 && context.clock.now() < until) await pause(context, 10);
    return sync;
  } finally {
    stop();
  }
}

async function syncMailbox(messenger: Messenger, context: CliContext, mostMs: number): Promise<Sync> {
  const { promise, resolve, reject } = Promise.withResolvers<Sync>();
  const stopped = (): void => reject(new CliError('interrupted', 'Stopped.'));
  const stops = [
    messenger.events.on('offline-sync-finished', ({ received }) => resolve({ kind: 'synced', received })),
    messenger.events.on('connection-changed', ({ state }) => {
      if (state === 'offline' || state === 'closed') resolve({ kind: 'offline' });
    }),
  ];
  const timer = setTimeout(() => resolve({ kind: 'offline' }), mostMs);
  context.signal.addEventListener('abort', stopped, { once: true });
  if (context.signal.aborted) stopped();
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    context.signal.removeEventListener('abort', stopped);
    for (const stop of stops) stop();
  }
}
