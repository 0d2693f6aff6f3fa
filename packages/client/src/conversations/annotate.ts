import { equalBytes } from '@sotto/wire';
import type { AccountId, Mention } from '@sotto/wire';
import { comparePlaces } from './order.ts';
import type { Place } from './order.ts';

/** What edits, deletions, reactions and pins have made of a message. */
export interface Annotations {
  readonly deleted: boolean;
  readonly edit: (Place & EditedText) | null;
  /** The latest of each account; an empty emoji is a reaction taken back. */
  readonly reactions: readonly PlacedReaction[];
  /** The latest word on whether it is pinned; null: it never was. */
  readonly pin: PlacedPin | null;
}

interface EditedText {
  readonly body: string;
  readonly mentions: readonly Mention[];
}

interface PlacedPin extends Place {
  readonly account: AccountId;
  readonly pinned: boolean;
}

interface PlacedReaction extends Place {
  readonly account: AccountId;
  readonly emoji: string;
}

export type Annotation = Place & { readonly account: AccountId } & (
    | ({ readonly kind: 'edit' } & EditedText)
    | { readonly kind: 'delete' }
    | { readonly kind: 'reaction'; readonly emoji: string }
    | { readonly kind: 'pin'; readonly pinned: boolean }
  );

export const noAnnotations: Annotations = { deleted: false, edit: null, reactions: [], pin: null };

/**
 * A message after one more annotation. Edits and deletions count only from the message's author. The latest by order
 * wins and a deletion is final, so the result is the same in whatever sequence annotations arrive. Null: no change.
 */
export function annotate(message: Annotations, author: AccountId, annotation: Annotation): Annotations | null {
  if (message.deleted) return null;
  const byAuthor = equalBytes(author, annotation.account);
  if (annotation.kind === 'reaction') return react(message, annotation);
  if (annotation.kind === 'pin') return pin(message, annotation);
  if (!byAuthor) return null;
  if (annotation.kind === 'delete') return { deleted: true, edit: null, reactions: [], pin: null };
  if (message.edit !== null && comparePlaces(message.edit, annotation) >= 0) return null;
  const { height, id, body, mentions } = annotation;
  return { ...message, edit: { height, id, body, mentions } };
}

function pin(message: Annotations, { account, height, id, pinned }: PlacedPin): Annotations | null {
  if (message.pin !== null && comparePlaces(message.pin, { height, id }) >= 0) return null;
  return { ...message, pin: { account, height, id, pinned } };
}

function react(message: Annotations, { account, height, id, emoji }: PlacedReaction): Annotations | null {
  const before = message.reactions.find((reaction) => equalBytes(reaction.account, account));
  if (before !== undefined && comparePlaces(before, { height, id }) >= 0) return null;
  const others = message.reactions.filter((reaction) => reaction !== before);
  const reactions = [...others, { account, height, id, emoji }].toSorted(comparePlaces);
  return { ...message, reactions };
}
