import type { PrivateKey, PublicKey } from '@sotto/crypto';
import { equalBytes, SUITE_PQXDH } from '@sotto/wire';
import type { ChainHead } from '@sotto/wire';
import type { PairwiseComponents } from '../components.ts';
import { beginAsInitiator, beginAsResponder } from '../double-ratchet/begin.ts';
import { refreshTags } from '../double-ratchet/expected-tags.ts';
import { ratchetStep } from '../double-ratchet/ratchet.ts';
import type { SessionState } from '../double-ratchet/state.ts';
import { RatchetError } from '../error.ts';
import type { LocalDevice, RemoteDevice } from '../x3dh/parties.ts';
import { isFuture } from '../x3dh/simultaneous.ts';
import { readNoise, writeNoise } from './handshake.ts';
import type { NoiseComplete, NoiseHandshake, NoiseReading } from './handshake.ts';
import { decodeAnswer, decodeHello, encodeAnswer, encodeHello } from './live-payload.ts';
import type { Heads } from './live-payload.ts';
import { livePrologue } from './live-prologue.ts';
import { seedFromNoise } from './seed.ts';
import { initiateNoise, respondNoise } from './sotto.ts';

/** The two devices of a live session; the callers have verified their chains. */
export interface LiveParties {
  readonly own: LocalDevice;
  readonly peer: RemoteDevice;
}

/** A session that a handshake between two present peers began. Both sides can send at once. */
export interface LiveSession {
  /** The handshake hash: names the session on both sides, and is the associated data of every message. 32 bytes. */
  readonly hash: Uint8Array;
  /** The session record; secret. */
  readonly session: Uint8Array;
  /** Tags by which the first messages will be recognised. */
  readonly tags: readonly Uint8Array[];
  /** The peer's own chain head, authenticated: newer than the one known means that statements are missing. */
  readonly peerHead: ChainHead;
  /** This device's chain head as the peer knows it. */
  readonly ownHeadAtPeer: ChainHead;
}

/** An initiator that waits for the answer. Dispose of it when none comes. */
export interface PendingLiveSession extends Disposable {
  readonly kind: 'awaiting-answer';
}

interface Pending {
  readonly parties: LiveParties;
  readonly noise: NoiseReading;
  readonly kemKey: PrivateKey<'ml-kem-768'>;
  readonly ratchetKey: PrivateKey<'x25519'>;
  readonly startedAt: number;
}

const pendings = new WeakMap<PendingLiveSession, Pending>();

/**
 * Begins a session with a peer that is there now, without any server: Noise IK to its identity key, an ML-KEM-768
 * exchange and the first Double Ratchet keys in the payloads (R-PAIR-3). Throws `RatchetError` `bad_key` when the
 * peer's identity key is none.
 *
 * @param now Unix ms
 */
export function startLiveSession(
  { provider }: PairwiseComponents,
  { own, peer, now }: LiveParties & { readonly now: number },
): { readonly message: Uint8Array; readonly pending: PendingLiveSession } {
  using writing = initiateNoise({
    provider,
    pattern: 'IK',
    prologue: livePrologue(own, peer),
    own: own.identityKey,
    peer: peer.x25519,
  });
  const kemKey = provider.generate('ml-kem-768');
  const ratchetKey = provider.generate('x25519');
  const startedAt = Math.floor(now / 1000);
  const heads = { own: own.head, peer: peer.head };
  const { message, next } = writeNoise(
    writing,
    encodeHello({ heads, startedAt, kemKey: kemKey.publicKey, ratchetKey: ratchetKey.publicKey }),
  );
  const pending: PendingLiveSession = {
    kind: 'awaiting-answer',
    [Symbol.dispose]() {
      pendings.delete(pending);
      next[Symbol.dispose]();
      kemKey[Symbol.dispose]();
      ratchetKey[Symbol.dispose]();
    },
  };
  pendings.set(pending, { parties: { own, peer }, noise: reading(next), kemKey, ratchetKey, startedAt });
  return { message, pending };
}

export interface AcceptedLiveSession extends LiveSession {
  readonly reply: Uint8Array;
  /** Unix seconds by the initiator's clock. */
  readonly startedAt: number;
}

/**
 * Answers a peer's first message. The session is the peer's only once a message of the peer has opened with it: until
 * then the first message may have been a recorded one, so keep the record in memory and store it with that message.
 * Throws `RatchetError`: `not_authentic` (not from this peer, or not to this device), `future`, `malformed`,
 * `unsupported`, `bad_key`, `too_long`.
 *
 * @param now Unix ms
 */
