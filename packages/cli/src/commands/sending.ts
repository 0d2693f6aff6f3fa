import type { Messenger, MessageState, Outgoing, SentMessage } from '@sotto/client';
import { explainReason } from '@sotto/client';
import type { CliContext } from '../context.ts';
import { CliError } from '../error.ts';
import { exitCodes } from '../exit-codes.ts';
import { pause } from '../flush.ts';
import type { Place } from '../people/places.ts';

/** Options of every command that sends something. */
export interface WaitOptions {
  readonly wait: string;
  readonly timeout: string;
}

const waits = ['stored', 'accepted', 'delivered', 'read'] as const;
type Wait = (typeof waits)[number];

/** What `--wait` and `--timeout` say. Throws `usage`. */
export interface Patience {
  readonly wait: Wait;
  readonly timeoutMs: number;
}

export function patienceOf(options: WaitOptions): Patience {
  const wait = waits.find((known) => known === options.wait);
  if (wait === undefined) throw new CliError('usage', `--wait takes one of: ${waits.join(', ')}.`);
  const timeoutMs = Number(options.timeout) * 1000;
  if (!(timeoutMs >= 0 && timeoutMs <= 604_800_000))
    throw new CliError('usage', '--timeout takes seconds, at most a week.');
  return { wait, timeoutMs };
}

/** Sends contents to one place and tells what became of each. */
export class Sending {
  readonly #context: CliContext;
  readonly #messenger: Messenger;
  readonly #place: Place;
  readonly #wait: Wait;
  readonly #deadline: number;
  readonly #stop = new AbortController();
  readonly #pending: Promise<boolean>[] = [];

  constructor(context: CliContext, messenger: Messenger, place: Place, { wait, timeoutMs }: Patience) {
    this.#context = context;
    this.#messenger = messenger;
    this.#place = place;
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
    const sent = await this.#messenger.send(this.#place.conversation, content);
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
      { id, conversation, to: idOf(this.#place), state, done },
      done ? doneSentence(state, this.#place) : notYetSentence(this.#wait, this.#place, why),
    );
  }
}

/** The account of a contact, the id of a group. */
function idOf(place: Place): string {
  return place.kind === 'group' ? place.group.id : place.contact.account;
}

function doneSentence(state: MessageState, { kind, name }: Place): string {
  const who = kind === 'group' ? `a member of ${name}` : name;
  switch (state) {
    case 'accepted':
      return `Sent: ${name}'s gateway has it.`;
    case 'delivered':
      return `Delivered to ${who}.`;
    case 'read':
      return `Seen by ${who}.`;
    case 'waiting':
    case 'expired':
    case 'failed':
    case 'received':
      return `Stored; it is sent to ${name} as soon as it can be.`;
  }
}

function notYetSentence(wait: Wait, { kind, name }: Place, why: string): string {
  const who = kind === 'group' ? `anybody in ${name}` : name;
  const short: Record<Wait, string> = {
    stored: 'Not stored',
    accepted: 'Stored, but not sent yet',
    delivered: `Not on a device of ${who} yet`,
    read: `Not seen by ${who} yet`,
  };
  return `${short[wait]}. ${why} Nothing is lost: it goes on the next time Sotto runs.`;
}
