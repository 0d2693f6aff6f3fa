import type { CryptoProvider } from '@sotto/crypto';
import { equalBytes } from '@sotto/wire';
import { AT, counterAt, hasReceived, keyAt, TAG_BLOCK, TAG_BYTES } from './state.ts';
import type { SessionState } from './state.ts';
import { splitTags, tagOf, tagRange } from './tags.ts';

/** Whether the peer used the tag that belongs to this number. `firstTags`: those of the chain that the message begins. */
export function isTagOf(
  provider: CryptoProvider,
  state: SessionState,
  firstTags: Uint8Array | null,
  number: number,
  tag: Uint8Array,
): boolean {
  if (firstTags !== null && number < 2 * TAG_BLOCK) return equalBytes(tagOf(firstTags, number), tag);
  const place = number % TAG_BLOCK;
  const received = counterAt(state, AT.received);
  if (firstTags === null && number - place === received - (received % TAG_BLOCK)) {
    return equalBytes(tagOf(state.subarray(AT.receivingBlock, AT.end), place), tag);
  }
  const key = keyAt(state, firstTags === null ? AT.receivingTag : AT.nextReceivingTag);
  return equalBytes(tagRange(provider, key, number, 1), tag);
}

/**
 * Tags that are expected next, and the receiving block in the record, which is changed in place. `firstTags`: those of
 * the receiving chain if they are at hand.
 */
export function refreshTags(provider: CryptoProvider, state: SessionState, firstTags: Uint8Array | null): Uint8Array[] {
  const received = counterAt(state, AT.received);
  const place = received % TAG_BLOCK;
  const tags =
    received < TAG_BLOCK && firstTags !== null
      ? firstTags
      : tagRange(provider, keyAt(state, AT.receivingTag), received - place, 2 * TAG_BLOCK);
  state.set(tags.subarray(0, TAG_BLOCK * TAG_BYTES), AT.receivingBlock);
  return splitTags(tags, place).concat(nextChainTags(provider, state));
}

function nextChainTags(provider: CryptoProvider, state: SessionState): Uint8Array[] {
  return splitTags(tagRange(provider, keyAt(state, AT.nextReceivingTag), 0, TAG_BLOCK));
}

/**
 * Tags by which messages of a session are recognised: the next 17 to 32 of the receiving chain, the first 16 of the one
 * after it. Messages beyond are found by trying the session itself. 8 bytes each.
 */
export function upcomingTags(provider: CryptoProvider, state: SessionState): Uint8Array[] {
  if (!hasReceived(state)) return nextChainTags(provider, state);
  return refreshTags(provider, state.slice() as SessionState, null);
}
