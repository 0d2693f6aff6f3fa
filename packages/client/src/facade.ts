import type { AccountId } from '@sotto/wire';
import { accountId, formatContactLink, parseGatewayAddress } from '@sotto/wire';
import { claimName, calling } from './account/register.ts';
import { editProfile } from './account/profile.ts';
import { listDevices } from './account/own-devices.ts';
import { revokeDevice } from './account/revoke.ts';
import type { ConnectionState, Device, Profile, Self } from './account/types.ts';
import type { AttachmentHandle } from './attachments/types.ts';
import { avatarText } from './contacts/rows.ts';
import type { Contact, SafetyNumber } from './contacts/types.ts';
import { deliveryOf } from './conversations/members.ts';
import type {
  Conversation,
  ConversationChange,
  HistoryPage,
  MemberDelivery,
  Message,
  Outgoing,
  SearchResult,
} from './conversations/types.ts';
import { diagnose } from './diagnostics/diagnose.ts';
import type { Diagnostics, DiagnosticsOptions } from './diagnostics/types.ts';
import { asMessengerError } from './core/background.ts';
import { MessengerError } from './error.ts';
import { groupsSurface } from './groups/surface.ts';
import type { Groups } from './groups/types.ts';
import type { EventSource } from './events/types.ts';
import type {
  AddContactOptions,
  CallOptions,
  ConversationListOptions,
  GatewayToken,
  HistoryOptions,
  Messenger,
  RevocationReason,
  SearchOptions,
} from './messenger.ts';
import { listOutbox } from './outbox/list.ts';
import type { OutboxEntry, SentMessage } from './outbox/types.ts';
import type { AccountRef, ConversationRef, DeviceRef, EnvelopeRef, MessageRef } from './refs.ts';
import type { Rooms } from './rooms.ts';
import { readStatus } from './read-status.ts';
import type { Status } from './status.ts';
import { conversationOf, conversationRef } from './store/refs.ts';
import { conversations } from './store/tables.ts';
import { explain } from './trail/explain.ts';
import type { Explanation } from './trail/types.ts';

/** The messenger over its rooms: checks that it is open, and passes on. */
export class Facade implements Messenger {
  readonly #rooms: Rooms;
  readonly #end: () => Promise<void>;
  readonly #groups: Groups;
  #closed = false;

  /** `end` closes the rooms; it may be called more than once. */
  constructor(rooms: Rooms, end: () => Promise<void>) {
    this.#rooms = rooms;
    this.#end = end;
    this.#groups = groupsSurface((work) => this.#do(work));
  }

  get events(): EventSource {
    return this.#rooms.core.events;
  }

  get connection(): ConnectionState {
    return this.#closed ? 'closed' : this.#rooms.connection.state;
  }

  get groups(): Groups {
    return this.#groups;
  }

