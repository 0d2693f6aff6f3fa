import type { CryptoProvider } from '@sotto/crypto';
import { tagRange } from '../double-ratchet/tags.ts';
import { TAG_BLOCK } from '../double-ratchet/state.ts';
import type { PairwiseComponents } from '../components.ts';
import { requireOwner, writeChain } from './chain-record.ts';
import type { OwnChain, SenderKeyOwner } from './chain-record.ts';
import { writeOwnState } from './chain-state.ts';
import { chainContext, headerKeys } from './kdf.ts';
import { CHAIN_BYTES, KEY_BYTES } from './limits.ts';

/** The two records of a sender key. `record` never changes; `state` is replaced with every message. */
export interface SenderKeyRecords {
  readonly record: Uint8Array;
  readonly state: Uint8Array;
}

/**
 * Makes an own sender key: a chain key, a header key and an Ed25519 key of its own. Nothing can be read by anybody
 * until `distributeSenderKey` has reached them. Throws `RatchetError` `parameters`.
 *
 * @param owner the own account and device, and the group
 * @param now Unix ms
 */
export function createSenderKey(
  { provider, keys }: PairwiseComponents,
  { owner, now }: { readonly owner: SenderKeyOwner; readonly now: number },
): SenderKeyRecords {
  requireOwner(owner);
  const signer = provider.generate('ed25519');
  using seed = signer.export();
  keys.put(signer);
  const chain = provider.random(CHAIN_BYTES);
  const headerSecret = provider.random(KEY_BYTES);
  const chainKey = provider.random(KEY_BYTES);
  const context = chainContext(provider, owner, chain, signer.publicKey);
  using derived = headerKeys(provider, headerSecret, context);
  const own: OwnChain = {
    ...owner,
    chain,
    createdAt: now,
    firstIndex: 0,
    context,
    headerKey: derived.reveal().subarray(0, KEY_BYTES),
    tagKey: derived.reveal().subarray(KEY_BYTES),
    signatureKey: signer.publicKey,
    headerSecret,
    seed: seed.reveal(),
  };
  const records = {
    record: writeChain(own),
    state: writeOwnState({ chain, next: 0, chainKey, tags: tagBlock(provider, own.tagKey, 0) }),
  };
  headerSecret.fill(0);
  chainKey.fill(0);
  return records;
}

/** Tags of the block of messages that `index` is in. */
export function tagBlock(provider: CryptoProvider, tagKey: Uint8Array, index: number): Uint8Array {
  return tagRange(provider, tagKey, index - (index % TAG_BLOCK), TAG_BLOCK);
}
