import { equalBytes } from '@sotto/wire';
import type { MessageId } from '@sotto/wire';
import { comparePlaces } from './order.ts';
import type { Place } from './order.ts';

/** What a conversation remembers to find gaps and to name parents. */
export interface Ends {
  /** Messages here that no message here names as a parent. */
  readonly ends: readonly Place[];
  /** Parents that were named and are not here, oldest first; the oldest are forgotten beyond `MOST_MISSING`. */
  readonly missing: readonly MessageId[];
}

/** More than ever get lost at once; a malicious author cannot make the row grow. */
const MOST_MISSING = 256;
/** Ends beyond these are dropped, lowest first: nobody could name them as parents. */
const MOST_ENDS = 64;

export interface Arrival {
  readonly place: Place;
  readonly parents: readonly MessageId[];
  /** Those of `parents` that are not here. */
  readonly missing: readonly MessageId[];
}

/** The ends after one more message is here. Messages may come in any order; the result depends on the set only. */
export function endsAfter(before: Ends, arrival: Arrival): Ends {
  const { place, parents } = arrival;
  const isNamed = before.missing.some((id) => equalBytes(id, place.id));
  const ends = before.ends.filter(
    (end) => !equalBytes(end.id, place.id) && !parents.some((parent) => equalBytes(parent, end.id)),
  );
  const missing = before.missing.filter((id) => !equalBytes(id, place.id));
  for (const id of arrival.missing) if (!missing.some((known) => equalBytes(known, id))) missing.push(id);
  return {
    ends: (isNamed ? ends : [...ends, place]).toSorted(comparePlaces).slice(-MOST_ENDS),
    missing: missing.slice(-MOST_MISSING),
  };
}
