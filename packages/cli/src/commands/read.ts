import type { Messenger } from '@sotto/client';
import { newLineFor, printMessage, printNotice } from '../people/print-message.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../error.ts';
import { exitCodes } from '../exit-codes.ts';
import { flush, pause } from '../flush.ts';
import { dayAndSecond } from '../output/time.ts';
import { findMessage } from '../people/find-message.ts';
import { newestFirst, readHistory } from '../people/pages.ts';
import { Places } from '../people/places.ts';
import { isoTime } from '../people/shapes.ts';
import { withMessenger } from '../profile/open.ts';
import { syncOnce } from '../sync.ts';

/** How long delivery receipts may take to get into the outbox, ms: they are held back a little, to go together. */
const RECEIPTS_MS = 300;

/** How far back unread messages and one's own last one are looked for. */
const MOST_LOOKED_AT = 2000;

function whole(text: string, name: string, most: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 1 && value <= most)) throw new CliError('usage', `${name} takes a number from 1 to ${most}.`);
  return value;
}

/** `sotto inbox [--follow] [--keep-unread]`: gives the exit code (`ok`, or `unreachable` after showing what is here). */
export async function inbox(
  context: CliContext,
  options: { readonly follow?: boolean; readonly keepUnread?: boolean },
): Promise<number> {
  return await withMessenger(context, async (messenger) => {
    const follower =
      options.follow === true ? messenger.events.stream(['message-received'], { signal: context.signal }) : null;
    const outcome = await syncOnce(messenger, context);
    const shown = await printUnread(context, messenger, options.keepUnread === true);
    if (outcome.kind === 'offline') context.output.note('The gateway cannot be reached; this is what arrived before.');
    if (follower !== null) {
      for await (const { message } of follower) {
        if (shown.has(message.id)) continue;
        await printMessage(context, message, await Places.load(messenger));
        if (options.keepUnread !== true) await messenger.markRead(message.conversation, message.id);
      }
      return exitCodes.ok.exit;
    }
    const requests = await messenger.requests();
    if (shown.size === 0 && outcome.kind === 'synced') context.output.note('Nothing new.');
    if (requests.length > 0) {
      context.output.note(`${requests.length} would like to write to you: see "sotto requests".`);
    }
    const invitations = await messenger.groups.invitations();
    if (invitations.length > 0) {
      context.output.note(`${invitations.length} group invitations wait for you: see "sotto group invitations".`);
    }
    if (outcome.kind === 'synced') {
      if (outcome.received > 0) await pause(context, RECEIPTS_MS);
      await flush(messenger, context);
    }
    return outcome.kind === 'synced' ? exitCodes.ok.exit : exitCodes.unreachable.exit;
  });
}

async function printUnread(context: CliContext, messenger: Messenger, keepUnread: boolean): Promise<Set<string>> {
  const places = await Places.load(messenger);
  const shown = new Set<string>();
  for (const { id, unread } of (await messenger.conversations()).toReversed()) {
    if (unread === 0) continue;
    const all = await newestFirst(messenger, id, MOST_LOOKED_AT);
    const messages = all.filter((message) => message.state === 'received').slice(0, unread);
    for (const message of messages.toReversed()) {
      await printMessage(context, message, places);
      shown.add(message.id);
    }
    const [newest] = messages;
    if (!keepUnread && newest !== undefined) await messenger.markRead(id, newest.id);
  }
  return shown;
}

/** `sotto history WHO [--limit N] [--ids]`. */
export async function history(
  context: CliContext,
  who: string,
  options: { readonly limit: string; readonly ids?: boolean },
): Promise<void> {
  const limit = whole(options.limit, '--limit', 100_000);
  await withMessenger(context, async (messenger) => {
    const places = await Places.load(messenger);
    const { conversation, name } = places.find(who);
    const { account: self } = await messenger.self();
    const entries = await readHistory(messenger, conversation, limit);
    if (entries.length === 0) context.output.note(`No messages with ${name} yet.`);
    for (const entry of entries) {
      switch (entry.kind) {
        case 'message':
          await printMessage(context, entry.message, places, options.ids === true);
          break;
        case 'gap':
          context.output.result({ gap: entry.missing }, newLineFor(`(${entry.missing} missing)`));
          break;
        case 'awaited': {
          const { id: envelope, author, recovering } = entry.placeholder;
          const text = recovering ? 'a message is being fetched again' : 'a message could not be recovered';
          context.output.result({ awaited: envelope, author, recovering }, newLineFor(`(${text})`));
          break;
        }
        case 'notice':
          await printNotice(context, entry.notice, conversation, places, self);
      }
    }
  });
}

/** `sotto search WORDS… [--with WHO] [--limit N]`. */
export async function search(
  context: CliContext,
  words: readonly string[],
  options: { readonly with?: string; readonly limit: string; readonly ids?: boolean },
): Promise<void> {
  const limit = whole(options.limit, '--limit', 200);
  await withMessenger(context, async (messenger) => {
    const places = await Places.load(messenger);
    const where = options.with === undefined ? null : places.find(options.with);
    const found = await messenger.search(words.join(' '), {
      limit,
      ...(where === null ? {} : { conversation: where.conversation }),
    });
    if (found.length === 0) context.output.note('Nothing found.');
    for (const { message } of found) await printMessage(context, message, places, options.ids === true);
  });
}

/** `sotto explain MESSAGE-ID`, or `sotto explain --last [WHO]`. */
export async function explain(
  context: CliContext,
  id: string | undefined,
  options: { readonly last?: string | true },
): Promise<void> {
  await withMessenger(context, async (messenger) => {
    const wanted = id === undefined ? await lastOwn(messenger, options.last) : await findMessage(messenger, id);
    const { message, steps, omitted } = await messenger.explain(wanted);
    context.output.result(
      {
        message,
        steps: steps.map(({ at, code, sentence, device }) => ({ at: isoTime(at), code, sentence, device })),
        omitted,
      },
      [
        ...steps.map(({ at, sentence, device }) => {
          const where = device === null ? '' : `  (device ${device.slice(0, 6)})`;
          return `${dayAndSecond(at)}  ${sentence}${where}`;
        }),
        ...(omitted > 0 ? [`(${omitted} steps left out)`] : []),
      ],
    );
  });
}

async function lastOwn(
  messenger: Messenger,
  last: string | true | undefined,
): Promise<Awaited<ReturnType<typeof findMessage>>> {
  if (last === undefined) {
    throw new CliError(
      'usage',
      'Which message?',
      'Give its id (see "sotto history WHO --ids"), or --last for your last one.',
    );
  }
  const conversations =
    last === true
      ? (await messenger.conversations()).map((conversation) => conversation.id)
      : [(await Places.load(messenger)).find(last).conversation];
  for (const conversation of conversations) {
    const own = (await newestFirst(messenger, conversation, MOST_LOOKED_AT)).find((message) => message.own);
    if (own !== undefined) return own.id;
  }
  throw new CliError('not_found', 'You have not written anything there yet.');
}
