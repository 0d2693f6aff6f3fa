import type { AttachmentInfo, OutgoingAttachment } from '../attachments/types.ts';
import type { GroupNotice, GroupState } from '../groups/types.ts';
import type { AccountRef, ConversationRef, DeviceRef, EnvelopeRef, MessageRef } from '../refs.ts';
import type { ReasonCode } from '../trail/reasons.ts';

/** What can be sent. A plain string is a text. */
export type Outgoing =
  | string
  | {
      readonly kind: 'text';
      readonly text: string;
      readonly replyTo?: MessageRef;
      readonly mentions?: readonly Mention[];
      /** Written by someone else before, and passed on. */
      readonly forwarded?: boolean;
      /** Files, at most 32; the text may be empty beside them. */
      readonly attachments?: readonly OutgoingAttachment[];
    }
  /** An empty emoji takes one's own reaction back. */
  | { readonly kind: 'reaction'; readonly message: MessageRef; readonly emoji: string }
  /** A new text for an own message, with mentions of its own; within `Settings.editWindowMs`. */
  | {
      readonly kind: 'edit';
      readonly message: MessageRef;
      readonly text: string;
      readonly mentions?: readonly Mention[];
    }
  /** Takes an own message back, for everyone. For this account only: `deleteForMe`. */
  | { readonly kind: 'delete'; readonly message: MessageRef }
  /** Pins a message for all members, or takes the pin out. */
  | { readonly kind: 'pin'; readonly message: MessageRef; readonly pinned: boolean }
  /**
   * Sets the disappearing timer for what is written from here on: seconds from reading (for the author: from sending),
   * at most a year; null: messages stay.
   */
  | { readonly kind: 'timer'; readonly seconds: number | null };

/** An account named in a text. Positions are units of the string: `text.slice(start, start + length)` is the name. */
export interface Mention {
  readonly account: AccountRef;
  readonly start: number;
  readonly length: number;
}

/** What a message shows. */
export type MessageBody =
  | {
      readonly kind: 'text';
      readonly text: string;
      readonly replyTo: MessageRef | null;
      readonly edited: boolean;
      /** In order, none over another. */
      readonly mentions: readonly Mention[];
      readonly forwarded: boolean;
      readonly attachments: readonly AttachmentInfo[];
    }
  /** The disappearing timer was set; null: switched off. */
  | { readonly kind: 'timer'; readonly seconds: number | null }
  | { readonly kind: 'deleted' }
  /** Made by a newer version; kept, and shown once this one is updated. */
  | { readonly kind: 'unsupported' };

/** One account's reaction to a message; the latest of each account counts. */
export interface Reaction {
  readonly account: AccountRef;
  readonly emoji: string;
}

/**
 * Where a message stands. For own messages, each state includes those before it:
 * `waiting`: stored here, not yet at any recipient's gateway. `accepted`: on disk at a recipient's gateway.
 * `delivered`: decrypted and stored by at least one device of the recipient. `read`: the recipient says it was seen.
 * `expired`: seven days passed before it was delivered. `failed`: it cannot be delivered; `reason` says why.
 * For received messages: `received`, then `read` once `markRead` covered it.
 */
export type MessageState = 'waiting' | 'accepted' | 'delivered' | 'read' | 'expired' | 'failed' | 'received';

/** A message in a conversation. */
export interface Message {
  readonly id: MessageRef;
  readonly conversation: ConversationRef;
  readonly author: AccountRef;
  readonly device: DeviceRef;
  /** Written by this account, on this or another of its devices. */
  readonly own: boolean;
  readonly body: MessageBody;
  readonly reactions: readonly Reaction[];
  /** Pinned for all members. */
  readonly pinned: boolean;
  /** This account is named in it. */
  readonly mentioned: boolean;
  /** Seconds after which it disappears, from reading (own ones: from sending); null: it stays. */
  readonly expiresAfter: number | null;
  /** Unix milliseconds when it disappears; null: its time does not run yet, or it stays. */
  readonly expiresAt: number | null;
  readonly state: MessageState;
  /** Why it waits, or what happened to it last. */
  readonly reason: ReasonCode;
  /** Unix milliseconds by the author's clock: for display, not for order. */
  readonly sentAt: number;
  /** Unix milliseconds when this device stored it. */
  readonly storedAt: number;
}

