import type { Contact, HistoryCursor, Message, MessageRef } from '@sotto/client';
import { cleanText } from '../output/clean.ts';
import { day } from '../output/time.ts';
import { nameOf } from '../people/find-contact.ts';
import type { Styles } from '../terminal/sequences.ts';
import type { ChatMessenger } from './chat-messenger.ts';
import type { ChatView } from './chat-view.ts';
import { dayBlock, excerpt, historyBlocks, markOf, messageBlock } from './format.ts';

/** Messages shown when a conversation is opened: a screen's worth. */
const FIRST_PAGE = 20;

/** Messages of the open conversation that are remembered, for marks and for what changed. */
const MAX_REMEMBERED = 500;

/** The conversation that is open in the terminal: prints what comes, and changes marks of what is printed. */
export class ConversationView {
  #contact: Contact;
  readonly #messenger: ChatMessenger;
  readonly #view: ChatView;
  readonly #style: Styles;
  readonly #known = new Map<MessageRef, Message>();
  #lastShown: Message | null = null;
  #before: HistoryCursor | null = null;
  #lastOwn: MessageRef | null = null;
  #lastOther: MessageRef | null = null;

  constructor(contact: Contact, messenger: ChatMessenger, view: ChatView, style: Styles) {
    this.#contact = contact;
    this.#messenger = messenger;
    this.#view = view;
    this.#style = style;
  }

  get contact(): Contact {
    return this.#contact;
  }

  /** The contact changed; messages from now on carry its new name. */
  rename(contact: Contact): void {
    this.#contact = contact;
  }

  /** The newest own message; null: none seen. */
  get lastOwn(): MessageRef | null {
    return this.#lastOwn;
  }

  /** The newest message of the other side; null: none seen. */
  get lastOther(): MessageRef | null {
    return this.#lastOther;
  }

  /** Prints the newest page and marks it as read. */
  async open(): Promise<void> {
    const page = await this.#messenger.history(this.#contact.conversation, { limit: FIRST_PAGE });
    this.#before = page.before;
    this.#view.print(...historyBlocks(page.entries, (message) => this.#author(message), this.#style));
    for (const entry of page.entries) if (entry.kind === 'message') this.#remember(entry.message);
    await this.#markRead();
  }

  /** Prints the page above what was printed; false: there is none. */
  async older(): Promise<boolean> {
    if (this.#before === null) return false;
    const page = await this.#messenger.history(this.#contact.conversation, { limit: FIRST_PAGE, before: this.#before });
    this.#before = page.before;
    this.#view.notice('Earlier messages:');
    this.#view.print(...historyBlocks(page.entries, (message) => this.#author(message), this.#style));
    this.#view.notice('(back to now)');
    return true;
  }

  /** A message of this conversation, own or not, that was not here before. */
  async arrived(message: Message): Promise<void> {
    if (this.#known.has(message.id)) return;
    const above = this.#lastShown;
    if (above !== null && day(above.sentAt) !== day(message.sentAt)) {
      this.#view.print(dayBlock(message.sentAt, this.#style));
    }
    this.#remember(message);
    if (message.reason === 'gap') this.#view.notice('An earlier message has not arrived; it is shown when it does.');
    this.#view.print(messageBlock(message, this.#author(message), this.#style, above?.id ?? null));
    if (!message.own) await this.#markRead();
  }

  /** A message changed: its mark, its text, its reactions. */
  updated(message: Message): void {
    const before = this.#known.get(message.id);
    this.#known.set(message.id, message);
    if (before === undefined) return;
    const author = this.#author(message);
    if (before.body.kind !== 'deleted' && message.body.kind === 'deleted') {
      this.#view.notice(`${author} took a message back: “${excerpt(before)}”`);
    } else if (message.body.kind === 'text' && before.body.kind === 'text' && before.body.text !== message.body.text) {
      this.#view.notice(`${author} changed a message: “${excerpt(before)}” is now “${excerpt(message, 200)}”`);
    }
    this.#reactions(before, message);
    if (before.state === message.state) return;
    this.#view.patch(message.id, markOf(message.state, this.#style));
    if (message.state === 'failed' || message.state === 'expired') {
      this.#view.alarm(`Not delivered: “${excerpt(message)}”. /explain tells why.`);
    }
  }

  #reactions(before: Message, after: Message): void {
    for (const reaction of after.reactions) {
      const old = before.reactions.find((other) => other.account === reaction.account);
      if (old?.emoji === reaction.emoji) continue;
      const who = reaction.account === this.#contact.account ? nameOf(this.#contact) : 'you';
      this.#view.notice(`${who} reacted ${cleanText(reaction.emoji)} to “${excerpt(after)}”`);
    }
  }

  #author(message: Message): string {
    return message.own ? 'you' : nameOf(this.#contact);
  }

  #remember(message: Message): void {
    this.#known.set(message.id, message);
    if (this.#known.size > MAX_REMEMBERED) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#lastShown = message;
    if (message.own) this.#lastOwn = message.id;
    else this.#lastOther = message.id;
  }

  async #markRead(): Promise<void> {
    if (this.#lastOther !== null) await this.#messenger.markRead(this.#contact.conversation, this.#lastOther);
  }
}
