import type { ConnectionState, Device, Profile } from '../account/types.ts';
import type { Contact, IdentityChange } from '../contacts/types.ts';
import type { ConversationSettings, MemberDelivery, Message, Placeholder } from '../conversations/types.ts';
import type { MessengerError } from '../error.ts';
import type { Group, GroupChangeRef, GroupInvitation, GroupJoinRequest, GroupNotice } from '../groups/types.ts';
import type { GroupReason } from '../groups/reasons.ts';
import type { AccountRef, ConversationRef, EnvelopeRef, MessageRef } from '../refs.ts';
import type { ReasonCode } from '../trail/reasons.ts';

/**
 * Everything an application can listen to. An event is emitted after what it tells is stored: a listener that reads
 * `history` finds it there.
 */
export interface MessengerEvents {
  /** The connection to the own gateway changed. */
  'connection-changed': { readonly state: ConnectionState };
  /** A peer of a transport is there. Today peers are gateways. */
  'peer-connected': { readonly kind: 'gateway'; readonly address: string };
  'peer-disconnected': { readonly kind: 'gateway'; readonly address: string };
  /** Connected, and what waited while this device was away is being fetched. */
  'offline-sync-started': { readonly address: string };
  /** Everything that had waited is stored here. */
  'offline-sync-finished': { readonly address: string; readonly received: number };
  /** A message of someone else, in its place in the conversation. */
  'message-received': {
    readonly message: Message;
    /** Worth a sound: the conversation is not muted, or this account is named. */
    readonly notify: boolean;
  };
  /** An own message was stored, sent from this or from another own device. */
  'message-sent': { readonly message: Message };
  /** A message's state, text, reactions or place changed. */
  'message-updated': { readonly message: Message };
  /** A message came that could not be opened: a line stands for it, and its sender is asked. Also when it is given up. */
  'message-awaited': { readonly placeholder: Placeholder };
  /** The message has come: it takes the line's place. `message-received` tells of it as of every other. */
  'message-healed': { readonly placeholder: EnvelopeRef; readonly message: Message };
  /** A line for a message goes without one: it held nothing that people see, its sender no longer has it, or
   * somebody took it away. */
  'placeholder-removed': {
    readonly conversation: ConversationRef;
    readonly placeholder: EnvelopeRef;
    readonly why: 'nothing-missing' | 'unavailable' | 'deleted-for-me';
  };
  /** A message is gone for good from this device: its time was over, or it was deleted for this account. */
  'message-removed': {
    readonly conversation: ConversationRef;
    readonly message: MessageRef;
    readonly why: 'disappeared' | 'deleted-for-me';
  };
  /** A member has got or seen an own message. */
  'delivery-changed': { readonly message: MessageRef; readonly delivery: MemberDelivery };
  /** A message was pinned, or its pin taken out. */
  'pins-changed': {
    readonly conversation: ConversationRef;
    readonly message: MessageRef;
    readonly pinned: boolean;
    /** Who did it. */
    readonly account: AccountRef;
  };
  /** New messages of a conversation disappear after another time; null: they stay. */
  'timer-changed': { readonly conversation: ConversationRef; readonly seconds: number | null };
  /** Archive, pin, mute, mark or draft of a conversation changed, here or on another own device. */
  'conversation-settings-changed': {
    readonly conversation: ConversationRef;
    readonly settings: ConversationSettings;
  };
  /** An attachment moves: bytes over the network so far, sealed. Now and then, not for every piece. */
  'attachment-progress': {
    readonly message: MessageRef;
    readonly index: number;
    readonly direction: 'up' | 'down';
    readonly bytes: number;
    readonly total: number;
  };
  /** Someone started or stopped writing; without a further event it ends after a few seconds. */
  typing: { readonly conversation: ConversationRef; readonly account: AccountRef; readonly active: boolean };
  /** Someone asks to become a contact: `acceptRequest` or `declineRequest`. */
  'contact-request': { readonly contact: Contact };
  /** A contact's state, profile, nickname, verification or addresses changed. */
  'contact-changed': { readonly contact: Contact };
  /** Alarm: a contact's devices changed. Show it; compare safety numbers again if they were compared. */
  'identity-changed': { readonly contact: Contact; readonly change: IdentityChange };
  /**
   * Alarm: a contact was shown a chain of the own account that is not the one known here. Its gateway, or a device of
   * one's own, shows different people different devices.
   */
  'account-forked': { readonly at: number };
  /** The last message or the unread count of a conversation changed. */
  'conversation-changed': { readonly conversation: ConversationRef };
  /** Somebody added this account to a group: `groups.accept` or `groups.decline`. */
  'group-invited': { readonly invitation: GroupInvitation };
  /** This device is in a group: made here, accepted, let in, or brought back in. */
  'group-joined': { readonly group: Group };
  /** A group's name, rules, members or state changed. `notice`: as its history tells it; null: nothing for people. */
  'group-changed': { readonly group: Group; readonly notice: GroupNotice | null };
  /** Everything that a group's log held when this device connected to it is stored here. */
  'group-caught-up': { readonly group: ConversationRef };
  /** An epoch began. For tests and diagnosis; people are told by `group-changed`. */
  'group-commit': { readonly group: ConversationRef; readonly epoch: number; readonly own: boolean };
  /** A group is over for this account. Its history stays. */
  'group-left': { readonly group: Group; readonly reason: GroupReason };
  /** Somebody asks to be let in by the group's link: `groups.approve` or `groups.refuse`. */
  'group-join-requested': { readonly request: GroupJoinRequest };
  /** A change that was asked for here waits for another reason, is in force, or was given up. */
  'group-change-moved': {
    readonly group: ConversationRef;
    readonly change: GroupChangeRef;
    readonly outcome: 'waiting' | 'done' | 'already' | 'refused';
    readonly reason: GroupReason;
  };
  /** A message in the outbox moved on, or waits for another reason. */
  'outbox-changed': { readonly message: MessageRef; readonly reason: ReasonCode };
  /**
   * The own gateway no longer knows what it knew: `device-forgotten`: this device had to register again, with a new
   * mailbox; `set-back`: it works on an old copy of its data. What is missing there is given to it again, contacts are
   * told, and what it had accepted and nobody has confirmed is sent once more.
   */
  'gateway-lost-data': { readonly address: string; readonly kind: 'device-forgotten' | 'set-back' };
  /**
   * This vault was set back to an earlier state, or a copy of it is in use elsewhere. All sessions are replaced before
   * anything is sent. If nobody restored a copy on purpose, someone else may hold this device's keys: revoke it.
   */
  'rollback-detected': { readonly at: number };
  /** The own profile changed, here or on another own device. */
  'profile-changed': { readonly profile: Profile };
  /** The list of own devices changed. */
  'devices-changed': { readonly devices: readonly Device[] };
  /** The gateway has few one-time prekeys left; they are being refilled. */
  'prekeys-low': { readonly oneTime: number; readonly oneTimeKem: number };
  /** An envelope could not be opened. It is kept for a while where that can help, and never blocks others. `explain` knows more;
   * null: it was not even an envelope. */
  'envelope-unreadable': { readonly reason: ReasonCode; readonly envelope: EnvelopeRef | null };
  /** Background work failed and will be tried again; for logs and `doctor`, not for people. */
  problem: { readonly error: MessengerError };
  /** The messenger is closed, by its owner or because this device was revoked; no event follows. */
  closed: { readonly why: 'asked' | 'revoked' };
}

