import { createInterface } from 'node:readline';
import type { Message, Messenger } from '@sotto/client';
import type { CliContext } from '../context.ts';
import { CliError } from '../error.ts';
import { describeError } from '../describe-error.ts';
import { exitCodes } from '../exit-codes.ts';
import { flush } from '../flush.ts';
import { clockTime } from '../output/time.ts';
import { Places } from '../people/places.ts';
import type { Place } from '../people/places.ts';
import { messageShape } from '../people/shapes.ts';
import { bodyText } from './format.ts';

/**
 * The chat without a terminal, for scripts: every line of stdin is sent as one message, every message that arrives is
 * printed. With `--json` each line out is an event: `sent` once a message is stored, `updated` when its state changes,
 * `received`. Ends when stdin ends (after what was written has left, if it can) or on a signal.
 */
export async function runPipedChat(context: CliContext, messenger: Messenger, place: Place | null): Promise<number> {
  if (place === null) {
    throw new CliError(
      'usage',
      'With whom? There is no conversation yet.',
      'Name a contact or a group: sotto chat NAME',
    );
  }
  const { output } = context;
  const here = (message: Message): boolean => message.conversation === place.conversation;
  const told = new Set<string>();
  const tell = async (event: string, message: Message): Promise<void> => {
    const author = await (await Places.load(messenger)).nameOf(message.conversation, message.author);
    const name = message.own ? 'you' : author;
    if (output.json) output.result({ event, message: messageShape(message, place, author) }, '');
    else if (event !== 'updated') output.result({}, `${clockTime(message.sentAt)} ${name}: ${bodyText(message)}`);
  };
  const received = async (message: Message): Promise<void> => {
    if (!here(message) || told.has(message.id)) return;
    told.add(message.id);
    await tell('received', message);
    await messenger.markRead(message.conversation, message.id);
  };
  const stops = [
    messenger.events.on('message-received', ({ message }) => received(message)),
    messenger.events.on('message-updated', async ({ message }) => {
      if (here(message)) await tell('updated', message);
    }),
  ];
  const lines = createInterface({ input: context.stdin, crlfDelay: Infinity });
  const onAbort = (): void => lines.close();
  context.signal.addEventListener('abort', onAbort, { once: true });
  try {
    // Unread messages of before first, as the terminal shows them.
    const page = await messenger.history(place.conversation, { limit: 200 });
    for (const entry of page.entries) {
      if (entry.kind === 'message' && entry.message.state === 'received') await received(entry.message);
    }
    for await (const line of lines) {
      if (line === '') continue;
      try {
        const sent = await messenger.send(place.conversation, line);
        const message = await messenger.message(sent.id);
        if (message !== null && output.json) await tell('sent', message);
      } catch (error) {
        output.error(describeError(error));
      }
    }
    if (!context.signal.aborted) await flush(messenger, context);
    return exitCodes.ok.exit;
  } finally {
    context.signal.removeEventListener('abort', onAbort);
    for (const stop of stops) stop();
  }
}