export function acceptLiveSession(
  components: PairwiseComponents,
  { own, peer, message, now }: LiveParties & { readonly message: Uint8Array; readonly now: number },
): AcceptedLiveSession {
  const { provider, keys } = components;
  using begun = respondNoise({ provider, pattern: 'IK', prologue: livePrologue(peer, own), own: own.identityKey });
  const { payload, next } = readNoise(begun, message);
  using writing = next;
  requirePeer(writing, peer);
  const hello = decodeHello(payload);
  requireHeads(hello.heads, { own, peer });
  if (isFuture(hello.startedAt, now)) throw new RatchetError('future', 'a session that is to start in the future');
  const peerRatchet = importRatchetKey(components, hello.ratchetKey);
  const kem = provider.encapsulate(importKemKey(components, hello.kemKey));
  using kemSecret = kem.sharedSecret;

  const ratchetKey = provider.generate('x25519');
  const nextRatchetKey = provider.generate('x25519');
  const written = writeNoise(
    writing,
    encodeAnswer({
      heads: { own: own.head, peer: peer.head },
      kemCiphertext: kem.ciphertext,
      ratchetKey: ratchetKey.publicKey,
      nextRatchetKey: nextRatchetKey.publicKey,
    }),
  );
  const complete = completed(written.next);
  using seed = seedFromNoise(provider, complete, kemSecret);
  using ratchetSecret = ratchetKey.export();
  const origin = originOf(complete, hello.startedAt);
  const before = beginAsResponder(components, origin, seed, {
    public: ratchetKey.publicKey,
    private: ratchetSecret.reveal(),
  });
  keys.put(ratchetKey);
  // The initiator's key is known already, so the turn that its first message would bring is made now.
  ratchetStep(components, before, peerRatchet, nextRatchetKey);
  keys.forget('x25519', ratchetKey.publicKey);
  return {
    ...liveSession(components, before, complete, hello.heads),
    reply: written.message,
    startedAt: hello.startedAt,
  };
}

/**
 * Completes `startLiveSession`. `pending` is used up by an authentic answer; after `not_authentic` it still waits for
 * the right one. Throws `RatchetError`: `wrong_state`, `not_authentic`, `malformed`, `unsupported`, `bad_key`, `too_long`.
 */
export function completeLiveSession(
  components: PairwiseComponents,
  { pending, reply }: { readonly pending: PendingLiveSession; readonly reply: Uint8Array },
): LiveSession {
  const inner = pendings.get(pending);
  if (inner === undefined) throw new RatchetError('wrong_state', 'this live session was completed or given up');
  const { provider, keys } = components;
  const { payload, next } = readNoise(inner.noise, reply);
  using complete = completed(next);
  using _pending = pending;
  const answer = decodeAnswer(payload);
  requireHeads(answer.heads, inner.parties);
  const peerRatchet = importRatchetKey(components, answer.ratchetKey);
  const peerNextRatchet = importRatchetKey(components, answer.nextRatchetKey);
  using kemSecret = provider.decapsulate(inner.kemKey, answer.kemCiphertext);
  using seed = seedFromNoise(provider, complete, kemSecret);
  const { ratchetKey } = inner;
  const state = beginAsInitiator(components, originOf(complete, inner.startedAt), seed, peerRatchet, ratchetKey);
  ratchetStep(components, state, peerNextRatchet);
  keys.forget('x25519', ratchetKey.publicKey);
  return liveSession(components, state, complete, answer.heads);
}

/** An envelope of such a session is one of suite 1: how the session began is nobody's business. */
function originOf({ handshakeHash }: NoiseComplete, startedAt: number) {
  return { suite: SUITE_PQXDH, startedAt, hash: handshakeHash, associated: handshakeHash } as const;
}

function liveSession(
  { provider }: PairwiseComponents,
  session: SessionState,
  { handshakeHash }: NoiseComplete,
  heads: Heads,
): LiveSession {
  const tags = refreshTags(provider, session, null);
  return { hash: handshakeHash.slice(), session, tags, peerHead: heads.peer, ownHeadAtPeer: heads.own };
}

/** The prologue says whose key it must be; this holds even if the two ever disagreed. */
function requirePeer({ peer: key }: NoiseHandshake, peer: RemoteDevice): void {
  if (key === null || !equalBytes(key, peer.x25519)) throw new RatchetError('not_authentic', 'not the expected peer');
}

function requireHeads(heads: Heads, { own, peer }: LiveParties): void {
  const fit = equalBytes(heads.own.account, own.head.account) && equalBytes(heads.peer.account, peer.head.account);
  if (!fit) throw new RatchetError('malformed', 'chain heads of other accounts');
}

function importRatchetKey({ provider }: PairwiseComponents, bytes: Uint8Array): PublicKey<'x25519'> {
  return usable(() => provider.importPublic('x25519', bytes));
}

function importKemKey({ provider }: PairwiseComponents, bytes: Uint8Array): PublicKey<'ml-kem-768'> {
  return usable(() => provider.importPublic('ml-kem-768', bytes));
}

function usable<T>(importKey: () => T): T {
  try {
    return importKey();
  } catch (cause) {
    throw new RatchetError('bad_key', 'a key of the peer is not usable', { cause });
  }
}

function reading(state: NoiseHandshake): NoiseReading {
  if (state.kind !== 'reading') throw new RatchetError('wrong_state', 'IK goes on with the answer');
  return state;
}

function completed(state: NoiseHandshake): NoiseComplete {
  if (state.kind !== 'complete') throw new RatchetError('wrong_state', 'IK ends with the answer');
  return state;
}
