import type { Conversation, ConversationChange, MemberDelivery, Messenger } from '@sotto/client';
import { excerpt } from '../chat/format.ts';
import type { CliContext } from '../context.ts';
import { CliError } from '../error.ts';
import { exitCodes } from '../exit-codes.ts';
import { flush } from '../flush.ts';
import { cleanName, cleanText } from '../output/clean.ts';
import { dayAndTime } from '../output/time.ts';
import { columns } from '../output/width.ts';
import { duration } from '../people/describe-notice.ts';
import { findMessage } from '../people/find-message.ts';
import { Places } from '../people/places.ts';
import type { Place } from '../people/places.ts';
import { printMessage } from '../people/print-message.ts';
import { isoTime } from '../people/shapes.ts';
import { withMessenger } from '../profile/open.ts';
import { seconds } from './span.ts';

/** A conversation as --json shows it. */
function conversationShape(conversation: Conversation): object {
  const { id, kind, name, unread, archived, pinned, markedUnread, mutedUntil, draft, timer, last } = conversation;
  return {
    conversation: id,
    kind,
    name,
    unread,
    archived,
    pinned,
    markedUnread,
    mutedUntil: typeof mutedUntil === 'number' ? isoTime(mutedUntil) : mutedUntil,
    draft: draft?.text ?? null,
    timerSeconds: timer ?? 0,
    last: last?.id ?? null,
  };
}

function remarks({ archived, pinned, mutedUntil, draft, timer }: Conversation): string {
  return [
    pinned ? 'pinned' : '',
    archived ? 'archived' : '',
    mutedUntil === null ? '' : mutedUntil === 'forever' ? 'muted' : `muted until ${dayAndTime(mutedUntil)}`,
    draft === null ? '' : `draft: “${cleanText(draft.text).replaceAll(/\s+/g, ' ').slice(0, 20)}”`,
    timer === null ? '' : `messages disappear after ${duration(timer)}`,
  ]
    .filter((remark) => remark !== '')
    .join(', ');
}

/** `sotto conversations [--archived]`. */
export async function listConversations(context: CliContext, options: { readonly archived?: boolean }): Promise<void> {
  await withMessenger(context, async (messenger) => {
    const conversations = await messenger.conversations({ archived: options.archived === true });
    if (conversations.length === 0) context.output.note('No conversations.');
    const rows = columns(
      conversations.map((conversation) => [
        cleanName(conversation.name),
        conversation.unread > 0 ? `${conversation.unread} new` : conversation.markedUnread ? 'unread' : '',
        conversation.last === null ? '' : `${dayAndTime(conversation.last.sentAt)}  ${excerpt(conversation.last, 40)}`,
        remarks(conversation),
      ]),
    );
    conversations.forEach((conversation, i) => context.output.result(conversationShape(conversation), rows[i] ?? ''));
  });
}

/** Changes how a conversation is kept, and prints it. */
async function configure(
  context: CliContext,
  who: string,
  change: ConversationChange,
  say: (name: string) => string,
): Promise<void> {
  await withMessenger(context, async (messenger) => {
    const place = (await Places.load(messenger)).find(who);
    await messenger.configureConversation(place.conversation, change);
    await flush(messenger, context);
    const conversation = await messenger.conversation(place.conversation);
    if (conversation !== null) context.output.result(conversationShape(conversation), say(place.name));
  });
}

/** `sotto archive WHO [--undo]`. */
export async function archive(context: CliContext, who: string, options: { readonly undo?: boolean }): Promise<void> {
  const archived = options.undo !== true;
  await configure(context, who, { archived }, (name) =>
    archived ? `${name} is in the archive; a new message brings it back.` : `${name} is back in the list.`,
  );
}

/** `sotto mute WHO [SPAN]`; `off` ends it. */
export async function mute(context: CliContext, who: string, span: string | undefined): Promise<void> {
  const length = span === undefined ? null : seconds(span);
  const mutedUntil = length === null ? 'forever' : length === 0 ? null : context.clock.now() + length * 1000;
  await configure(context, who, { mutedUntil }, (name) =>
    mutedUntil === null
      ? `${name} is not muted any more.`
      : `${name} is muted${length === null ? '' : ` for ${duration(length)}`}.`,
  );
}

/** `sotto unread WHO`. */
export async function markUnread(context: CliContext, who: string): Promise<void> {
  await configure(context, who, { markedUnread: true }, (name) => `${name} is marked as unread.`);
}

