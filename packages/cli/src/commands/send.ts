import { createInterface } from 'node:readline';
import { text as readAll } from 'node:stream/consumers';
import type { Message, Messenger, Outgoing } from '@sotto/client';
import type { CliContext } from '../context.ts';
import { CliError } from '../error.ts';
import { findMessage } from '../people/find-message.ts';
import { Places } from '../people/places.ts';
import { withMessenger } from '../profile/open.ts';
import { patienceOf, Sending } from './sending.ts';
import type { WaitOptions } from './sending.ts';

export interface SendOptions extends WaitOptions {
  readonly lines?: boolean;
  readonly replyTo?: string;
}

/** `sotto send WHO [TEXT…]`: gives the exit code (`ok` or `waiting`). */
export async function send(
  context: CliContext,
  who: string,
  words: readonly string[],
  options: SendOptions,
): Promise<number> {
  const patience = patienceOf(options);
  if (options.lines === true && words.length > 0) {
    throw new CliError('usage', 'With --lines the messages come from standard input, not from the command.');
  }
  const typed = options.lines === true ? null : await readText(context, words);
  return await withMessenger(context, async (messenger) => {
    const place = (await Places.load(messenger)).find(who);
    const sending = new Sending(context, messenger, place, patience);
    if (typed === null) {
      for await (const line of createInterface({ input: context.stdin, crlfDelay: Infinity })) {
        if (context.signal.aborted) break;
        if (line !== '') await sending.send(line);
      }
    } else if (options.replyTo === undefined) await sending.send(typed);
    else {
      const replyTo = await findMessage(messenger, options.replyTo, place.conversation);
      await sending.send({ kind: 'text', text: typed, replyTo });
    }
    return await sending.finish();
  });
}

/** `sotto react MESSAGE EMOJI`; an empty emoji takes the reaction back. */
export async function react(context: CliContext, id: string, emoji: string, options: WaitOptions): Promise<number> {
  return await about(context, id, options, ({ id: message }) => ({ kind: 'reaction', message, emoji }));
}

/** `sotto edit MESSAGE [TEXT…]`. */
export async function edit(
  context: CliContext,
  id: string,
  words: readonly string[],
  options: WaitOptions,
): Promise<number> {
  const text = await readText(context, words);
  return await about(context, id, options, ({ id: message }) => ({ kind: 'edit', message, text }));
}

/** `sotto delete MESSAGE`. */
export async function takeBack(context: CliContext, id: string, options: WaitOptions): Promise<number> {
  return await about(context, id, options, ({ id: message }) => ({ kind: 'delete', message }));
}

/** Sends what concerns a message to where that message is. */
async function about(
  context: CliContext,
  id: string,
  options: WaitOptions,
  outgoing: (message: Message) => Outgoing,
): Promise<number> {
  const patience = patienceOf(options);
  return await withMessenger(context, async (messenger) => {
    const message = await knownMessage(messenger, id);
    const place = (await Places.load(messenger)).of(message.conversation);
    if (place === null) throw new CliError('not_found', 'The conversation of this message is not here any more.');
    const sending = new Sending(context, messenger, place, patience);
    await sending.send(outgoing(message));
    return await sending.finish();
  });
}

async function knownMessage(messenger: Messenger, id: string): Promise<Message> {
  const message = await messenger.message(await findMessage(messenger, id));
  if (message === null) throw new CliError('not_found', 'There is no message with this id here.');
  return message;
}

/** The text of the command, or all of standard input when there is none (or `-`). */
async function readText(context: CliContext, words: readonly string[]): Promise<string> {
  const fromInput = words.length === 0 || (words.length === 1 && words[0] === '-');
  if (!fromInput) return words.join(' ');
  if (context.stdin.isTTY) {
    if (words.length === 0) {
      throw new CliError(
        'usage',
        'What should be sent?',
        'Write it after the name, or open the chat with "sotto chat".',
      );
    }
    context.output.note('Type the message, then Ctrl-D on an empty line.');
  }
  return (await readAll(context.stdin)).replace(/\r?\n$/, '');
}
