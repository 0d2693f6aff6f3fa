import type { VaultReader } from '@sotto/vault';
import { accountId, compareBytes, decodeContent } from '@sotto/wire';
import type { StoredConversation, StoredMessage } from '@sotto/wire/stored';
import { findContact, viewContact } from '../contacts/rows.ts';
import { viewNotice } from '../groups/notices.ts';
import { findGroup, viewGroup } from '../groups/rows.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import { viewPlaceholder } from '../healing/placeholders.ts';
import type { ConversationListOptions, HistoryOptions, SearchOptions } from '../messenger.ts';
import type { ConversationRef, MessageRef } from '../refs.ts';
import { conversationOf, conversationRef, messageRef } from '../store/refs.ts';
import { conversations, messages } from '../store/tables.ts';
import { isLine } from './placing.ts';
import { requireConversation } from './rows.ts';
import { viewSettings } from './settings.ts';
import type { Conversation, HistoryCursor, HistoryEntry, HistoryPage, Message, SearchResult } from './types.ts';
import { viewMessage } from './view.ts';

const HISTORY_DEFAULT = 50;
const HISTORY_MOST = 500;
const SEARCH_DEFAULT = 20;
const SEARCH_MOST = 200;

/** What people see of conversations. */
export class Conversations {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  all(options: ConversationListOptions): Conversation[] {
    return this.#core.ledger.read((read) => {
      const rows = conversations.all(read).map((entry) => entry.row);
      return rows
        .toSorted((a, b) => Number(isPinned(b)) - Number(isPinned(a)) || Number(b.activeAt - a.activeAt))
        .flatMap((row) => this.#view(read, row) ?? [])
        .filter((conversation) => options.archived === undefined || conversation.archived === options.archived);
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
    const name = row.group ? this.#group(read, row) : this.#direct(read, row);
    if (name === null) return null;
    const { id } = row;
    const newest = messages.list(read, { partition: conversationRef(id), limit: LOOK_BACK, newestFirst: true });
    const last = newest.find((entry) => entry.row.heldUntil === 0n && isLine(entry.row))?.row;
    return {
      id: conversationRef(id),
      ...name,
      ...viewSettings(row, this.#core.clock.now()),
      timer: row.timer?.seconds || null,
      unread: row.unread,
      last: last === undefined ? null : viewMessage(read, this.#core.self, last),
    };
  }

  #direct(read: VaultReader, row: StoredConversation) {
    const contact = row.contact.length === 0 ? null : findContact(read, accountId(row.contact));
    if (contact === null) return null;
    const { account, name } = viewContact(this.#core, contact);
    return { kind: 'direct', contact: account, name } as const;
  }

  /** Null: not accepted yet, so nothing of it is shown. */
  #group(read: VaultReader, row: StoredConversation) {
    const group = findGroup(read, conversationRef(row.id));
    if (group === null) return null;
    const { name, state } = viewGroup(this.#core, group);
    return state === 'invited' ? null : ({ kind: 'group', name, state } as const);
  }

  /** Pinned messages, latest pin first. */
  pins(ref: ConversationRef): Message[] {
    return this.#core.ledger.read((read) => {
      const { id } = requireConversation(read, ref);
      const rows = messages.find(read, 'pinned', conversationRef(id)).map((entry) => entry.row);
      return rows
        .filter((row) => row.heldUntil === 0n)
        .toSorted((a, b) => Number((b.pin?.height ?? 0n) - (a.pin?.height ?? 0n)) || compareBytes(b.id, a.id))
        .map((row) => viewMessage(read, this.#core.self, row));
    });
  }

  history(ref: ConversationRef, options: HistoryOptions): HistoryPage {
    const limit = pageSize(options.limit, HISTORY_DEFAULT, HISTORY_MOST);
    return this.#core.ledger.read((read) => {
      const partition = conversationRef(requireConversation(read, ref).id);
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
    if (row.placeholder) return [{ kind: 'awaited', placeholder: viewPlaceholder(read, row) }];
    if (row.notice !== undefined) {
      const notice = viewNotice(row);
      return notice === null ? [] : [{ kind: 'notice', notice }];
    }
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

const isPinned = (row: StoredConversation): boolean => row.settings?.pinned?.on ?? false;

function pageSize(asked: number | undefined, usual: number, most: number): number {
  if (asked === undefined) return usual;
  if (!Number.isInteger(asked) || asked < 1)
    throw new MessengerError('invalid_argument', 'a page has at least one entry');
  return Math.min(asked, most);
}
