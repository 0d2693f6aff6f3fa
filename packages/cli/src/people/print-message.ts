import type { AccountRef, ConversationRef, GroupNotice, Message } from '@sotto/client';
import { bodyText } from '../chat/format.ts';
import type { CliContext } from '../context.ts';
import { dayAndTime } from '../output/time.ts';
import { describeNotice } from './describe-notice.ts';
import type { Place, Places } from './places.ts';
import { messageShape, noticeShape } from './shapes.ts';

/** Text of several lines, indented under the first as far as a line's head is wide. */
export function newLineFor(text: string): string {
  return `${' '.repeat(18)}${text}`;
}

const marks = {
  waiting: ' (waits)',
  accepted: ' (sent)',
  delivered: ' (delivered)',
  read: ' (seen)',
  expired: ' (expired, not delivered)',
  failed: ' (not delivered)',
  received: '',
} as const;

/** A message on its own, as lists show it: `2026-11-20 10:42  bob: Hello`, or `bob in Team: Hello`. */
export async function printMessage(context: CliContext, message: Message, places: Places, ids = false): Promise<void> {
  const place = places.of(message.conversation);
  const author = await places.nameOf(message.conversation, message.author);
  const name = message.own ? 'you' : author;
  const [first = '', ...rest] = bodyText(message).split('\n');
  const id = ids ? `${message.id.slice(0, 10)}  ` : '';
  const mark = message.own ? marks[message.state] : '';
  const head = `${dayAndTime(message.sentAt)}  ${id}${name}${where(message, place)}`;
  const lines = [`${head}: ${first}${rest.length === 0 ? mark : ''}`];
  rest.forEach((line, i) => lines.push(newLineFor(line) + (i === rest.length - 1 ? mark : '')));
  context.output.result(messageShape(message, place, author), lines);
}

function where(message: Message, place: Place | null): string {
  if (place === null) return '';
  if (place.kind === 'group') return ` in ${place.name}`;
  return message.own ? ` to ${place.name}` : '';
}

/** A change of a group in its place in the history. */
export async function printNotice(
  context: CliContext,
  notice: GroupNotice,
  group: ConversationRef,
  places: Places,
  self: AccountRef,
): Promise<void> {
  const sentence = await spellNotice(notice, group, places, self);
  context.output.result(noticeShape(notice, group, sentence), `${dayAndTime(notice.at)}  — ${sentence}`);
}

/** The sentence of a notice, with the names that these places know. */
export async function spellNotice(
  notice: GroupNotice,
  group: ConversationRef,
  places: Pick<Places, 'nameOf'>,
  self: AccountRef,
): Promise<string> {
  const { change, by } = notice;
  const concerned = 'accounts' in change ? change.accounts : [];
  const names = new Map<AccountRef, string>([[self, 'you']]);
  for (const account of [by, ...concerned]) {
    if (!names.has(account)) names.set(account, await places.nameOf(group, account));
  }
  const sentence = describeNotice(notice, (account) => names.get(account) ?? account.slice(0, 10));
  // Names stay as people write them.
  return sentence.replace(/^you\b/, 'You');
}