/** `sotto draft WHO [TEXT…]`: keeps a text that is not sent yet; without one shows it. `--discard` throws it away. */
export async function keepDraft(
  context: CliContext,
  who: string,
  words: readonly string[],
  options: { readonly discard?: boolean },
): Promise<void> {
  if (options.discard === true) {
    await configure(context, who, { draft: null }, () => 'Discarded.');
    return;
  }
  if (words.length > 0) {
    const text = words.join(' ');
    await configure(context, who, { draft: { text } }, (name) => `Kept for ${name}; not sent.`);
    return;
  }
  await withMessenger(context, async (messenger) => {
    const place = (await Places.load(messenger)).find(who);
    const kept = (await messenger.conversation(place.conversation))?.draft ?? null;
    if (kept === null) context.output.note('No draft.');
    context.output.result({ conversation: place.conversation, draft: kept?.text ?? null }, cleanText(kept?.text ?? ''));
  });
}

/** `sotto timer WHO SPAN`. */
export async function setTimer(context: CliContext, who: string, span: string): Promise<void> {
  const length = seconds(span);
  await withMessenger(context, async (messenger) => {
    const place = (await Places.load(messenger)).find(who);
    if (place.kind === 'group') await messenger.groups.setTimer(place.conversation, length);
    else await messenger.send(place.conversation, { kind: 'timer', seconds: length === 0 ? null : length });
    await flush(messenger, context);
    context.output.result(
      { conversation: place.conversation, timerSeconds: length },
      length === 0
        ? `New messages with ${place.name} stay.`
        : `New messages with ${place.name} disappear ${duration(length)} after they were read.`,
    );
  });
}

/** `sotto pin MESSAGE [--undo]`. */
export async function pin(context: CliContext, id: string, options: { readonly undo?: boolean }): Promise<void> {
  const pinned = options.undo !== true;
  await withMessenger(context, async (messenger) => {
    const message = await messenger.message(await findMessage(messenger, id));
    if (message === null) throw new CliError('not_found', 'There is no message with this id here.');
    await messenger.send(message.conversation, { kind: 'pin', message: message.id, pinned });
    await flush(messenger, context);
    context.output.result(
      { message: message.id, conversation: message.conversation, pinned },
      pinned ? 'Pinned for everyone.' : 'The pin is out.',
    );
  });
}

/** `sotto pins WHO`. */
export async function listPins(context: CliContext, who: string, options: { readonly ids?: boolean }): Promise<void> {
  await withMessenger(context, async (messenger) => {
    const places = await Places.load(messenger);
    const { conversation, name } = places.find(who);
    const pins = await messenger.pins(conversation);
    if (pins.length === 0) context.output.note(`Nothing is pinned with ${name}.`);
    for (const message of pins) await printMessage(context, message, places, options.ids === true);
  });
}

/** `sotto forward MESSAGE WHO`. */
export async function forward(context: CliContext, id: string, who: string): Promise<void> {
  await withMessenger(context, async (messenger) => {
    const message = await findMessage(messenger, id);
    const place = (await Places.load(messenger)).find(who);
    const sent = await messenger.forward(message, place.conversation);
    await flush(messenger, context);
    context.output.result({ id: sent.id, conversation: sent.conversation }, `Passed on to ${place.name}.`);
  });
}

/** `sotto delete MESSAGE --for-me`. */
export async function deleteForMe(context: CliContext, id: string): Promise<number> {
  return await withMessenger(context, async (messenger) => {
    const message = await findMessage(messenger, id);
    await messenger.deleteForMe(message);
    await flush(messenger, context);
    context.output.result({ message, deletedForMe: true }, 'Deleted on your devices; others keep it.');
    return exitCodes.ok.exit;
  });
}

/** `sotto receipts MESSAGE`: how far an own message has come with each member. */
export async function receipts(context: CliContext, id: string): Promise<void> {
  await withMessenger(context, async (messenger) => {
    const message = await findMessage(messenger, id);
    const places = await Places.load(messenger);
    const place = await placeOf(messenger, places, message);
    const deliveries = await messenger.deliveryOf(message);
    const names = await Promise.all(deliveries.map(({ account }) => nameIn(places, place, account)));
    const rows = columns(deliveries.map((delivery, i) => [names[i] ?? '', ...cells(delivery)]));
    deliveries.forEach((delivery, i) => context.output.result(deliveryShape(delivery), rows[i] ?? ''));
  });
}

async function placeOf(
  messenger: Messenger,
  places: Places,
  id: Awaited<ReturnType<typeof findMessage>>,
): Promise<Place | null> {
  const message = await messenger.message(id);
  return message === null ? null : places.of(message.conversation);
}

async function nameIn(places: Places, place: Place | null, account: MemberDelivery['account']): Promise<string> {
  return place === null ? account.slice(0, 10) : await places.nameOf(place.conversation, account);
}

function cells({ state, deliveredAt, readAt }: MemberDelivery): string[] {
  const at = readAt ?? deliveredAt;
  return [state, at === null ? '' : dayAndTime(at)];
}

function deliveryShape({ account, state, deliveredAt, readAt }: MemberDelivery): object {
  return {
    account,
    state,
    deliveredAt: deliveredAt === null ? null : isoTime(deliveredAt),
    readAt: readAt === null ? null : isoTime(readAt),
  };
}
