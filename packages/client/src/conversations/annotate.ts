import { equalBytes } from '@sotto/wire';
import type { AccountId } from '@sotto/wire';
import { comparePlaces } from './order.ts';
import type { Place } from './order.ts';

/** What edits, deletions and reactions have made of a message. */
export interface Annotations {
  readonly deleted: boolean;
  readonly edit: (Place & { readonly body: string }) | null;
  /** The latest of each account; an empty emoji is a reaction taken back. */
  readonly reactions: readonly PlacedReaction[];
}

interface PlacedReaction extends Place {
  readonly account: AccountId;
  readonly emoji: string;
}

export type Annotation = Place & { readonly account: AccountId } & (
    | { readonly kind: 'edit'; readonly body: string }
    | { readonly kind: 'delete' }
    | { readonly kind: 'reaction'; readonly emoji: string }
  );

export const noAnnotations: Annotations = { deleted: false, edit: null, reactions: [] };

/**
 * A message after one more annotation. Edits and deletions count only from the message's author. The latest by order
 * wins and a deletion is final, so the result is the same in whatever sequence annotations arrive. Null: no change.
 */
export function annotate(message: Annotations, author: AccountId, annotation: Annotation): Annotations | null {
  if (message.deleted) return null;
  const byAuthor = equalBytes(author, annotation.account);
  if (annotation.kind === 'reaction') return react(message, annotation);
  if (!byAuthor) return null;
  if (annotation.kind === 'delete') return { deleted: true, edit: null, reactions: [] };
  if (message.edit !== null && comparePlaces(message.edit, annotation) >= 0) return null;
  const { height, id, body } = annotation;
  return { ...message, edit: { height, id, body } };
}

function react(message: Annotations, { account, height, id, emoji }: PlacedReaction): Annotations | null {
  const before = message.reactions.find((reaction) => equalBytes(reaction.account, account));
  if (before !== undefined && comparePlaces(before, { height, id }) >= 0) return null;
  const others = message.reactions.filter((reaction) => reaction !== before);
  const reactions = [...others, { account, height, id, emoji }].toSorted(comparePlaces);
  return { ...message, reactions };
}
