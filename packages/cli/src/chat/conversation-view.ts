import type { AccountRef, Contact, GroupNotice, HistoryCursor, HistoryEntry, Message, MessageRef } from '@sotto/client';
import { CliError } from '../error.ts';
import { cleanText } from '../output/clean.ts';
import { day } from '../output/time.ts';
import { Places } from '../people/places.ts';
import type { Place } from '../people/places.ts';
import { spellNotice } from '../people/print-message.ts';
import type { Styles } from '../terminal/sequences.ts';
import type { ChatMessenger } from './chat-messenger.ts';
import type { ChatView } from './chat-view.ts';
import { dayBlock, excerpt, historyBlocks, markOf, messageBlock, noticeBlock } from './format.ts';

/** Messages shown when a conversation is opened: a screen's worth. */
const FIRST_PAGE = 20;

/** Messages of the open conversation that are remembered, for marks and for what changed. */
const MAX_REMEMBERED = 500;

export interface ConversationViewOptions {
  readonly place: Place;
  readonly messenger: ChatMessenger;
  readonly view: ChatView;
  readonly style: Styles;
  /** The own account. */
  readonly self: AccountRef;
}

/** The conversation that is open in the terminal: prints what comes, and changes marks of what is printed. */
export class ConversationView {
  #place: Place;
  readonly #messenger: ChatMessenger;
  readonly #view: ChatView;
  readonly #style: Styles;
  readonly #self: AccountRef;
  readonly #known = new Map<MessageRef, Message>();
  #lastShown: Message | null = null;
  /** What those who write here are called. */
  readonly #names = new Map<AccountRef, string>();
  #before: HistoryCursor | null = null;
  #lastOwn: MessageRef | null = null;
  #lastOther: MessageRef | null = null;

  constructor({ place, messenger, view, style, self }: ConversationViewOptions) {
    this.#place = place;
    this.#messenger = messenger;
    this.#view = view;
    this.#style = style;
    this.#self = self;
  }

  get place(): Place {
    return this.#place;
  }

  /** The other side. Throws `usage` in a group. */
  get contact(): Contact {
    if (this.#place.kind === 'contact') return this.#place.contact;
    throw new CliError('usage', 'This is a group; that goes with a contact only.');
  }

  /** The contact or the group changed; names are looked up anew. */
  rename(place: Place): void {
    this.#place = place;
    this.#names.clear();
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
    // A group that is being joined has none yet; what is written there is shown as it comes.
    if ((await this.#messenger.conversation(this.#place.conversation)) === null) return;
    const page = await this.#messenger.history(this.#place.conversation, { limit: FIRST_PAGE });
    this.#before = page.before;
    await this.#show(page.entries);
    for (const entry of page.entries) if (entry.kind === 'message') this.#remember(entry.message);
    await this.#markRead();
  }

  /** Prints the page above what was printed; false: there is none. */
  async older(): Promise<boolean> {
    if (this.#before === null) return false;
    const page = await this.#messenger.history(this.#place.conversation, { limit: FIRST_PAGE, before: this.#before });
    this.#before = page.before;
    this.#view.notice('Earlier messages:');
    await this.#show(page.entries);
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
    await this.#learn([message.author]);
    this.#remember(message);
    if (message.reason === 'gap') this.#view.notice('An earlier message has not arrived; it is shown when it does.');
    this.#view.print(messageBlock(message, this.#author(message), this.#style, above?.id ?? null));
    if (!message.own) await this.#markRead();
  }

  /** A change of the group. */
  async told(notice: GroupNotice): Promise<void> {
    this.#names.clear();
    this.#view.print(noticeBlock(await this.#spell(notice), this.#style));
  }

  /** A message changed: its mark, its text, its reactions. */
  async updated(message: Message): Promise<void> {
    const before = this.#known.get(message.id);
    this.#known.set(message.id, message);
    if (before === undefined) return;
    await this.#learn([message.author, ...message.reactions.map((reaction) => reaction.account)]);
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
      const who = reaction.account === this.#self ? 'you' : this.#nameOf(reaction.account);
      this.#view.notice(`${who} reacted ${cleanText(reaction.emoji)} to “${excerpt(after)}”`);
    }
  }

  #author(message: Message): string {
    return message.own ? 'you' : this.#nameOf(message.author);
  }

  #nameOf(account: AccountRef): string {
    return this.#names.get(account) ?? account.slice(0, 10);
  }

  /** Looks up what these accounts are called, as far as it is not known. */
  async #learn(accounts: readonly AccountRef[]): Promise<void> {
    const missing = new Set(accounts.filter((account) => !this.#names.has(account)));
    if (missing.size === 0) return;
    const places = await Places.load(this.#messenger);
    for (const account of missing) {
      this.#names.set(account, await places.nameOf(this.#place.conversation, account));
    }
  }

  async #spell(notice: GroupNotice): Promise<string> {
    const places = await Places.load(this.#messenger);
    return await spellNotice(notice, this.#place.conversation, places, this.#self);
  }

  async #show(entries: readonly HistoryEntry[]): Promise<void> {
    await this.#learn(entries.flatMap((entry) => (entry.kind === 'message' ? [entry.message.author] : [])));
    const notices = new Map<GroupNotice, string>();
    for (const entry of entries) {
      if (entry.kind === 'notice') notices.set(entry.notice, await this.#spell(entry.notice));
    }
    const blocks = historyBlocks(entries, {
      nameOf: (message) => this.#author(message),
      spell: (notice) => notices.get(notice) ?? '',
      style: this.#style,
    });
    this.#view.print(...blocks);
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
    if (this.#lastOther !== null) await this.#messenger.markRead(this.#place.conversation, this.#lastOther);
  }
}
