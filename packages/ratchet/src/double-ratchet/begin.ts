import type { PrivateKey, PublicKey } from '@sotto/crypto';
import type { PairwiseComponents } from '../components.ts';
import type { SessionSeed } from '../x3dh/agreement.ts';
import { tagKey } from './kdf.ts';
import { beginSending } from './ratchet.ts';
import { AT, emptySession, keyAt } from './state.ts';
import type { SessionOrigin, SessionState } from './state.ts';

/**
 * RatchetInitAliceHE: the initiator knows the responder's first ratchet key and can send at once. `ownKey` is given where
 * a handshake has announced it already; the cache takes it over.
 */
export function beginAsInitiator(
  components: PairwiseComponents,
  origin: Omit<SessionOrigin, 'role'>,
  seed: SessionSeed,
  peer: PublicKey<'x25519'>,
  ownKey?: PrivateKey<'x25519'>,
): SessionState {
  const state = emptySession({ ...origin, role: 'initiator' });
  state.set(seed.rootKey, AT.rootKey);
  state.set(peer.bytes, AT.peerPublic);
  state.set(seed.initiatorHeader, AT.sendingHeader);
  setNextReceiving(components, state, seed.responderHeader);
  beginSending(components, state, peer, ownKey);
  return state;
}

/**
 * RatchetInitBobHE: `ownKey` is the signed prekey. This state lives in memory only, until the first message opens: it
 * has no sending chain yet, and a session record without one is refused.
 */
export function beginAsResponder(
  components: PairwiseComponents,
  origin: Omit<SessionOrigin, 'role'>,
  seed: SessionSeed,
  ownKey: { readonly public: Uint8Array; readonly private: Uint8Array },
): SessionState {
  const state = emptySession({ ...origin, role: 'responder' });
  state.set(seed.rootKey, AT.rootKey);
  state.set(ownKey.public, AT.ownPublic);
  state.set(ownKey.private, AT.ownPrivate);
  state.set(seed.responderHeader, AT.nextSendingHeader);
  setNextReceiving(components, state, seed.initiatorHeader);
  return state;
}

function setNextReceiving({ provider }: PairwiseComponents, state: SessionState, headerKey: Uint8Array): void {
  state.set(headerKey, AT.nextReceivingHeader);
  using tags = tagKey(provider, keyAt(state, AT.nextReceivingHeader));
  state.set(tags.reveal(), AT.nextReceivingTag);
}
