import type { GroupNotice, GroupState } from '../groups/types.ts';
import type { AccountRef, ConversationRef, DeviceRef, MessageRef } from '../refs.ts';
import type { ReasonCode } from '../trail/reasons.ts';

/** What can be sent. A plain string is a text. */
export type Outgoing =
  | string
  | { readonly kind: 'text'; readonly text: string; readonly replyTo?: MessageRef }
  /** An empty emoji takes one's own reaction back. */
  | { readonly kind: 'reaction'; readonly message: MessageRef; readonly emoji: string }
  /** A new text for an own message. */
  | { readonly kind: 'edit'; readonly message: MessageRef; readonly text: string }
  /** Takes an own message back. */
  | { readonly kind: 'delete'; readonly message: MessageRef };

/** What a message shows. */
export type MessageBody =
  | { readonly kind: 'text'; readonly text: string; readonly replyTo: MessageRef | null; readonly edited: boolean }
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
  /** A change of the group, in its place. */
  | { readonly kind: 'notice'; readonly notice: GroupNotice };

/** A page of history, oldest first. */
export interface HistoryPage {
  readonly entries: readonly HistoryEntry[];
  /** Pass as `before` to get the page above; null: this is the beginning. */
  readonly before: HistoryCursor | null;
}

/** A place in a conversation's order. Opaque; may be kept as long as the messenger is open. */
export type HistoryCursor = number & { readonly historyCursor: never };

/** A conversation in the list, newest activity first. */
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
export interface ConversationFacts {
  readonly id: ConversationRef;
  /** The contact's name, or the group's. */
  readonly name: string;
  /** Received messages that `markRead` has not covered. */
  readonly unread: number;
  /** Last message in order; null: none yet. */
  readonly last: Message | null;
}

/** A found message. */
export interface SearchResult {
  readonly message: Message;
  /** Higher is better. */
  readonly score: number;
}