export type MessengerEventName = keyof MessengerEvents;

/** An event with its name, as streams give them. */
export type MessengerEvent = {
  readonly [Name in MessengerEventName]: { readonly type: Name } & MessengerEvents[Name];
}[MessengerEventName];

export interface NextOptions<Name extends MessengerEventName> {
  /** Only events for which this is true. */
  readonly where?: (event: MessengerEvents[Name]) => boolean;
  /** Rejects with `aborted`. */
  readonly signal?: AbortSignal;
}

export interface StreamOptions {
  /** Ends the stream. */
  readonly signal?: AbortSignal;
  /** Events kept for a slow reader, default 1000; one more ends the stream with `slow_consumer`. */
  readonly buffer?: number;
}

/** Typed events. A listener that throws (or rejects) is reported as a `problem` and disturbs nothing else. */
export interface EventSource {
  /** Calls `listener` for each event; returns the function that stops it. */
  on<Name extends MessengerEventName>(
    name: Name,
    listener: (event: MessengerEvents[Name]) => void | Promise<void>,
  ): () => void;
  /** The next event of a name. Rejects with `closed` or `aborted`. */
  next<Name extends MessengerEventName>(name: Name, options?: NextOptions<Name>): Promise<MessengerEvents[Name]>;
  /** Events of the given names (none: all), in order, from the call on. Ends when the messenger closes. */
  stream<Name extends MessengerEventName>(
    names?: readonly Name[],
    options?: StreamOptions,
  ): AsyncIterableIterator<Extract<MessengerEvent, { readonly type: Name }>>;
}
