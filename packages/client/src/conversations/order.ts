import { compareBytes, MAX_HEIGHT, MAX_PARENTS } from '@sotto/wire';
import type { MessageId } from '@sotto/wire';

/** A message's place in its conversation. */
export interface Place {
  /** From 1; greater than that of every parent. */
  readonly height: number;
  readonly id: MessageId;
}

/** The order of a conversation: height, then id. Children come after their parents; all devices agree. */
export function comparePlaces(a: Place, b: Place): number {
  return a.height - b.height || compareBytes(a.id, b.id);
}

/** Height of a message that comes after `ends`. */
export function heightAfter(ends: readonly Place[]): number {
  let highest = 0;
  for (const end of ends) highest = Math.max(highest, end.height);
  return Math.min(highest + 1, MAX_HEIGHT);
}

/** The parents that a message after `ends` names: the highest, so that its height follows from them. */
export function parentsAfter(ends: readonly Place[]): Place[] {
  return ends.toSorted((a, b) => comparePlaces(b, a)).slice(0, MAX_PARENTS);
}

export interface HeightClaim {
  readonly claimed: number;
  /** Heights of the parents that are here. */
  readonly parents: readonly number[];
  /** Parents that are not here. */
  readonly missing: number;
  /** The highest place in the conversation so far; 0: none, and then everything is new to this device. */
  readonly highest: number;
}

/** More messages than can have been missed. What a lying author gains with one message is bounded by it. */
export const MOST_AHEAD = 2 ** 20;

/**
 * The height a message takes here. For honest authors it is the claimed one, whatever has arrived and in whatever
 * sequence; a false claim never puts a message before a parent that is here, and never far beyond everything known.
 */
export function heightTaken(claim: HeightClaim): number {
  const least = Math.min(1 + Math.max(0, ...claim.parents), MAX_HEIGHT);
  if (claim.missing === 0) return least;
  const most = claim.highest === 0 ? MAX_HEIGHT : Math.min(claim.highest + MOST_AHEAD, MAX_HEIGHT);
  return Math.max(least, Math.min(claim.claimed, most));
}

/** Bits of the id in an ordinal: 33 bits of height and these make a safe integer. */
const ID_BITS = 20;

/** The ordinal a message has unless another one with (nearly) the same place is there. */
export function ordinalOf(place: Place): number {
  const [a = 0, b = 0, c = 0] = place.id;
  return place.height * 2 ** ID_BITS + ((a << 12) | (b << 4) | (c >> 4));
}

/**
 * Distinct ordinals from `first` on for places in each other's way, in order, each as near to its own as those before
 * it allow. The result depends on the set only.
 */
export function settleOrdinals(
  places: readonly Place[],
  first = 0,
): { readonly place: Place; readonly ordinal: number }[] {
  let last = first - 1;
  return places.toSorted(comparePlaces).map((place) => {
    last = Math.max(ordinalOf(place), last + 1);
    return { place, ordinal: last };
  });
}
