import type { PairwiseComponents } from '../components.ts';
import { splitTags, tagRange } from '../double-ratchet/tags.ts';
import { readPeerChain, requireSameChain } from './chain-record.ts';
import { readPeerState } from './chain-state.ts';
import type { SenderKeyRecords } from './create.ts';
import { END_INDEX } from './limits.ts';

/** By which a message will be recognised: the first 8 bytes of it. */
export interface SenderKeyTag {
  readonly index: number;
  readonly tag: Uint8Array;
}

/**
 * Tags of the next `ahead` messages of another sender, and of those that are missing. To be held in memory only, in a
 * map from tag to record: it finds a message's chain in O(1) without any visible name. To be asked for again after a
 * message that skipped others, and before `ahead` messages have come.
 * Throws `RatchetError`: `parameters`, `malformed` or `unsupported`.
 */
export function senderKeyTags(
  { provider }: Pick<PairwiseComponents, 'provider'>,
  { record, state, ahead }: SenderKeyRecords & { readonly ahead: number },
): SenderKeyTag[] {
  const { chain, tagKey } = readPeerChain(record);
  const { chain: name, next, skipped } = readPeerState(state);
  requireSameChain(chain, name);
  const count = Math.min(ahead, END_INDEX - next);
  const expected = splitTags(tagRange(provider, tagKey, next, count)).map((tag, i) => ({ index: next + i, tag }));
  const missing = skipped.flatMap((run) =>
    splitTags(tagRange(provider, tagKey, run.first, run.count)).map((tag, i) => ({ index: run.first + i, tag })),
  );
  return [...missing, ...expected];
}
