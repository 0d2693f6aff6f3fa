import { CryptoError } from '@sotto/crypto';
import type { CryptoProvider, Secret } from '@sotto/crypto';
import { equalBytes, suiteSatisfies } from '@sotto/wire';
import type { Envelope } from '@sotto/wire';
import type { PairwiseComponents } from '../components.ts';
import { beginAsResponder } from '../double-ratchet/begin.ts';
import { openMessage } from '../double-ratchet/open.ts';
import type { TagChange } from '../double-ratchet/open.ts';
import type { SkippedChange } from '../double-ratchet/skipped.ts';
import { unpadded } from '../double-ratchet/unpadded.ts';
import { RatchetError } from '../error.ts';
import type { KeyCache } from '../key-cache.ts';
import { readPrekeyRecord } from '../prekeys/record.ts';
import type { PrivatePrekey } from '../prekeys/record.ts';
import { deriveSeed } from './agreement.ts';
import type { InitialMessage } from './initial.ts';
import type { LocalDevice, RemoteDevice } from './parties.ts';
import { isFuture } from './simultaneous.ts';
import { sessionAssociated } from './transcript.ts';

export interface AcceptRequest {
  readonly initial: InitialMessage;
  readonly envelope: Envelope;
  readonly own: LocalDevice;
  /** The sender as its chain certifies it at `initial.senderHead`. */
  readonly peer: RemoteDevice;
  /** Records of the prekeys that `initial.prekeys` names; null where there is none (any more). */
  readonly prekeys: {
    readonly signed: Uint8Array | null;
    readonly oneTime: Uint8Array | null;
    readonly kem: Uint8Array | null;
  };
  /** Unix ms */
  readonly now: number;
}

export type AcceptRefusal =
  /** A prekey it was made for does not exist any more: used, or too old. */
  | 'prekey-gone'
  /** Without the post-quantum part, which one of the two certificates demands. */
  | 'suite'
  /** Meant for another account, or its sender is not who was looked up. */
  | 'wrong-party'
  /** Started more than a day in the future. */
  | 'future'
  /** Not sealed by the claimed sender to this device, or damaged. */
  | 'damaged';

export type AcceptResult =
  | {
      readonly kind: 'accepted';
      readonly content: Uint8Array;
      /** The session record; secret. */
      readonly session: Uint8Array;
      readonly skipped: readonly SkippedChange[];
      readonly tags: TagChange;
      /** Ids of one-time prekeys that are used up: delete their records in the same transaction. */
      readonly spent: readonly number[];
      /** Keep `initial.hash` until then (Unix seconds), and accept no message with a hash that is kept. */
      readonly replayUntil: number;
    }
  | { readonly kind: 'refused'; readonly reason: AcceptRefusal };

const refused = (reason: AcceptRefusal): AcceptResult => ({ kind: 'refused', reason });

/**
 * Completes a session from its first message and decrypts that. The caller has seen that no session and no kept replay
 * mark has this hash. Throws `RatchetError` for records that do not fit.
 */
export function acceptInitial(components: PairwiseComponents, request: AcceptRequest): AcceptResult {
  const { provider } = components;
  const { initial, envelope, own, peer, now } = request;
  const parties =
    equalBytes(initial.senderDevice, peer.device) &&
    equalBytes(initial.senderHead.account, peer.head.account) &&
    equalBytes(initial.recipientHead.account, own.head.account);
  if (!parties) return refused('wrong-party');
  const suite = initial.suite;
  if (!suiteSatisfies(suite, own.minimumSuite) || !suiteSatisfies(suite, peer.minimumSuite)) return refused('suite');
  if (isFuture(initial.startedAt, now)) return refused('future');
  const prekeys = usedPrekeys(request);
  if (prekeys === null) return refused('prekey-gone');

  const agreed = agree(components, request, prekeys);
  if (agreed === null) return refused('damaged');
  using seed = deriveSeed(provider, agreed.secrets, agreed.associated);
  const origin = { suite, startedAt: initial.startedAt, hash: initial.hash, associated: agreed.associated };
  const ownKey = { public: prekeys.signed.name, private: prekeys.signed.bytes };
  const before = beginAsResponder(components, origin, seed, ownKey);
  const opened = openMessage(components, before, initial.message, envelope.header, new Map(), now);
  before.fill(0);
  if (opened.kind !== 'opened') return refused('damaged');
  const content = unpadded(opened.plaintext);
  if (content === null) {
    opened.state.fill(0);
    return refused('damaged');
  }
  const used = [prekeys.oneTime, prekeys.kem].filter((prekey) => prekey !== null);
  return {
    kind: 'accepted',
    content,
    session: opened.state,
    skipped: opened.skipped,
    tags: opened.tags,
    spent: used.filter(({ kind }) => kind === 'one-time' || kind === 'one-time-kem').map(({ id }) => id),
    replayUntil: Math.max(prekeys.signed.keptUntil, ...used.map(({ keptUntil }) => keptUntil)),
  };
}

