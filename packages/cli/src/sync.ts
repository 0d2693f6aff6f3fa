import type { Messenger } from '@sotto/client';
import type { CliContext } from './context.ts';
import { CliError } from './error.ts';

/** What came of looking for what waited at the gateway. */
export type Sync =
  | { readonly kind: 'synced'; readonly received: number }
  /** The gateway could not be reached in the time given; what is stored already can still be shown. */
  | { readonly kind: 'offline' };

/**
 * Waits until everything that waited at the gateway is stored here. To be called right after opening: the events it
 * waits for come with the first connection.
 */
export async function syncOnce(messenger: Messenger, context: CliContext, mostMs = 10_000): Promise<Sync> {
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
