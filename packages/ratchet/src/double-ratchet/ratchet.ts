import type { PrivateKey, PublicKey } from '@sotto/crypto';
import type { PairwiseComponents } from '../components.ts';
import { rootStep, tagKey } from './kdf.ts';
import { AT, counterAt, keyAt, markReceived, setCounter } from './state.ts';
import type { SessionState } from './state.ts';

/**
 * DHRatchetHE, in place: the peer's new ratchet key begins a receiving chain, and a fresh own one a sending chain.
 * `fresh` is given where a handshake has announced it already; the cache takes it over.
 */
export function ratchetStep(
  components: PairwiseComponents,
  state: SessionState,
  peer: PublicKey<'x25519'>,
  fresh?: PrivateKey<'x25519'>,
): void {
  const { provider, keys } = components;
  const own = keys.get('x25519', keyAt(state, AT.ownPublic), keyAt(state, AT.ownPrivate));
  setCounter(state, AT.previous, counterAt(state, AT.sent));
  setCounter(state, AT.sent, 0);
  setCounter(state, AT.received, 0);
  state.set(keyAt(state, AT.nextSendingHeader), AT.sendingHeader);
  state.set(keyAt(state, AT.nextReceivingHeader), AT.receivingHeader);
  state.set(keyAt(state, AT.nextReceivingTag), AT.receivingTag);
  state.set(peer.bytes, AT.peerPublic);
  {
    using agreed = provider.dh(own, peer);
    using step = rootStep(provider, keyAt(state, AT.rootKey), agreed);
    const secret = step.reveal();
    state.set(secret.subarray(0, 32), AT.rootKey);
    state.set(secret.subarray(32, 64), AT.receivingChain);
    state.set(secret.subarray(64), AT.nextReceivingHeader);
    using tags = tagKey(provider, keyAt(state, AT.nextReceivingHeader));
    state.set(tags.reveal(), AT.nextReceivingTag);
  }
  markReceived(state);
  beginSending(components, state, peer, fresh);
}

/** A fresh ratchet key and the sending chain it begins; header and tag key of that chain follow from the header key. */
export function beginSending(
  { provider, keys }: PairwiseComponents,
  state: SessionState,
  peer: PublicKey<'x25519'>,
  fresh: PrivateKey<'x25519'> = provider.generate('x25519'),
): void {
  using raw = fresh.export();
  state.set(raw.reveal(), AT.ownPrivate);
  state.set(fresh.publicKey, AT.ownPublic);
  using agreed = provider.dh(fresh, peer);
  using step = rootStep(provider, keyAt(state, AT.rootKey), agreed);
  const secret = step.reveal();
  state.set(secret.subarray(0, 32), AT.rootKey);
  state.set(secret.subarray(32, 64), AT.sendingChain);
  state.set(secret.subarray(64), AT.nextSendingHeader);
  using tags = tagKey(provider, keyAt(state, AT.sendingHeader));
  state.set(tags.reveal(), AT.sendingTag);
  keys.put(fresh);
}
