import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { inspectVault, fileKeystore } from '@sotto/vault';
import type { Message } from '../conversations/types.ts';
import { KeyedQueue } from '../core/keyed-queue.ts';
import { completeEffects } from '../effects.ts';
import { MessengerError } from '../error.ts';
import { Emitter } from '../events/emitter.ts';
import { Messenger } from '../factory.ts';
import type { AccountRef, ConversationRef, MessageRef } from '../refs.ts';
import { saidTo } from './addressed.ts';
import type { Agent as AgentSurface, AgentMessage, AgentOptions } from './types.ts';

/** Unread messages that are looked through at the start, in each conversation. */
const MOST_UNREAD = 1000;
const PAGE = 500;

export type Agent = AgentSurface;

/** Makes agents: accounts that answer by themselves. */
export const Agent = {
  /**
   * Starts an agent. Every text is given to `answer` once it is stored, in order within its conversation; then it counts
   * as read. What was not answered when the program ended is answered after the next start, and what was is not
   * answered twice. An answer that throws is told as a `problem`, and its message counts as read: one bad message must
   * not stop the others. Resolves and throws as `Messenger.create` and `Messenger.open` do.
   */
  async start(options: AgentOptions): Promise<AgentSurface> {
    const { folder, vault, answer: _, inGroups: __, settings, ...account } = options;
    const { provider } = completeEffects(options.effects);
    const store = vault ?? { folder, keystore: fileKeystore({ provider, path: join(folder, 'unlock.key') }) };
    const opening = { ...account, vault: store, settings: { autoAccept: true, autoAcceptGroups: true, ...settings } };
    const isNew =
      'folder' in store && (!existsSync(store.folder) || inspectVault({ path: store.folder, provider }) === null);
    const messenger = isNew ? await Messenger.create(opening) : await Messenger.open(opening);
    const agent = new RunningAgent(messenger, options);
    await agent.begin();
    return agent;
  },
};

class RunningAgent implements AgentSurface {
  readonly messenger: Messenger;
  readonly #options: Pick<AgentOptions, 'answer' | 'inGroups'>;
  readonly #queue = new KeyedQueue();
  readonly #taken = new Set<MessageRef>();
  #stops: (() => void)[] = [];
  #closed = false;

  constructor(messenger: Messenger, options: Pick<AgentOptions, 'answer' | 'inGroups'>) {
    this.messenger = messenger;
    this.#options = options;
  }

  async begin(): Promise<void> {
    const { events } = this.messenger;
    this.#stops = [events.on('message-received', ({ message }) => this.#take(message))];
    for (const conversation of await this.messenger.conversations()) {
      if (conversation.unread === 0) continue;
      for (const message of await this.#unread(conversation.id, conversation.unread)) this.#take(message);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const stop of this.#stops) stop();
    await this.#queue.idle();
    await this.messenger.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Oldest first. */
  async #unread(conversation: ConversationRef, unread: number): Promise<readonly Message[]> {
    const found: Message[] = [];
    let page = await this.messenger.history(conversation, { limit: PAGE });
    for (let seen = 0; ; seen += PAGE) {
      const messages = page.entries.flatMap((entry) => (entry.kind === 'message' ? [entry.message] : []));
      found.unshift(...messages.filter((message) => message.state === 'received'));
      if (found.length >= unread || page.before === null || seen >= MOST_UNREAD) return found;
      page = await this.messenger.history(conversation, { limit: PAGE, before: page.before });
    }
  }

  #take(message: Message): void {
    if (this.#taken.has(message.id)) return;
    this.#taken.add(message.id);
    const answered = this.#queue.run(message.conversation, async () => {
      if (!this.#closed) await this.#answer(message);
    });
    const done = (): void => void this.#taken.delete(message.id);
    answered.then(done, (cause: unknown) => {
      done();
      this.#tell(cause);
    });
  }

  #tell(cause: unknown): void {
    const { events } = this.messenger;
    const error = new MessengerError('listener_failed', 'an agent failed to answer a message', { cause });
    if (events instanceof Emitter) events.emit({ type: 'problem', error });
  }

  async #answer({ id, conversation }: Message): Promise<void> {
    // Read again: it may have been answered, changed or taken back since it was queued.
    const message = await this.messenger.message(id);
    if (message === null || message.state !== 'received') return;
    try {
      const said = await this.#said(message);
      if (said !== null && !(await this.#isAnswered(message))) {
        const text = await this.#options.answer(said);
        if (typeof text === 'string' && text !== '') await said.reply(text);
      }
    } finally {
      await this.messenger.markRead(conversation, id);
    }
  }

  /** Null: nothing for this agent. */
  async #said(message: Message): Promise<AgentMessage | null> {
    const { body, conversation } = message;
    if (body.kind !== 'text' || message.own) return null;
    const { messenger } = this;
    const group = await this.#groupOf(conversation);
    let { text } = body;
    if (group !== null && this.#options.inGroups !== 'all') {
      const { profile } = await messenger.self();
      const target = body.replyTo === null ? null : await messenger.message(body.replyTo);
      const said = saidTo(message, body, { name: profile.name, repliesToOwn: target?.own === true });
      if (said === null) return null;
      text = said;
    }
    return {
      message,
      text,
      group,
      author: await this.#nameOf(message.author, group?.id ?? null),
      messenger,
      reply: (answer) => messenger.send(conversation, { kind: 'text', text: answer, replyTo: message.id }),
      send: (content) => messenger.send(conversation, content),
    };
  }

  async #groupOf(conversation: ConversationRef): Promise<AgentMessage['group']> {
    const known = await this.messenger.conversation(conversation);
    return known?.kind === 'group' ? await this.messenger.groups.get(conversation) : null;
  }

  async #nameOf(account: AccountRef, group: ConversationRef | null): Promise<string> {
    const contact = await this.messenger.contact(account);
    if (contact !== null || group === null) return contact?.name ?? account.slice(0, 10);
    const { members } = await this.messenger.groups.members(group, { limit: PAGE });
    return members.find((member) => member.account === account)?.name ?? account.slice(0, 10);
  }

  /** The program ended after the answer was stored and before its message was marked. */
  async #isAnswered(message: Message): Promise<boolean> {
    const { entries } = await this.messenger.history(message.conversation, { limit: PAGE });
    return entries.some(
      (entry) =>
        entry.kind === 'message' &&
        entry.message.own &&
        entry.message.body.kind === 'text' &&
        entry.message.body.replyTo === message.id,
    );
  }
}
