import type { VaultReader } from '@sotto/vault';
import { accountId, decodeContent } from '@sotto/wire';
import type { Attachment } from '@sotto/wire';
import { StoredMessage_State, StoredOutbound_Audience, StoredOutbound_Until } from '@sotto/wire/stored';
import { isUploading, putStaged } from '../attachments/rows.ts';
import type { StagedFile } from '../attachments/staging.ts';
import { enqueueMessage } from '../groups/enqueue.ts';
import { oweGroup } from '../groups/receipts.ts';
import { findGroup, requireMember } from '../groups/rows.ts';
import { requireMayWrite } from '../groups/writable.ts';
import { findContact, stateOf } from '../contacts/rows.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import { owe } from '../inbox/receipts.ts';
import { cancelDeleted, enqueue } from '../outbox/rows.ts';
import { dismissPlaceholder } from '../healing/heal.ts';
import type { ConversationRef, EnvelopeRef, MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { conversationRef, messageRef } from '../store/refs.ts';
import { messages } from '../store/tables.ts';
import { absorb } from './absorb.ts';
import { composeNext } from './compose.ts';
import { writeBody } from './outgoing.ts';
import { isLine } from './placing.ts';
import { byAuthor, markSeenUpTo } from './read.ts';
import { removeMessage } from './remove.ts';
import { putConversation, requireConversation } from './rows.ts';
import { changeSettings } from './settings.ts';
import { findTarget } from './target.ts';
import type { ConversationChange, Outgoing } from './types.ts';
import { tellSettings } from './tell.ts';
import { viewBody } from './view.ts';

/** Files that go with a message. */
export interface Attached {
  readonly attachments: readonly Attachment[];
  /** Those of them that are still to be uploaded from here, in the same places. */
  readonly staged: readonly StagedFile[];
}

const NOTHING: Attached = { attachments: [], staged: [] };

/** What people do in conversations. */
export class Writing {
  readonly #core: Core;

  constructor(core: Core) {
    this.#core = core;
  }

  /** Stores a message in the outbox and in its place; `attached` are the files that go with it. */
  send(ref: ConversationRef, outgoing: Outgoing, attached: Attached = NOTHING): { readonly id: MessageRef } {
    return this.#core.ledger.commit((tx) => {
      const conversation = requireConversation(tx.write, ref);
      const recipient = conversation.group ? null : accountId(conversation.contact);
      if (recipient !== null) this.#requireWritable(tx.write, recipient);
      const group = recipient === null ? requireMember(tx.write, conversationRef(conversation.id)) : null;
      const body = writeBody(tx.write, this.#core, conversation, outgoing, attached.attachments);
      if (group !== null) requireMayWrite(this.#core, group, body);
      const composed = composeNext(this.#core, conversation, body);
      const { id, bytes, content } = composed;
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
      putStaged(tx, messageRef(id), attached.staged, this.#core.clock.now());
      const afterUpload = attached.staged.length > 0;
      if (group !== null) return { id: enqueueMessage(tx, this.#core, ref, composed, afterUpload) };
      const message = enqueue(tx, this.#core, {
        id,
        bytes,
        conversation: content.conversation,
        recipient,
        audience: StoredOutbound_Audience.ALL,
        until: StoredOutbound_Until.DELIVERED,
        urgent: body.kind === 'text',
        afterAcceptance: true,
        afterUpload,
      });
      return { id: message };
    });
  }

  /** Throws what `send` would throw because of who the recipient is, before files are copied for it. */
  requireOpen(ref: ConversationRef): void {
    this.#core.ledger.read((read) => {
      const { contact, group } = requireConversation(read, ref);
      if (group) requireMember(read, ref);
      else this.#requireWritable(read, accountId(contact));
    });
  }

  /** Sends the text of a message and its attachments on, as one that was written before. */
  forward(ref: MessageRef, to: ConversationRef): { readonly id: MessageRef } {
    const row = this.#core.ledger.read((read) => messages.get(read, ref));
    if (row === null || !isLine(row)) throw new MessengerError('not_found', 'no such message');
    const body = viewBody(row);
    if (body.kind !== 'text') throw new MessengerError('invalid_argument', 'only texts can be passed on');
    // Who is named in it need not be there.
    const { body: written } = decodeContent(row.content);
    const attachments = written.kind === 'text' ? written.value.attachments : [];
    if (this.#core.ledger.read((read) => isUploading(read, ref))) {
      throw new MessengerError('wrong_state', 'its attachments are not at the gateway yet');
    }
    return this.send(to, { kind: 'text', text: body.text, forwarded: true }, { attachments, staged: [] });
  }

  #requireWritable(read: VaultReader, account: ReturnType<typeof accountId>): void {
    const contact = findContact(read, account);
    const state = contact === null ? null : stateOf(contact);
    if (state === 'accepted' || state === 'requested') return;
    if (state === 'blocked') throw new MessengerError('wrong_state', 'the contact is blocked');
    if (state === 'incoming') throw new MessengerError('wrong_state', 'the contact request is not accepted yet');
    throw new MessengerError('wrong_state', 'the contact request was declined');
  }

  markRead(ref: ConversationRef, upTo: MessageRef | undefined): void {
    this.#core.ledger.commit((tx) => {
      const conversation = requireConversation(tx.write, ref);
      const ordinal =
        upTo === undefined ? Number.MAX_SAFE_INTEGER : Number(findTarget(tx.write, conversation, upTo).ordinal);
      if (conversation.settings?.markedUnread?.on === true) this.#change(tx, ref, { markedUnread: false });
      const seen = markSeenUpTo(tx, this.#core, conversationRef(conversation.id), ordinal);
      const group = conversation.group ? findGroup(tx.write, conversationRef(conversation.id)) : null;
      for (const { author, ids } of byAuthor(seen)) {
        if (group !== null && this.#core.settings.readReceipts) oweGroup(tx, group, 'read', ids);
        else if (this.#core.settings.readReceipts && this.#isAccepted(tx, author)) owe(tx, author, 'read', ids);
        if (this.#core.own.otherDevices().length > 0) owe(tx, this.#core.self.account, 'read', ids);
      }
    });
  }

  #isAccepted(tx: Tx, account: ReturnType<typeof accountId>): boolean {
    const contact = findContact(tx.write, account);
    return contact !== null && stateOf(contact) === 'accepted';
  }

  /** Changes how this account keeps a conversation, here and then on its other devices. */
  configure(ref: ConversationRef, change: ConversationChange): void {
    this.#core.ledger.commit((tx) => this.#change(tx, ref, change));
  }

  #change(tx: Tx, ref: ConversationRef, change: ConversationChange): void {
    const conversation = requireConversation(tx.write, ref);
    const now = this.#core.clock.now();
    changeSettings(conversation, change, now);
    putConversation(tx, conversation);
    tellSettings(tx, this.#core, conversation);
    tx.ring('settings', null);
  }

  /** Deletes a message from this account's devices; others keep it. Of a line for a message only the line goes, here. */
  deleteForMe(ref: MessageRef | EnvelopeRef): void {
    this.#core.ledger.commit((tx) => {
      if (dismissPlaceholder(tx, this.#core, ref)) return;
      const row = messages.get(tx.write, ref);
      if (row === null || !removeMessage(tx, this.#core, ref as MessageRef, 'deleted-for-me')) {
        throw new MessengerError('not_found', 'no such message');
      }
      const conversation = requireConversation(tx.write, conversationRef(row.conversation));
      conversation.hiddenDue.push(row.id);
      putConversation(tx, conversation);
      tx.ring('settings', null);
    });
  }
}
