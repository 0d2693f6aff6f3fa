import type { WaitOptions } from '../outbox/types.ts';
import type { AccountRef, ConversationRef, Ref } from '../refs.ts';
import type { GroupReason } from './reasons.ts';

/** What a member may do. */
export type GroupRole = 'member' | 'admin' | 'owner';

/** Who may do something: everyone, or admins and owners only. */
export type GroupPermission = 'members' | 'admins';

export interface GroupPermissions {
  /** Add accounts. */
  readonly add: GroupPermission;
  /** Change name, description, picture and the disappearing timer. */
  readonly edit: GroupPermission;
  /** Send messages. */
  readonly send: GroupPermission;
  /** Pin messages. */
  readonly pin: GroupPermission;
}

/**
 * How this device stands to a group.
 * `founding`: made here, its log is not at the gateway yet. `invited`: it waits for `accept` or `decline`. `asking`: asked
 * to be let in by a link. `joined`. `resyncing`: a member that cannot follow for the moment and is being brought back in.
 * `left`, `removed`: over; the history stays readable.
 */
export type GroupState = 'founding' | 'invited' | 'asking' | 'joined' | 'resyncing' | 'left' | 'removed';

/** A group as this device knows it. */
export interface Group {
  /** The group's id and its conversation's. */
  readonly id: ConversationRef;
  readonly state: GroupState;
  readonly name: string;
  readonly description: string;
  /** SHA-256 of the picture in hexadecimal; null: none. */
  readonly pictureHash: string | null;
  /** The own role; of a group that is over: the last one. */
  readonly role: GroupRole;
  readonly permissions: GroupPermissions;
  /** How contents are encrypted. */
  readonly protocol: 'mls' | 'sender-keys';
  /** Accounts in it. */
  readonly members: number;
  /** Devices in it. */
  readonly devices: number;
  /** Disappearing messages, seconds; 0: they stay. */
  readonly timerSeconds: number;
  /** How people can come by a link. */
  readonly link: GroupLinkState;
  /** Grows with each change of keys or members; the same at all members that have read as far. */
  readonly epoch: number;
  /** Why it ended, or what it waits for; null: nothing to say. */
  readonly reason: GroupReason | null;
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly joinedAt: number | null;
}

export type GroupLinkState =
  | { readonly kind: 'none' }
  /** `approval`: an admin decides about everyone who comes by it. */
  | { readonly kind: 'open' | 'approval' };

/** An account in a group. */
export interface GroupMember {
  readonly account: AccountRef;
  /** Nickname or profile name of a contact, else what the account calls itself, else the beginning of its id. */
  readonly name: string;
  readonly role: GroupRole;
  /** Devices of it in the group. */
  readonly devices: number;
  /** This account. */
  readonly own: boolean;
}

export interface GroupMemberPage {
  readonly members: readonly GroupMember[];
  /** Pass as `after` for the next page; null: these were the last. */
  readonly after: GroupMemberCursor | null;
}

/** A place in the list of members. Opaque. */
export type GroupMemberCursor = number & { readonly groupMemberCursor: never };

export interface GroupMemberOptions {
  readonly after?: GroupMemberCursor;
  /** Default 100, at most 1000. */
  readonly limit?: number;
}

/** An invitation that waits for an answer. Nothing else of the group is known before it is accepted. */
export interface GroupInvitation {
  readonly group: ConversationRef;
  /** The group's name when it was sent. */
  readonly name: string;
  readonly inviter: AccountRef;
  readonly members: number;
  /** Unix milliseconds. */
  readonly invitedAt: number;
}

export interface CreateGroupOptions {
  /** 1 to 128 characters. */
  readonly name: string;
  /** At most 1024 characters. */
  readonly description?: string;
  /** Accepted contacts to invite at once. */
  readonly accounts?: readonly AccountRef[];
  /** Default: members add and send, admins edit and pin. */
  readonly permissions?: Partial<GroupPermissions>;
  /** Disappearing messages, seconds; default 0: they stay. */
  readonly timerSeconds?: number;
  /** Members renew their keys after this time; default 7 days, at least an hour. Seconds. */
  readonly rotateSeconds?: number;
}

/** Changes of what a group is called and shows; what is left out stays. */
export interface GroupEdit {
  readonly name?: string;
  readonly description?: string;
  /** SHA-256 in hexadecimal; null takes it away. */
  readonly pictureHash?: string | null;
}

export interface GroupLinkOptions {
  /** Whether an admin decides about everyone who comes. Default true. */
  readonly approval?: boolean;
  /** Makes a new link; the one in force ends. */
  readonly renew?: boolean;
}

/** Somebody who asks to be let in by the link. */
export interface GroupJoinRequest {
  readonly group: ConversationRef;
  readonly account: AccountRef;
  readonly name: string;
  /** Unix milliseconds. */
  readonly askedAt: number;
}

/** Something asked for; text form of its random id. */
export type GroupChangeRef = Ref<'group-change'>;

/** Something asked of a group: stored, tried until the group's log has decided. */
export interface GroupChange {
  readonly id: GroupChangeRef;
  readonly group: ConversationRef;
  /**
   * Resolves once it is in force at this device: `done`, or `already` when the group was so by itself (or by another's
   * hand). Rejects with `group_refused` when the group does not allow it (any more), its message names the `GroupReason`;
   * `aborted`, `closed`.
   */
  done(options?: WaitOptions): Promise<'done' | 'already'>;
}

