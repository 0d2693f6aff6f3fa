import type { GroupNotice, HistoryEntry, Message, MessageRef, MessageState } from '@sotto/client';
import { cleanText } from '../output/clean.ts';
import { attachmentText } from '../people/describe-attachment.ts';
import { clockTime, day } from '../output/time.ts';
import type { Styles } from '../terminal/sequences.ts';
import type { Block } from '../terminal/screen.ts';

/** Where the mark stands in a line: after `10:42 `. */
const MARK_COLUMN = 6;
const INDENT = ' '.repeat(9);

/** Two cells that say how far an own message has come. `/help` explains them. */
export function markOf(state: MessageState, style: Styles): string {
  switch (state) {
    case 'waiting':
      return style.dim('· ');
    case 'accepted':
      return style.dim('✓ ');
    case 'delivered':
      return style.dim('✓✓');
    case 'read':
      return style.good('✔✔');
    case 'expired':
    case 'failed':
      return style.warn('✗ ');
    case 'received':
      return '  ';
  }
}

/** The text of a message as a chat shows it, safe to print. */
export function bodyText(message: Message): string {
  switch (message.body.kind) {
    case 'text':
      return writtenText(message.body) + (message.body.edited ? ' (edited)' : '');
    case 'deleted':
      return '(taken back)';
    case 'timer':
      return message.body.seconds === null
        ? '(messages stay from here on)'
        : `(messages disappear ${message.body.seconds} seconds after they were read)`;
    case 'unsupported':
      return '(needs a newer version of Sotto)';
  }
}

/** What its author wrote and attached. */
function writtenText(body: Extract<Message['body'], { kind: 'text' }>): string {
  return [cleanText(body.text), ...body.attachments.map(attachmentText)].filter((part) => part !== '').join('\n');
}

/** One line of it, at most `length` characters: for quotes and lists. */
export function excerpt(message: Message, length = 40): string {
  const text = message.body.kind === 'text' ? writtenText(message.body) : bodyText(message);
  const line = text.replaceAll(/\s+/g, ' ').trim();
  const characters = Array.from(line);
  return characters.length > length ? `${characters.slice(0, length - 1).join('')}…` : line;
}

/**
 * A message as lines; an own one with a mark that can change later. `above` is the message that stands above it: an answer
 * to that one needs no sign.
 */
export function messageBlock(message: Message, author: string, style: Styles, above: MessageRef | null): Block {
  const [first = '', ...rest] = bodyText(message).split('\n');
  const name = message.own ? style.own(author) : style.other(author);
  const replyTo = message.body.kind === 'text' ? message.body.replyTo : null;
  const quote = replyTo === null || replyTo === above ? '' : style.dim('↪ ');
  // Whether someone else's message was read here is nobody's question.
  const mark = message.own ? markOf(message.state, style) : '  ';
  const line = `${style.dim(clockTime(message.sentAt))} ${mark} ${style.bold(name)}: ${quote}${first}`;
  const lines = [line, ...rest.map((text) => INDENT + text)];
  const reactions = message.reactions.map((reaction) => cleanText(reaction.emoji)).join(' ');
  if (reactions !== '') lines.push(style.dim(`${INDENT}${reactions}`));
  return message.own ? { lines, mark: { key: message.id, column: MARK_COLUMN } } : { lines };
}

/** How a page of history is put into words. */
export interface HistoryWording {
  readonly nameOf: (message: Message) => string;
  readonly spell: (notice: GroupNotice) => string;
  readonly style: Styles;
}

/** A page of history as blocks, with a line wherever a new day begins. */
export function historyBlocks(entries: readonly HistoryEntry[], { nameOf, spell, style }: HistoryWording): Block[] {
  const blocks: Block[] = [];
  let previous: number | null = null;
  let above: MessageRef | null = null;
  for (const entry of entries) {
    if (entry.kind === 'gap') {
      blocks.push({
        lines: [style.warn(`${INDENT}(${entry.missing} earlier message${entry.missing === 1 ? '' : 's'} missing)`)],
      });
      continue;
    }
    if (entry.kind === 'notice') {
      blocks.push(noticeBlock(spell(entry.notice), style));
      continue;
    }
    if (entry.kind === 'awaited') {
      const { recovering } = entry.placeholder;
      const text = recovering ? 'a message is being fetched again' : 'a message could not be recovered';
      blocks.push({ lines: [style.warn(`${INDENT}(${text})`)] });
      continue;
    }
    const { message } = entry;
    if (previous === null || day(previous) !== day(message.sentAt)) blocks.push(dayBlock(message.sentAt, style));
    previous = message.sentAt;
    blocks.push(messageBlock(message, nameOf(message), style, above));
    above = message.id;
  }
  return blocks;
}

/** `— bob added carol.` */
export function noticeBlock(sentence: string, style: Styles): Block {
  return { lines: [style.dim(`${INDENT}— ${sentence}`)] };
}

/** `── 2026-11-20 ──`. */
export function dayBlock(unixMs: number, style: Styles): Block {
  return { lines: [style.dim(`${INDENT}── ${day(unixMs)} ──`)] };
}

/** `── with bob ──`: what follows belongs to another conversation. */
export function conversationBlock(name: string, style: Styles): Block {
  return { lines: ['', style.dim(`${INDENT}── with ${name} ──`)] };
}