  self(): Promise<Self> {
    return this.#do(({ core }) => {
      const { gateway, accountName, deviceName, profile } = core.own.row();
      return {
        account: core.self.accountRef,
        device: core.self.deviceRef,
        deviceName,
        gateway,
        accountName: accountName === '' ? null : accountName,
        profile: { name: profile?.name ?? '', avatarHash: avatarText(profile?.avatarHash ?? new Uint8Array(0)) },
      };
    });
  }

  setProfile(profile: Partial<Profile>): Promise<void> {
    return this.#do(({ core }) => editProfile(core, profile));
  }

  claimName(accountName: string, options: CallOptions = {}): Promise<void> {
    return this.#do(({ core, transport }) => claimName(core, transport, accountName, core.background.until(options)));
  }

  devices(): Promise<readonly Device[]> {
    return this.#do(({ core }) => listDevices(core));
  }

  revokeDevice(device: DeviceRef, reason: RevocationReason, options: CallOptions = {}): Promise<void> {
    return this.#do(({ core, transport }) =>
      revokeDevice(core, transport, { device, reason, signal: core.background.until(options) }),
    );
  }

  contactLink(): Promise<string> {
    return this.#do(({ core }) => {
      const { gateway, accountName } = core.own.row();
      return formatContactLink({
        account: core.self.account,
        gateway: parseGatewayAddress(gateway),
        // Checked when it was claimed.
        accountName:
          accountName === '' ? null : (accountName as Parameters<typeof formatContactLink>[0]['accountName']),
      });
    });
  }

  addContact(linkOrName: string, options: AddContactOptions = {}): Promise<Contact> {
    return this.#do(({ contacts }) => contacts.add(linkOrName, options));
  }

  requests(): Promise<readonly Contact[]> {
    return this.#do(({ contacts }) => contacts.requests());
  }

  acceptRequest(account: AccountRef): Promise<Contact> {
    return this.#do(({ contacts }) => contacts.accept(account));
  }

  declineRequest(account: AccountRef): Promise<Contact> {
    return this.#do(({ contacts }) => contacts.decline(account));
  }

  contacts(): Promise<readonly Contact[]> {
    return this.#do(({ contacts }) => contacts.all());
  }

  contact(account: AccountRef): Promise<Contact | null> {
    return this.#do(({ contacts }) => contacts.one(account));
  }

  setNickname(account: AccountRef, nickname: string | null): Promise<Contact> {
    return this.#do(({ contacts }) => contacts.setNickname(account, nickname));
  }

  block(account: AccountRef): Promise<Contact> {
    return this.#do(({ contacts }) => contacts.block(account));
  }

  unblock(account: AccountRef): Promise<Contact> {
    return this.#do(({ contacts }) => contacts.unblock(account));
  }

  contactDevices(account: AccountRef): Promise<readonly Device[]> {
    return this.#do(({ contacts }) => contacts.devices(account));
  }

  safetyNumber(account: AccountRef): Promise<SafetyNumber> {
    return this.#do(({ contacts }) => contacts.safetyNumber(account));
  }

  verifyContact(account: AccountRef, verified: boolean): Promise<Contact> {
    return this.#do(({ contacts }) => contacts.verify(account, verified));
  }

  conversations(options: ConversationListOptions = {}): Promise<readonly Conversation[]> {
    return this.#do((rooms) => rooms.conversations.all(options));
  }

  conversation(conversation: ConversationRef): Promise<Conversation | null> {
    return this.#do((rooms) => rooms.conversations.one(conversation));
  }

  send(conversation: ConversationRef, content: Outgoing): Promise<SentMessage> {
    return this.#do(async (rooms) => {
      const attachments = typeof content === 'object' && content.kind === 'text' ? (content.attachments ?? []) : [];
      if (attachments.length === 0) return rooms.sent.handle(rooms.writing.send(conversation, content).id);
      rooms.writing.requireOpen(conversation);
      const staged = await rooms.attachments.stage(
        attachments,
        typeof content === 'object' && 'text' in content ? content.text : '',
      );
      try {
        const attached = { attachments: staged.map(({ attachment }) => attachment), staged };
        return rooms.sent.handle(rooms.writing.send(conversation, content, attached).id);
      } catch (cause) {
        await rooms.attachments.unstage(staged).catch((failure: unknown) => rooms.core.background.report(failure));
        throw cause;
      }
    });
  }

  attachment(message: MessageRef, index: number): AttachmentHandle {
    return {
      message,
      index,
      info: () => this.#do((rooms) => rooms.attachments.info(message, index)),
      fetch: (options = {}) => this.#do((rooms) => rooms.attachments.fetch(message, index, options)),
      download: (to, options = {}) => this.#do((rooms) => rooms.attachments.download(message, index, to, options)),
      read: (options = {}) => this.#stream((rooms) => rooms.attachments.read(message, index, options)),
      show: (options = {}) => this.#stream((rooms) => rooms.attachments.show(message, index, options)),
    };
  }

  sent(message: MessageRef): Promise<SentMessage> {
    return this.#do((rooms) => rooms.sent.handle(message));
  }

  typing(conversation: ConversationRef, active: boolean): Promise<void> {
    return this.#do((rooms) => {
      const other = this.#other(conversation);
      return other === null ? undefined : rooms.typing.send(other, active);
    });
  }

  /** Null: a group. */
  #other(conversation: ConversationRef): AccountId | null {
    const ref = conversationRef(conversationOf(conversation));
    const row = this.#rooms.core.ledger.read((read) => conversations.get(read, ref));
    if (row?.group === true) return null;
    if (row === null || row.contact.length === 0) throw new MessengerError('not_found', 'no such conversation');
    return accountId(row.contact);
  }

  markRead(conversation: ConversationRef, message?: MessageRef): Promise<void> {
    return this.#do((rooms) => rooms.writing.markRead(conversation, message));
  }

  forward(message: MessageRef, to: ConversationRef): Promise<SentMessage> {
    return this.#do((rooms) => rooms.sent.handle(rooms.writing.forward(message, to).id));
  }

  deleteForMe(message: MessageRef | EnvelopeRef): Promise<void> {
    return this.#do((rooms) => rooms.writing.deleteForMe(message));
  }

  configureConversation(conversation: ConversationRef, change: ConversationChange): Promise<void> {
    return this.#do((rooms) => rooms.writing.configure(conversation, change));
  }

  pins(conversation: ConversationRef): Promise<readonly Message[]> {
    return this.#do((rooms) => rooms.conversations.pins(conversation));
  }

  deliveryOf(message: MessageRef): Promise<readonly MemberDelivery[]> {
    return this.#do(({ core }) => deliveryOf(core, message));
  }

  history(conversation: ConversationRef, options: HistoryOptions = {}): Promise<HistoryPage> {
    return this.#do((rooms) => rooms.conversations.history(conversation, options));
  }

  message(message: MessageRef): Promise<Message | null> {
    return this.#do((rooms) => rooms.conversations.message(message));
  }

  search(query: string, options: SearchOptions = {}): Promise<readonly SearchResult[]> {
    return this.#do((rooms) => rooms.conversations.search(query, options));
  }

  outbox(): Promise<readonly OutboxEntry[]> {
    return this.#do(({ core }) => listOutbox(core));
  }

  explain(subject: MessageRef | EnvelopeRef): Promise<Explanation> {
    return this.#do(({ core }) => core.ledger.read((read) => explain(read, subject)));
  }

  diagnostics(options: DiagnosticsOptions = {}): Promise<Diagnostics> {
    return this.#do((rooms) => diagnose(rooms, options));
  }

  gatewayToken(options: CallOptions = {}): Promise<GatewayToken> {
    return this.#do(async ({ core, transport }) => {
      const signal = core.background.until(options);
      const { token, expiresAt } = await calling(() => transport.device.unboundToken({ signal }));
      return { token, expiresAt: expiresAt * 1000, gateway: core.own.gateway };
    });
  }

  status(): Promise<Status> {
    return this.#do((rooms) => readStatus(rooms));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async *#stream<T>(work: (rooms: Rooms) => AsyncIterable<T>): AsyncGenerator<T> {
    const pieces = await this.#do((rooms) => ({ of: work(rooms) }));
    try {
      yield* pieces.of;
    } catch (cause) {
      throw asMessengerError(cause);
    }
  }

  /** What fails comes out as a rejection, never as a throw. */
  async #do<T>(work: (rooms: Rooms) => T | Promise<T>): Promise<T> {
    if (this.#closed || this.#rooms.core.background.closing) {
      throw new MessengerError('closed', 'the messenger was closed');
    }
    try {
      return await work(this.#rooms);
    } catch (cause) {
      throw asMessengerError(cause);
    }
  }
}
