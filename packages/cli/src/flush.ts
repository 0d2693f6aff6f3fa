import type { Messenger, ReasonCode } from '@sotto/client';
import type { CliContext } from './context.ts';

/**
 * Reasons for which something in the outbox is on its way right now: a command that ends at once would stop it. All
 * others wait for somebody else, or for a time, and are taken up by whatever opens the profile next.
 */
const moving: ReadonlySet<ReasonCode> = new Set<ReasonCode>([
  'stored',
  'sealed',
  'session-started',
  'waiting-connection',
  'waiting-keys',
  'waiting-identity',
]);

/** Gives what a command has set in motion (an answer, a receipt) the time to leave; gives up without an error. */
export async function flush(messenger: Messenger, context: CliContext, mostMs = 5000): Promise<void> {
  const until = context.clock.now() + mostMs;
  const stop = new AbortController();
  const cancel = context.clock.after(mostMs, () => stop.abort());
  try {
    while (context.clock.now() < until && !context.signal.aborted) {
      const entries = await messenger.outbox();
      const waits = entries.some(({ reason, deliveries }) =>
        deliveries.length === 0 ? moving.has(reason) : deliveries.some((delivery) => moving.has(delivery.reason)),
      );
      if (!waits || messenger.connection === 'offline') return;
      await pause(context, 25, stop.signal);
    }
  } finally {
    cancel();
  }
}

/** Resolves after `ms`, or as soon as a signal aborts. */
export function pause(context: CliContext, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // The process has nothing else to do while it waits: this timer keeps it alive.
    const timer = setTimeout(done, ms);
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      context.signal.removeEventListener('abort', done);
      resolve();
    }
    signal?.addEventListener('abort', done, { once: true });
    context.signal.addEventListener('abort', done, { once: true });
  });
}
