import { equalBytes } from '@sotto/wire';
import { stateAt } from './replay.ts';
import type { AccountView, Position } from './view.ts';

/**
 * How an offered history relates to the position a contact has pinned (the highest it ever saw).
 * `behind`: shorter than what was seen; an old copy, or somebody holding back a revocation. `fork`: it contradicts what
 * was seen; `explained` says whether it holds the pinned statement and a sibling made that void.
 */
export type PinComparison =
  | { readonly kind: 'same' | 'ahead' | 'behind' }
  | { readonly kind: 'fork'; readonly explained: boolean };

/** Compares a replayed history with the pinned position. */
export function comparePin(pinned: Position, offered: AccountView): PinComparison {
  if (equalBytes(pinned.hash, offered.head.hash)) return { kind: 'same' };
  const lookup = stateAt(offered, pinned);
  if (lookup.kind === 'known') return { kind: 'ahead' };
  if (lookup.kind === 'ahead') return { kind: 'behind' };
  return { kind: 'fork', explained: lookup.kind === 'void' };
}

/**
 * Compares two claimed positions without any statements: `ahead` is only a claim until the statements between are
 * replayed and `comparePin` agrees.
 */
export function compareHeads(pinned: Position, offered: Position): 'same' | 'ahead' | 'behind' | 'fork' {
  if (offered.sequence > pinned.sequence) return 'ahead';
  if (offered.sequence < pinned.sequence) return 'behind';
  return equalBytes(pinned.hash, offered.hash) ? 'same' : 'fork';
}
