import type { Messenger } from '@sotto/client';
import type { CliContext } from '../context.ts';
import { Places } from '../people/places.ts';
import type { Place } from '../people/places.ts';
import { withMessenger } from '../profile/open.ts';

/** `sotto chat [WHO]`: in a terminal the chat, otherwise lines in and messages out. Gives the exit code. */
export async function chat(context: CliContext, who: string | undefined): Promise<number> {
  return await withMessenger(context, async (messenger) => {
    const place = await choosePlace(messenger, who);
    const { stdin, stdout, env } = context;
    const inTerminal = stdin.isTTY && stdout.isTTY && env['TERM'] !== 'dumb' && !context.output.json;
    if (!inTerminal) {
      const { runPipedChat } = await import('../chat/piped-chat.ts');
      return await runPipedChat(context, messenger, place);
    }
    const { runTerminalChat } = await import('../chat/terminal-chat.ts');
    return await runTerminalChat({
      messenger,
      input: stdin,
      output: stdout,
      clock: context.clock,
      colour: context.output.colour,
      start: place?.conversation ?? null,
    });
  });
}

/** The contact or group named, else where was written last; null: nowhere. */
async function choosePlace(messenger: Messenger, who: string | undefined): Promise<Place | null> {
  const places = await Places.load(messenger);
  if (who !== undefined) return places.find(who);
  const [latest] = await messenger.conversations();
  return latest === undefined ? null : places.of(latest.id);
}