/** One change of a group, as its history tells it. The same at all devices that were there. */
export interface GroupNotice {
  readonly change: GroupNoticeChange;
  /** Who did it. */
  readonly by: AccountRef;
  /** Unix milliseconds by the gateway's clock. */
  readonly at: number;
}

export type GroupNoticeChange =
  | { readonly kind: 'created' }
  | {
      readonly kind: 'added' | 'removed' | 'left' | 'made-owner' | 'made-admin' | 'made-member';
      readonly accounts: readonly AccountRef[];
    }
  /** An account's devices in the group changed. */
  | { readonly kind: 'devices'; readonly accounts: readonly AccountRef[] }
  | { readonly kind: 'renamed' | 'described'; readonly text: string }
  | { readonly kind: 'picture' | 'permissions' | 'link' }
  | { readonly kind: 'timer'; readonly seconds: number };

/** What people do with groups. Every method throws `MessengerError`; ids of no known group: `not_found`. */
export interface Groups {
  /**
   * Makes a group, with this account as its owner. Resolves when it is stored here; the log, and invitations, follow in
   * the background (`group-joined`). `invalid_argument`, `not_found`, `wrong_state` (not an accepted contact).
   */
  create(options: CreateGroupOptions): Promise<Group>;
  /** All groups known here, in any state, newest activity first. */
  list(): Promise<readonly Group[]>;
  /** Null: not known here. */
  get(group: ConversationRef): Promise<Group | null>;
  /** Members, a page at a time. */
  members(group: ConversationRef, options?: GroupMemberOptions): Promise<GroupMemberPage>;
  /** Invitations that wait for an answer, oldest first. */
  invitations(): Promise<readonly GroupInvitation[]>;
  /** Joins. Stored when it resolves; own other devices join too. `wrong_state`. */
  accept(group: ConversationRef): Promise<Group>;
  /** Does not join, and leaves the group's tree. `wrong_state`. */
  decline(group: ConversationRef): Promise<void>;

  /**
   * Adds accounts with all their devices; each is asked whether it joins. They have to be accepted contacts of this
   * account. `invalid_argument`, `not_found`, `wrong_state`, `forbidden`.
   */
  invite(group: ConversationRef, accounts: readonly AccountRef[]): Promise<GroupChange>;
  /** Removes accounts with all their devices; they can read nothing that is sent afterwards. `forbidden`, `wrong_state`. */
  remove(group: ConversationRef, accounts: readonly AccountRef[]): Promise<GroupChange>;
  /** Leaves with all own devices. Nothing more is read or sent from here on, whoever completes it. `wrong_state`. */
  leave(group: ConversationRef): Promise<GroupChange>;
  /** Changes name, description, picture. `invalid_argument`, `forbidden`, `wrong_state`. */
  edit(group: ConversationRef, edit: GroupEdit): Promise<GroupChange>;
  setRole(group: ConversationRef, account: AccountRef, role: GroupRole): Promise<GroupChange>;
  setPermissions(group: ConversationRef, permissions: Partial<GroupPermissions>): Promise<GroupChange>;
  /** Disappearing messages, seconds; 0: they stay. */
  setTimer(group: ConversationRef, seconds: number): Promise<GroupChange>;

  /**
   * The group's link (also as QR text), made if there is none: whoever has it may ask to come in. It names this account
   * as the one to ask. Resolves when it is in force. Admins and owners: `forbidden`.
   */
  link(group: ConversationRef, options?: GroupLinkOptions): Promise<string>;
  /** Ends the link. */
  endLink(group: ConversationRef): Promise<GroupChange>;
  /**
   * Asks to be let in by a link; a contact request to its maker is part of it where they are none yet. Resolves when the
   * question is stored; `group-joined` or `group-left` tells the answer. `invalid_argument`, `unreachable`, `untrusted`.
   */
  joinByLink(link: string, options?: { readonly signal?: AbortSignal }): Promise<Group>;
  /** Who waits to be let in, oldest first. */
  joinRequests(group?: ConversationRef): Promise<readonly GroupJoinRequest[]>;
  /** Lets someone in who asked. `not_found`. */
  approve(group: ConversationRef, account: AccountRef): Promise<GroupChange>;
  /** Does not. `not_found`. */
  refuse(group: ConversationRef, account: AccountRef): Promise<void>;

  /** Renews this device's keys in the group now. Happens by itself by schedule. */
  rotate(group: ConversationRef): Promise<GroupChange>;
  /** Asks to be brought back in by an external commit, whatever this device knows. For support; happens by itself. */
  resync(group: ConversationRef): Promise<void>;
  /** Changes asked for here that the log has not decided yet, oldest first. */
  pending(group: ConversationRef): Promise<readonly PendingGroupChange[]>;
}

export interface PendingGroupChange {
  readonly id: GroupChangeRef;
  readonly kind: 'invite' | 'remove' | 'leave' | 'edit' | 'rotate' | 'devices';
  readonly createdAt: number;
  /** What it waits for. */
  readonly reason: GroupReason;
}
