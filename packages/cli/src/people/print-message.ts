import type { Contact, Message } from '@sotto/client';
import { bodyText } from '../chat/format.ts';
import type { CliContext } from '../context.ts';
import { dayAndTime } from '../output/time.ts';
import { nameOf } from './find-contact.ts';
import { messageShape } from './shapes.ts';

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

/** A message on its own, as lists show it: `2026-11-20 10:42  bob: Hello`. */
export function printMessage(context: CliContext, message: Message, contact: Contact | null, ids = false): void {
  const name = message.own ? 'you' : contact === null ? 'someone' : nameOf(contact);
  const to = message.own && contact !== null ? ` to ${nameOf(contact)}` : '';
  const [first = '', ...rest] = bodyText(message).split('\n');
  const id = ids ? `${message.id.slice(0, 10)}  ` : '';
  const mark = message.own ? marks[message.state] : '';
  const lines = [`${dayAndTime(message.sentAt)}  ${id}${name}${to}: ${first}${rest.length === 0 ? mark : ''}`];
  rest.forEach((line, i) => lines.push(newLineFor(line) + (i === rest.length - 1 ? mark : '')));
  context.output.result(messageShape(message, contact), lines);
}
