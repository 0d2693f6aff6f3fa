import type { VaultReader } from '@sotto/vault';
import { accountId, decodeContent, equalBytes, MAX_EMOJI_BYTES, MAX_TEXT_BYTES, utf8Length } from '@sotto/wire';
import type { ContentDraft } from '@sotto/wire';
import { StoredMessage_State, StoredOutbound_Audience, StoredOutbound_Until } from '@sotto/wire/stored';
import type { StoredConversation, StoredMessage } from '@sotto/wire/stored';
import { findContact, stateOf, viewContact } from '../contacts/rows.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import { owe } from '../inbox/receipts.ts';
import type { HistoryOptions, SearchOptions } from '../messenger.ts';
import { cancelDeleted, enqueue } from '../outbox/rows.ts';
import type { ConversationRef, MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { conversationOf, conversationRef, messageOf, messageRef } from '../store/refs.ts';
import { conversations, messages } from '../store/tables.ts';
import { absorb } from './absorb.ts';
import { composeNext } from './compose.ts';
import { isLine } from './placing.ts';
import { byAuthor, markSeenUpTo } from './read.ts';
import type {
  Conversation,
  HistoryCursor,
  HistoryEntry,
  HistoryPage,
  Message,
  Outgoing,
  SearchResult,
} from './types.ts';
import { viewMessage } from './view.ts';

const HISTORY_DEFAULT = 50;
const HISTORY_MOST = 500;
const SEARCH_DEFAULT = 20;
const SEARCH_MOST = 200;

type Body = Extract<ContentDraft['body'], { kind: 'text' | 'reaction' | 'edit' | 'delete' }>;

/** What people do in conversations. */
export class Conversations {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  all(): Conversation[] {
    return this.#core.ledger.read((read) => {
      const rows = conversations.all(read).map((entry) => entry.row);
      return rows.toSorted((a, b) => Number(b.activeAt - a.activeAt)).flatMap((row) => this.#view(read, row) ?? []);
    });
  }

  one(ref: ConversationRef): Conversation | null {
    return this.#core.ledger.read((read) => {
      const row = conversations.get(read, conversationRef(conversationOf(ref)));
      return row === null ? null : this.#view(read, row);
    });
  }

  /** Null: nothing in it that people could see. */
  #view(read: VaultReader, row: StoredConversation): Conversation | null {
    if (row.contact.length === 0) return null;
    const contact = findContact(read, accountId(row.contact));
    if (contact === null) return null;
    const { id } = row;
    const { account, name } = viewContact(this.#core, contact);
    const newest = messages.list(read, { partition: conversationRef(id), limit: LOOK_BACK, newestFirst: true });
    const last = newest.find((entry) => entry.row.heldUntil === 0n)?.row;
    return {
      id: conversationRef(id),
      kind: 'direct',
      contact: account,
      name,
      unread: row.unread,
      last: last === undefined ? null : viewMessage(read, this.#core.self, last),
    };
  }

  /** Stores a message in the outbox and in its place. */
  send(ref: ConversationRef, outgoing: Outgoing): { readonly id: MessageRef } {
    return this.#core.ledger.commit((tx) => {
      const conversation = this.#require(tx.write, ref);
      const recipient = accountId(conversation.contact);
      this.#requireWritable(tx, recipient);
      const body = this.#body(tx, conversation, outgoing);
      const { id, bytes, content } = composeNext(this.#core, conversation, body);
      absorb(tx, this.#core, {
        content,
        bytes,
        id,
        author: this.#core.self.account,
        device: this.#core.self.device,
        contact: recipient,
        state: StoredMessage_State.WAITING,
        made: conversation,
      });
      cancelDeleted(tx, this.#core, content);
      const message = enqueue(tx, this.#core, {
        id,
        bytes,
        conversation: content.conversation,
        recipient,
        audience: StoredOutbound_Audience.ALL,
        until: StoredOutbound_Until.DELIVERED,
        urgent: body.kind === 'text',
        afterAcceptance: true,
      });
      return { id: message };
    });
  }

  #require(read: VaultReader, ref: ConversationRef): StoredConversation {
    const row = conversations.get(read, conversationRef(conversationOf(ref)));
    if (row === null || row.contact.length === 0) throw new MessengerError('not_found', 'no such conversation');
    return row;
  }

  #requireWritable(tx: Tx, account: ReturnType<typeof accountId>): void {
    const contact = findContact(tx.write, account);
    const state = contact === null ? null : stateOf(contact);
    if (state === 'accepted' || state === 'requested') return;
    if (state === 'blocked') throw new MessengerError('wrong_state', 'the contact is blocked');
    if (state === 'incoming') throw new MessengerError('wrong_state', 'the contact request is not accepted yet');
    throw new MessengerError('wrong_state', 'the contact request was declined');
  }

  #body(tx: Tx, conversation: StoredConversation, outgoing: Outgoing): Body {
    if (typeof outgoing === 'string') return textBody(outgoing, new Uint8Array(0));
    switch (outgoing.kind) {
      case 'text': {
        const replyTo = outgoing.replyTo === undefined ? new Uint8Array(0) : messageOf(outgoing.replyTo);
        if (outgoing.replyTo !== undefined) this.#target(tx, conversation, outgoing.replyTo);
        return textBody(outgoing.text, replyTo);
      }
      case 'reaction':
        this.#target(tx, conversation, outgoing.message);
        if (utf8Length(outgoing.emoji) > MAX_EMOJI_BYTES) {
          throw new MessengerError('invalid_argument', `a reaction has at most ${MAX_EMOJI_BYTES} bytes`);
        }
        return { kind: 'reaction', value: { message: messageOf(outgoing.message), emoji: outgoing.emoji } };
      case 'edit': {
        const row = this.#ownTarget(tx, conversation, outgoing.message);
        if (decodeContent(row.content).body.kind !== 'text') {
          throw new MessengerError('invalid_argument', 'only texts can be changed');
        }
        checkLength(outgoing.text);
        return { kind: 'edit', value: { message: row.id, body: outgoing.text } };
      }
      case 'delete':
        return { kind: 'delete', value: { message: this.#ownTarget(tx, conversation, outgoing.message).id } };
    }
  }

  #target(tx: Tx, conversation: StoredConversation, ref: MessageRef): StoredMessage {
    const row = messages.get(tx.write, ref);
    if (row === null || !isLine(row) || row.deleted || !equalBytes(row.conversation, conversation.id)) {
      throw new MessengerError('not_found', 'no such message in this conversation');
    }
    return row;
  }

  #ownTarget(tx: Tx, conversation: StoredConversation, ref: MessageRef): StoredMessage {
    const row = this.#target(tx, conversation, ref);
    if (!equalBytes(row.author, this.#core.self.account)) {
      throw new MessengerError('invalid_argument', 'only own messages can be changed or taken back');
    }
    return row;
  }

  markRead(ref: ConversationRef, upTo: MessageRef | undefined): void {
    this.#core.ledger.commit((tx) => {
      const conversation = this.#require(tx.write, ref);
      const ordinal =
        upTo === undefined ? Number.MAX_SAFE_INTEGER : Number(this.#target(tx, conversation, upTo).ordinal);
      const seen = markSeenUpTo(tx, this.#core, conversationRef(conversation.id), ordinal);
      for (const { author, ids } of byAuthor(seen)) {
        if (this.#core.settings.readReceipts && this.#isAccepted(tx, author)) owe(tx, author, 'read', ids);
        if (this.#core.own.otherDevices().length > 0) owe(tx, this.#core.self.account, 'read', ids);
      }
    });
  }

  #isAccepted(tx: Tx, account: ReturnType<typeof accountId>): boolean {
    const contact = findContact(tx.write, account);
    return contact !== null && stateOf(contact) === 'accepted';
  }

  history(ref: ConversationRef, options: HistoryOptions): HistoryPage {
    const limit = pageSize(options.limit, HISTORY_DEFAULT, HISTORY_MOST);
    return this.#core.ledger.read((read) => {
      const partition = conversationRef(this.#require(read, ref).id);
      // One more than asked for tells whether there is a page above.
      const before = options.before === undefined ? {} : { before: options.before };
      const found = messages.list(read, { partition, limit: limit + 1, newestFirst: true, ...before });
      const page = found.slice(0, limit).toReversed();
      const entries = page.flatMap(({ row }) => this.#entries(read, row));
      const first = page[0];
      return { entries, before: found.length > limit && first !== undefined ? (first.ordinal as HistoryCursor) : null };
    });
  }

  #entries(read: VaultReader, row: StoredMessage): HistoryEntry[] {
    if (row.heldUntil > 0n) return [];
    const entry: HistoryEntry = { kind: 'message', message: viewMessage(read, this.#core.self, row) };
    if (row.content.length === 0) return [entry];
    const missing = decodeContent(row.content).parents.filter(
      (id) => messages.get(read, messageRef(id)) === null,
    ).length;
    return missing === 0 ? [entry] : [{ kind: 'gap', missing }, entry];
  }

  message(ref: MessageRef): Message | null {
    return this.#core.ledger.read((read) => {
      const row = messages.get(read, ref);
      return row === null || !isLine(row) ? null : viewMessage(read, this.#core.self, row);
    });
  }

  search(query: string, options: SearchOptions): SearchResult[] {
    const limit = pageSize(options.limit, SEARCH_DEFAULT, SEARCH_MOST);
    const scope = options.conversation === undefined ? {} : { scope: options.conversation };
    const hits = this.#core.ledger.search(query, { limit, ...scope });
    return hits.flatMap(({ reference, position }) => {
      const message = this.message(reference as MessageRef);
      return message === null ? [] : [{ message, score: position }];
    });
  }
}

/** Held messages stand at the end of a conversation; there are few. */
const LOOK_BACK = 16;

function textBody(body: string, replyTo: Uint8Array): Body {
  checkLength(body);
  return { kind: 'text', value: { body, replyTo } };
}

function checkLength(text: string): void {
  if (text === '') throw new MessengerError('invalid_argument', 'the text is empty');
  if (utf8Length(text) > MAX_TEXT_BYTES) {
    throw new MessengerError('invalid_argument', `a text has at most ${MAX_TEXT_BYTES} bytes of UTF-8`);
  }
}

function pageSize(asked: number | undefined, usual: number, most: number): number {
  if (asked === undefined) return usual;
  if (!Number.isInteger(asked) || asked < 1)
    throw new MessengerError('invalid_argument', 'a page has at least one entry');
  return Math.min(asked, most);
}
