import type { ConnectionState, Device, Profile, Self } from './account/types.ts';
import type { AttachmentHandle } from './attachments/types.ts';
import type { Contact, ContactLinkInfo, SafetyNumber } from './contacts/types.ts';
import type {
  Conversation,
  ConversationChange,
  HistoryCursor,
  HistoryPage,
  MemberDelivery,
  Message,
  Outgoing,
  SearchResult,
} from './conversations/types.ts';
import type { Diagnostics, DiagnosticsOptions } from './diagnostics/types.ts';
import type { EventSource } from './events/types.ts';
import type { Groups } from './groups/types.ts';
import type { CreateOptions, OpenOptions } from './options.ts';
import type { OutboxEntry, SentMessage } from './outbox/types.ts';
import type { AccountRef, ConversationRef, DeviceRef, EnvelopeRef, MessageRef } from './refs.ts';
import type { Status } from './status.ts';
import type { Explanation } from './trail/types.ts';

/**
 * One account on one device. Everything it is told is stored before the promise resolves; everything that needs the
 * network afterwards happens in the background, survives restarts, and is told by events.
 * Every method throws `MessengerError`; besides the codes named at each: `closed`, `storage`, `internal`.
 */
export interface Messenger extends AsyncDisposable {
  /** Typed events. */
  readonly events: EventSource;
  readonly connection: ConnectionState;

  /** Who this is. */
  self(): Promise<Self>;
  /** Changes the own profile; stored here when it resolves, sent to contacts and own devices in the background. */
  setProfile(profile: Partial<Profile>): Promise<void>;
  /**
   * Gives the account a name at its gateway; resolves when the gateway says it is ours. `name_taken`,
   * `invalid_argument`, `unreachable`, `refused`.
   */
  claimName(accountName: string, options?: CallOptions): Promise<void>;
  /** Devices of the own account, as this device knows the chain. */
  devices(): Promise<readonly Device[]>;
  /**
   * Takes a device out of the account; resolves when the statement is published at the gateway. From then on nothing
   * is encrypted to it and its messages are refused; contacts learn it with the next message. `not_found`,
   * `wrong_state`, `unreachable`, `refused`.
   */
  revokeDevice(device: DeviceRef, reason: RevocationReason, options?: CallOptions): Promise<void>;

  /** The link (or QR text) by which others add this account. Names account, gateway and profile name. */
  contactLink(): Promise<string>;
  /**
   * Asks an account to become a contact, by its link or by its account name at the own gateway (or `name@sotto://…` at
   * another). Resolves when the account's chain is fetched and verified (it must hash to the account of the link) and
   * the request is stored in the outbox; the answer comes as `contact-changed`. Messages may be sent at once; they wait
   * for acceptance. An incoming request of the same account is thereby accepted. A request that was declined or has
   * expired is made anew. `invalid_argument`, `not_found`, `untrusted`, `unreachable`, `wrong_state` (blocked, oneself).
   */
  addContact(linkOrName: string, options?: AddContactOptions): Promise<Contact>;
  /** Incoming requests, oldest first. */
  requests(): Promise<readonly Contact[]>;
  /** Stored when it resolves; the answer is sent in the background. `not_found`, `wrong_state`. */
  acceptRequest(account: AccountRef): Promise<Contact>;
  /** Likewise. The other side learns that it was declined. `not_found`, `wrong_state`. */
  declineRequest(account: AccountRef): Promise<Contact>;
  /** All accounts known here, in any state, by name. */
  contacts(): Promise<readonly Contact[]>;
  /** Null: not known here. */
  contact(account: AccountRef): Promise<Contact | null>;
  /** Gives a contact a name of one's own; null takes it away. `not_found`, `invalid_argument`. */
  setNickname(account: AccountRef, nickname: string | null): Promise<Contact>;
  /** Refuses everything from the account; its permission to post here is withdrawn in the background. `not_found`. */
  block(account: AccountRef): Promise<Contact>;
  /** Takes the block back; a contact that was accepted is one again. `not_found`, `wrong_state`. */
  unblock(account: AccountRef): Promise<Contact>;
  /** Devices of a contact as its chain, last fetched, certifies them. `not_found`. */
  contactDevices(account: AccountRef): Promise<readonly Device[]>;
  /** To be compared with what the contact sees. `not_found`. */
  safetyNumber(account: AccountRef): Promise<SafetyNumber>;
  /** Records whether a person compared the safety numbers and found them equal. `not_found`. */
  verifyContact(account: AccountRef, verified: boolean): Promise<Contact>;