/** One line of a history. */
export type HistoryEntry =
  | { readonly kind: 'message'; readonly message: Message }
  /** Messages that come before the next entry and have not arrived; `missing` at least. */
  | { readonly kind: 'gap'; readonly missing: number }
  /** A message came that could not be opened; it is asked for again and takes its place here. */
  | { readonly kind: 'awaited'; readonly placeholder: Placeholder }
  /** A change of the group, in its place. */
  | { readonly kind: 'notice'; readonly notice: GroupNotice };

/** Stands in a conversation for a message that came and could not be opened; its sender is known. */
export interface Placeholder {
  /** `explain` tells its story. */
  readonly id: EnvelopeRef;
  readonly conversation: ConversationRef;
  /** Whose device sent it. */
  readonly author: AccountRef;
  readonly device: DeviceRef;
  /** Unix milliseconds when it came. */
  readonly receivedAt: number;
  readonly reason: ReasonCode;
  /** It is being asked for; else nobody answered, and it is lost. */
  readonly recovering: boolean;
}

/** A page of history, oldest first. */
export interface HistoryPage {
  readonly entries: readonly HistoryEntry[];
  /** Pass as `before` to get the page above; null: this is the beginning. */
  readonly before: HistoryCursor | null;
}

/** A place in a conversation's order. Opaque; may be kept as long as the messenger is open. */
export type HistoryCursor = number & { readonly historyCursor: never };

/** How this account keeps a conversation; the same on all its devices. */
export interface ConversationSettings {
  /** Out of the way; a new message brings it back, unless the conversation is muted. */
  readonly archived: boolean;
  /** Above others in the list. */
  readonly pinned: boolean;
  /** Shown as unread, until `markRead`. */
  readonly markedUnread: boolean;
  /** Unix milliseconds until which new messages make no noise; null: they do. */
  readonly mutedUntil: number | 'forever' | null;
  /** A text that was begun. */
  readonly draft: Draft | null;
}

/** What is left out stays. */
export interface ConversationChange extends Partial<Omit<ConversationSettings, 'draft'>> {
  readonly draft?: { readonly text: string; readonly replyTo?: MessageRef | null } | null;
}

export interface Draft {
  readonly text: string;
  readonly replyTo: MessageRef | null;
}

/** How far an own message has come with one member. */
export interface MemberDelivery {
  readonly account: AccountRef;
  readonly state: Exclude<MessageState, 'received'>;
  /** Unix milliseconds by this device's clock when the first receipt came; null: none yet. */
  readonly deliveredAt: number | null;
  readonly readAt: number | null;
}

/** A conversation in the list: pinned ones first, then by activity, newest first. */
export type Conversation = ConversationFacts &
  (
    | {
        readonly kind: 'direct';
        /** The other account. */
        readonly contact: AccountRef;
      }
    | { readonly kind: 'group'; readonly state: GroupState }
  );

/** What direct and group conversations have in common. */
interface ConversationFacts extends ConversationSettings {
  readonly id: ConversationRef;
  /** The contact's name, or the group's. */
  readonly name: string;
  /** Received messages that `markRead` has not covered. */
  readonly unread: number;
  /** Seconds after which new messages disappear; null: they stay. */
  readonly timer: number | null;
  /** Last message in order; null: none yet. */
  readonly last: Message | null;
}

/** A found message. */
export interface SearchResult {
  readonly message: Message;
  /** Higher is better. */
  readonly score: number;
}
