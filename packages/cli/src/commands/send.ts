import { createInterface } from 'node:readline';
import { text as readAll } from 'node:stream/consumers';
import type { Contact, Messenger, MessageRef, MessageState, Outgoing, SentMessage } from '@sotto/client';
import { explainReason } from '@sotto/client';
import type { CliContext } from '../context.ts';
import { CliError } from '../error.ts';
import { exitCodes } from '../exit-codes.ts';
import { pause } from '../flush.ts';
import { findContact, nameOf } from '../people/find-contact.ts';
import { withMessenger } from '../profile/open.ts';
import { findMessage } from '../people/find-message.ts';

export interface SendOptions {
  readonly lines?: boolean;
  readonly replyTo?: string;
  readonly react?: string;
  readonly edit?: string;
  readonly delete?: string;
  readonly on?: string;
  readonly wait: string;
  readonly timeout: string;
}

const waits = ['stored', 'accepted', 'delivered', 'read'] as const;
type Wait = (typeof waits)[number];

/** `sotto send WHO [TEXT…]`: gives the exit code (`ok` or `waiting`). */
export async function send(
  context: CliContext,
  who: string,
  words: readonly string[],
  options: SendOptions,
): Promise<number> {
  const wait = waits.find((known) => known === options.wait);
  if (wait === undefined) throw new CliError('usage', `--wait takes one of: ${waits.join(', ')}.`);
  const timeoutMs = Number(options.timeout) * 1000;
  if (!(timeoutMs >= 0 && timeoutMs <= 604_800_000))
    throw new CliError('usage', '--timeout takes seconds, at most a week.');
  if (options.lines === true && words.length > 0) {
    throw new CliError('usage', 'With --lines the messages come from standard input, not from the command.');
  }
  const typed = options.lines === true ? null : await readText(context, words, options);
  return await withMessenger(context, async (messenger) => {
    const contact = findContact(await messenger.contacts(), who);
    const sending = new Sending(context, messenger, contact, wait, timeoutMs);
    if (typed !== null) await sending.send(await outgoing(messenger, contact, typed, options));
    else {
      for await (const line of createInterface({ input: context.stdin, crlfDelay: Infinity })) {
        if (context.signal.aborted) break;
        if (line !== '') await sending.send(line);
      }
    }
    return await sending.finish();
  });
}

/** The text of the command, or all of standard input when there is none (or `-`). */
async function readText(context: CliContext, words: readonly string[], options: SendOptions): Promise<string> {
  if (options.react !== undefined || options.delete !== undefined) return '';
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

async function outgoing(messenger: Messenger, contact: Contact, text: string, options: SendOptions): Promise<Outgoing> {
  const find = (id: string): Promise<MessageRef> => findMessage(messenger, id, contact.conversation);
  if (options.delete !== undefined) return { kind: 'delete', message: await find(options.delete) };
  if (options.edit !== undefined) return { kind: 'edit', message: await find(options.edit), text };
  if (options.react !== undefined) {
    if (options.on === undefined) {
      throw new CliError(
        'usage',
        'A reaction needs a message.',
        'Name it with --on MESSAGE-ID (see "sotto history --ids").',
      );
    }
    return { kind: 'reaction', message: await find(options.on), emoji: options.react };
  }
  if (options.replyTo !== undefined) return { kind: 'text', text, replyTo: await find(options.replyTo) };
  return text;
}

class Sending {
  readonly #context: CliContext;
  readonly #messenger: Messenger;
  readonly #contact: Contact;
  readonly #wait: Wait;
  readonly #deadline: number;
  readonly #stop = new AbortController();
  readonly #pending: Promise<boolean>[] = [];

  constructor(context: CliContext, messenger: Messenger, contact: Contact, wait: Wait, timeoutMs: number) {
    this.#context = context;
    this.#messenger = messenger;
    this.#contact = contact;
    this.#wait = wait;
    this.#deadline = context.clock.now() + timeoutMs;
    context.signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
    // Nobody waits for a gateway that is not there: the message is stored, and that is said at once.
    messenger.events.on('connection-changed', ({ state }) => {
      if (state === 'offline') this.#stop.abort();
    });
  }

  /** Resolves once it is stored; what is waited for goes on in the background. */
  async send(content: Outgoing): Promise<void> {
    const sent = await this.#messenger.send(this.#contact.conversation, content);
    if (this.#wait === 'stored') this.#report(sent, 'waiting', true);
    else this.#pending.push(this.#follow(sent, this.#wait));
  }

  async finish(): Promise<number> {
    const left = Math.max(0, this.#deadline - this.#context.clock.now());
    const timer = setTimeout(() => this.#stop.abort(), left);
    const results = await Promise.all(this.#pending);
    clearTimeout(timer);
    if (this.#wait === 'stored') await pause(this.#context, 0);
    return results.every(Boolean) ? exitCodes.ok.exit : exitCodes.waiting.exit;
  }

  async #follow(sent: SentMessage, wait: Exclude<Wait, 'stored'>): Promise<boolean> {
    try {
      await sent[wait]({ signal: this.#stop.signal });
    } catch (error) {
      const aborted = error instanceof Error && 'code' in error && error.code === 'aborted';
      if (!aborted) throw error;
      const message = await this.#messenger.message(sent.id);
      this.#report(sent, message?.state ?? 'waiting', false, message === null ? '' : explainReason(message.reason));
      return false;
    }
    this.#report(sent, (await this.#messenger.message(sent.id))?.state ?? wait, true);
    return true;
  }

  #report(sent: SentMessage, state: MessageState, done: boolean, why = ''): void {
    const { id, conversation } = sent;
    this.#context.output.result(
      { id, conversation, to: this.#contact.account, state, done },
      done ? doneSentence(state, nameOf(this.#contact)) : notYetSentence(this.#wait, nameOf(this.#contact), why),
    );
  }
}

function doneSentence(state: MessageState, name: string): string {
  switch (state) {
    case 'accepted':
      return `Sent: ${name}'s gateway has it.`;
    case 'delivered':
      return `Delivered to ${name}.`;
    case 'read':
      return `Seen by ${name}.`;
    case 'waiting':
    case 'expired':
    case 'failed':
    case 'received':
      return `Stored; it is sent to ${name} as soon as it can be.`;
  }
}

function notYetSentence(wait: Wait, name: string, why: string): string {
  const short: Record<Wait, string> = {
    stored: 'Not stored',
    accepted: 'Stored, but not sent yet',
    delivered: `Not on a device of ${name} yet`,
    read: `Not seen by ${name} yet`,
  };
  return `${short[wait]}. ${why} Nothing is lost: it goes on the next time Sotto runs.`;
}