interface Used {
  readonly signed: PrivatePrekey;
  readonly oneTime: PrivatePrekey | null;
  readonly kem: PrivatePrekey | null;
}

/** The prekeys by name; null when one is missing or should have been deleted. */
function usedPrekeys({ initial, prekeys, now }: AcceptRequest): Used | null {
  const read = (
    record: Uint8Array | null,
    id: number,
    kinds: readonly PrivatePrekey['kind'][],
  ): PrivatePrekey | null => {
    if (record === null) return null;
    const prekey = readPrekeyRecord(record);
    if (prekey.id !== id) throw new RatchetError('parameters', 'a prekey record of another id');
    // The sender named a key of another kind by this id.
    return kinds.includes(prekey.kind) && prekey.keptUntil * 1000 > now ? prekey : null;
  };
  const ids = initial.prekeys;
  const signed = read(prekeys.signed, ids.signed, ['signed']);
  const oneTime = ids.oneTime === null ? null : read(prekeys.oneTime, ids.oneTime, ['one-time']);
  const kem = ids.kem === null ? null : read(prekeys.kem, ids.kem, ['one-time-kem', 'last-resort-kem']);
  if (signed === null || (ids.oneTime !== null && oneTime === null) || (ids.kem !== null && kem === null)) return null;
  return { signed, oneTime, kem };
}

/** The responder's side of `startSession`'s key agreement; null for public keys that no honest sender has. */
function agree(
  { provider, keys }: PairwiseComponents,
  { initial, own, peer }: AcceptRequest,
  prekeys: Used,
): { readonly secrets: readonly Secret[]; readonly associated: Uint8Array } | null {
  const secrets: Secret[] = [];
  try {
    const ephemeral = provider.importPublic('x25519', initial.ephemeral);
    const signed = keys.get('x25519', prekeys.signed.name, prekeys.signed.bytes);
    secrets.push(
      provider.dh(signed, peer.x25519),
      provider.dh(own.identityKey, ephemeral),
      provider.dh(signed, ephemeral),
    );
    if (prekeys.oneTime !== null) {
      using oneTime = provider.importPrivate('x25519', prekeys.oneTime.bytes);
      secrets.push(provider.dh(oneTime, ephemeral));
    }
    if (prekeys.kem !== null) secrets.push(openKem(provider, keys, prekeys.kem, initial.kemCiphertext));
    // The name of a KEM prekey is the hash of its public half.
    const associated = sessionAssociated(provider, initial.hash, peer, own, prekeys.kem?.name ?? null);
    return { secrets, associated };
  } catch (error) {
    for (const secret of secrets) secret.dispose();
    if (error instanceof CryptoError && error.code === 'low_order') return null;
    throw error;
  }
}

/** A last-resort key may serve again, so it stays imported; a one-time key goes with its use. */
function openKem(provider: CryptoProvider, keys: KeyCache, prekey: PrivatePrekey, ciphertext: Uint8Array): Secret {
  if (prekey.kind === 'last-resort-kem') {
    return provider.decapsulate(keys.get('ml-kem-768', prekey.name, prekey.bytes), ciphertext);
  }
  using key = provider.importPrivate('ml-kem-768', prekey.bytes);
  return provider.decapsulate(key, ciphertext);
}