  /** Conversations with any message or an accepted contact: pinned ones first, then by activity, newest first. */
  conversations(options?: ConversationListOptions): Promise<readonly Conversation[]>;
  /** Null: no such conversation here. */
  conversation(conversation: ConversationRef): Promise<Conversation | null>;
  /**
   * Stores a message in the outbox and in the history; durable (fsynced) when it resolves. What follows is told by the
   * waits of the returned object and by events. `not_found`, `invalid_argument` (too long, not an own message),
   * `wrong_state` (blocked or declined contact, request not answered yet).
   */
  send(conversation: ConversationRef, content: Outgoing): Promise<SentMessage>;
  /** Sends the text of a message on, marked as forwarded. As `send`; `not_found`, `invalid_argument` (no text). */
  forward(message: MessageRef, to: ConversationRef): Promise<SentMessage>;
  /**
   * Deletes a message from all devices of this account, for good; others keep it. To take an own one back from everyone:
   * `send` with kind `delete`. The id of a placeholder takes that line away. `not_found`.
   */
  deleteForMe(message: MessageRef | EnvelopeRef): Promise<void>;
  /**
   * Archives, pins, mutes, marks as unread, or keeps a draft; the own other devices follow. `not_found`,
   * `invalid_argument`.
   */
  configureConversation(conversation: ConversationRef, change: ConversationChange): Promise<void>;
  /** Pinned messages, latest pin first. `not_found`. */
  pins(conversation: ConversationRef): Promise<readonly Message[]>;
  /** How far an own message has come with each member of its conversation. `not_found`: no own message of this id. */
  deliveryOf(message: MessageRef): Promise<readonly MemberDelivery[]>;
  /** An attachment of a message, by its place from 0. Nothing happens before one of its methods is called. */
  attachment(message: MessageRef, index: number): AttachmentHandle;
  /** A handle for a message sent earlier. `not_found`: no own message of this id. */
  sent(message: MessageRef): Promise<SentMessage>;
  /**
   * Tells the other side that someone is writing. Resolves at once, best effort, never stored. In groups nobody is told:
   * every entry of a group's log is kept and read by all.
   */
  typing(conversation: ConversationRef, active: boolean): Promise<void>;
  /**
   * Everything received up to and with `message` (default: the newest) counts as read. Stored when it resolves; read
   * receipts leave in the background. `not_found`.
   */
  markRead(conversation: ConversationRef, message?: MessageRef): Promise<void>;
  /** A page of messages, oldest first; without `before` the newest page. `not_found`. */
  history(conversation: ConversationRef, options?: HistoryOptions): Promise<HistoryPage>;
  /** Null: not here. */
  message(message: MessageRef): Promise<Message | null>;
  /** Messages that contain all words (or beginnings of words) of the query. */
  search(query: string, options?: SearchOptions): Promise<readonly SearchResult[]>;

  /** Groups: what is done to them. Reading and writing in them is as in every conversation, under the group's id. */
  readonly groups: Groups;

  /** What still waits to be sent or confirmed, oldest first. */
  outbox(): Promise<readonly OutboxEntry[]>;
  /**
   * What happened to a message, step by step: to one that was sent, one that was received, and to an envelope that could
   * not be opened (the ids of `envelope-unreadable` and of placeholders). `not_found`.
   */
  explain(subject: MessageRef | EnvelopeRef): Promise<Explanation>;
  /**
   * What support needs to see why messages are missing or late, without anything that people wrote, are called or can be
   * found by: safe to hand on, and made to be laid beside the other side's. JSON as it is. `invalid_argument`.
   */
  diagnostics(options?: DiagnosticsOptions): Promise<Diagnostics>;
  /**
   * A token with which another program (curl) acts as this device at its gateway, for at most five minutes. Bound to no
   * connection: treat it as a password. `unreachable`, `refused`.
   */
  gatewayToken(options?: CallOptions): Promise<GatewayToken>;
  /** Counts and states for `doctor` and support; no content, names or ids. */
  status(): Promise<Status>;

  /**
   * Stops receiving and sending, finishes what is in a transaction, closes the vault. What was stored is sent after the
   * next `open`. May be called twice.
   */
  close(): Promise<void>;
}

/** Why a device is taken out of its account. */
export type RevocationReason = 'removed' | 'lost' | 'compromised';

/** For calls that wait for a gateway. */
export interface CallOptions {
  /** Ends the wait with `aborted`; whether the gateway has done it is then not known. */
  readonly signal?: AbortSignal;
}

export interface GatewayToken {
  /** Sent as `authorization: Bearer …`. A secret. */
  readonly token: string;
  /** Unix milliseconds. */
  readonly expiresAt: number;
  /** Address of the gateway that takes it, `sotto://host:port/pin`. */
  readonly gateway: string;
}

export interface AddContactOptions extends CallOptions {
  /** A first line that the other person sees with the request; at most 512 characters. */
  readonly greeting?: string;
  readonly nickname?: string;
}

export interface ConversationListOptions {
  /** True: only archived ones; false: only the others; default: all. */
  readonly archived?: boolean;
}

export interface HistoryOptions {
  /** Exclusive; from an earlier page. */
  readonly before?: HistoryCursor;
  /** Messages in the page, default 50, at most 500. */
  readonly limit?: number;
}

export interface SearchOptions {
  /** Only this conversation. */
  readonly conversation?: ConversationRef;
  /** Default 20, at most 200. */
  readonly limit?: number;
}

/** Where messengers come from. */
export interface MessengerFactory {
  /**
   * Makes an account with its first device in a new (or empty) vault, registers it at the gateway and uploads prekeys.
   * Resolves when all of that is done and the messenger is receiving. After a failure the vault keeps the account's
   * keys: calling again, with a corrected code or name, goes on with them. `account_exists`, `registration_refused`,
   * `name_taken`, `invalid_argument`, `unreachable`, `refused`, `aborted`; vault errors pass through.
   */
  create(options: CreateOptions): Promise<Messenger>;
  /**
   * Opens an account. Resolves when the vault is open and everything stored can be used; connecting happens in the
   * background. `no_account`, `revoked`; vault errors (wrong passphrase, …) pass through.
   */
  open(options: OpenOptions): Promise<Messenger>;
  /** Reads a contact link without doing anything. `invalid_argument`. */
  readLink(link: string): ContactLinkInfo;
}
