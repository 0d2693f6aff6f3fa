import { CryptoError } from '@sotto/crypto';
import type { CryptoProvider, PublicKey, Secret } from '@sotto/crypto';
import { equalBytes } from '@sotto/wire';
import type { PairwiseComponents } from '../components.ts';
import { isTagOf, refreshTags } from './expected-tags.ts';
import { decodeHeader } from './header.ts';
import type { Header } from './header.ts';
import { bodyKey, chainStep, headerKey } from './kdf.ts';
import { ratchetStep } from './ratchet.ts';
import { associatedData, HEAD_BYTES, MESSAGE_OVERHEAD, SALT_BYTES } from './seal.ts';
import { addSkipped, dropOldSkipped, findSkipped } from './skipped.ts';
import type { SkippedChange, SkippedTag } from './skipped.ts';
import {
  AT,
  counterAt,
  hasReceived,
  isInitiator,
  keyAt,
  liveSlots,
  MAX_SKIPPED,
  setCounter,
  slotOf,
  TAG_BLOCK,
  TAG_BYTES,
} from './state.ts';
import type { SessionState } from './state.ts';
import { tagOf, tagRange } from './tags.ts';

const HEADER_AT = TAG_BYTES + SALT_BYTES;
/** Numbers end below the last u32 (see `sealMessage`); ordinals of skipped keys do too. */
const LAST_ORDINAL = 0xffff_ffff - MAX_SKIPPED;

/** How the tags of a session changed with a message. */
export interface TagChange {
  /** All tags of messages to come, in place of those before; null when they are the same but for the used one. */
  readonly upcoming: readonly Uint8Array[] | null;
  /** Messages that were skipped; their tags stay valid, at a slot from now on. */
  readonly skipped: readonly SkippedTag[];
  /** The tag of this message; it will not be used again. */
  readonly used: Uint8Array;
}

export type OpenedMessage =
  | {
      readonly kind: 'opened';
      readonly state: SessionState;
      /** Still padded. */
      readonly plaintext: Uint8Array;
      readonly skipped: readonly SkippedChange[];
      readonly tags: TagChange;
    }
  /** Records of these slots are needed to tell; pass each, null where there is none. */
  | { readonly kind: 'need-skipped'; readonly slots: readonly number[] }
  /** Decrypted before, or given up. */
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'unreadable'; readonly reason: UnreadableMessage };

export type UnreadableMessage =
  /** No key of this session opens it. */
  | 'no-match'
  /** More messages are missing before it than one may skip. */
  | 'too-far-ahead'
  /** From the peer by its header, but not what the peer sealed. */
  | 'damaged'
  /** The header announces fields that this suite does not have. */
  | 'unknown-extension';

/** What is being opened. */
interface Incoming {
  readonly sealed: Uint8Array;
  readonly tag: Uint8Array;
  readonly salt: Uint8Array;
  /** Associated data of the body; up to `headerEnd` that of the header. */
  readonly associated: Uint8Array;
  readonly headerEnd: number;
}

/** Which chain a header belongs to. */
interface Located {
  readonly header: Header;
  readonly chain: 'receiving' | 'next';
}

const unreadable = (reason: UnreadableMessage): OpenedMessage => ({ kind: 'unreadable', reason });

/**
 * RatchetDecryptHE. `envelope` is associated data, `skipped` holds records of skipped keys by slot, as far as the caller
 * has them; `now` is Unix ms. `state` stays as it was; whatever is not `opened` has changed nothing.
 */
export function openMessage(
  components: PairwiseComponents,
  state: SessionState,
  sealed: Uint8Array,
  envelope: Uint8Array,
  skipped: ReadonlyMap<number, Uint8Array | null>,
  now: number,
): OpenedMessage {
  if (sealed.length < MESSAGE_OVERHEAD) return unreadable('damaged');
  const { provider } = components;
  const associated = associatedData(state, envelope, sealed.subarray(0, HEAD_BYTES));
  const incoming: Incoming = {
    sealed,
    tag: sealed.subarray(0, TAG_BYTES),
    salt: sealed.subarray(TAG_BYTES, HEADER_AT),
    associated,
    headerEnd: associated.length - HEAD_BYTES + HEADER_AT,
  };
  const kept = findSkipped(state, incoming.tag, skipped, now);
  if (kept !== null) return openSkipped(provider, state, incoming, kept.slot, kept.key.messageKey);

  const located = locate(provider, state, incoming);
  if (located === null) {
    const slots = missingSlots(state, skipped);
    return slots.length > 0 ? { kind: 'need-skipped', slots } : unreadable('no-match');
  }
  if (located === 'unknown-extension') return unreadable('unknown-extension');
  const { header, chain } = located;
  if (chain === 'receiving' && header.number < counterAt(state, AT.received)) {
    const slots = missingSlots(state, skipped);
    return slots.length > 0 ? { kind: 'need-skipped', slots } : { kind: 'duplicate' };
  }
  return advance(components, state, incoming, located, now);
}

function missingSlots(state: SessionState, given: ReadonlyMap<number, Uint8Array | null>): number[] {
  return liveSlots(state).filter((slot) => !given.has(slot));
}

/** Finds the chain whose header key opens the header. */
function locate(
  provider: CryptoProvider,
  state: SessionState,
  incoming: Incoming,
): Located | 'unknown-extension' | null {
  const sealedHeader = incoming.sealed.subarray(HEADER_AT, HEAD_BYTES);
  const associated = incoming.associated.subarray(0, incoming.headerEnd);
  const nonce = incoming.salt.subarray(0, 12);
  for (const chain of chainsByLikelihood(state, incoming.tag)) {
    if (chain === 'receiving' && !hasReceived(state)) continue;
    const at = chain === 'receiving' ? AT.receivingHeader : AT.nextReceivingHeader;
    using key = headerKey(provider, keyAt(state, at), incoming.salt);
    const opened = provider.open('chacha20-poly1305', key, nonce, sealedHeader, associated);
    if (opened === null) continue;
    const header = decodeHeader(opened);
    return header === null ? 'unknown-extension' : { header, chain };
  }
  return null;
}

/** A trial that fails costs as much as one that succeeds, so the tag says where to begin. */
function chainsByLikelihood(
  state: SessionState,
  tag: Uint8Array,
): readonly ['receiving' | 'next', 'receiving' | 'next'] {
  const block = state.subarray(AT.receivingBlock, AT.end);
  for (let index = counterAt(state, AT.received) % TAG_BLOCK; index < TAG_BLOCK; index++) {
    if (equalBytes(tagOf(block, index), tag)) return ['receiving', 'next'];
  }
  return ['next', 'receiving'];
}

/** Opens with a key that was kept. Its header needs no opening: the body's seal covers it, and no one else has the key. */
function openSkipped(
  provider: CryptoProvider,
  state: SessionState,
  incoming: Incoming,
  slot: number,
  messageKey: Uint8Array,
): OpenedMessage {
  const plaintext = openBody(provider, messageKey, incoming);
  if (plaintext === null) return unreadable('damaged');
  return {
    kind: 'opened',
    state: state.slice() as SessionState,
    plaintext,
    skipped: [{ slot, record: null }],
    tags: { upcoming: null, skipped: [], used: incoming.tag },
  };
}

function openBody(provider: CryptoProvider, messageKey: Uint8Array, incoming: Incoming): Uint8Array | null {
  using forBody = bodyKey(provider, messageKey, incoming.salt);
  const secret = forBody.reveal();
  const body = incoming.sealed.subarray(HEAD_BYTES);
  return provider.open('chacha20-poly1305', secret.subarray(0, 32), secret.subarray(32), body, incoming.associated);
}

/** Moves a copy of the state to the message and opens it. */
function advance(
  components: PairwiseComponents,
  state: SessionState,
  incoming: Incoming,
  { header, chain }: Located,
  now: number,
): OpenedMessage {
  const { provider } = components;
  const turns = chain === 'next';
  if (!turns && !equalBytes(header.ratchetKey, keyAt(state, AT.peerPublic))) return unreadable('damaged');
  const received = counterAt(state, AT.received);
  // Of the chain that ends with a turn, what was sent and has not arrived; nothing at the first message.
  const left = turns && hasReceived(state) ? Math.max(0, header.previous - received) : 0;
  const ahead = turns ? header.number : header.number - received;
  if (left + ahead > MAX_SKIPPED || counterAt(state, AT.skippedNext) > LAST_ORDINAL) return unreadable('too-far-ahead');
  const firstTags = turns ? tagRange(provider, keyAt(state, AT.nextReceivingTag), 0, 2 * TAG_BLOCK) : null;
  if (!isTagOf(provider, state, firstTags, header.number, incoming.tag)) return unreadable('damaged');
  const peer = turns ? importPeer(provider, header.ratchetKey) : null;
  if (turns && peer === null) return unreadable('damaged');

  const next = state.slice() as SessionState;
  const passed: PassedKey[] = [];
  let plaintext: Uint8Array | null = null;
  try {
    passKeys(provider, next, left, passed);
    if (peer !== null) ratchetStep(components, next, peer);
    passKeys(provider, next, ahead, passed);
    using step = chainStep(provider, keyAt(next, AT.receivingChain));
    plaintext = openBody(provider, step.reveal().subarray(0, 32), incoming);
    if (plaintext === null) return unreadable('damaged');
    next.set(step.reveal().subarray(32), AT.receivingChain);
    setCounter(next, AT.received, header.number + 1);
    const skipped = keepPassed(next, passed, now);
    const firstOrdinal = counterAt(next, AT.skippedNext) - passed.length;
    const newBlock = turns || ahead > 0 || (header.number + 1) % TAG_BLOCK === 0;
    return {
      kind: 'opened',
      state: next,
      plaintext,
      skipped,
      tags: {
        upcoming: newBlock ? refreshTags(provider, next, firstTags) : null,
        skipped: passed.map(({ tag }, index) => ({ slot: slotOf(firstOrdinal + index), tag })),
        used: incoming.tag,
      },
    };
  } finally {
    for (const { messageKey } of passed) messageKey.dispose();
    if (turns) forgetRatchetKey(components, state, next, plaintext !== null);
    if (plaintext === null) next.fill(0);
  }
}

/** Null for a key of low order: nobody but the peer could have sealed it, and no honest peer does. */
function importPeer(provider: CryptoProvider, ratchetKey: Uint8Array): PublicKey<'x25519'> | null {
  try {
    return provider.importPublic('x25519', ratchetKey);
  } catch (error) {
    if (error instanceof CryptoError) return null;
    throw error;
  }
}

/** A message key that was passed over. */
interface PassedKey {
  readonly tag: Uint8Array;
  readonly messageKey: Secret;
}

/** Moves the receiving chain on by `count`, in place, and keeps the keys. */
function passKeys(provider: CryptoProvider, state: SessionState, count: number, into: PassedKey[]): void {
  if (count === 0) return;
  const received = counterAt(state, AT.received);
  const tags = tagRange(provider, keyAt(state, AT.receivingTag), received, count);
  for (let index = 0; index < count; index++) {
    using step = chainStep(provider, keyAt(state, AT.receivingChain));
    into.push({ tag: tagOf(tags, index), messageKey: step.slice(0, 32) });
    state.set(step.reveal().subarray(32), AT.receivingChain);
  }
  setCounter(state, AT.received, received + count);
}

/** New keys may take the slots of old ones that go at the same time: each slot is named once. */
function keepPassed(state: SessionState, passed: readonly PassedKey[], now: number): SkippedChange[] {
  const dropped = dropOldSkipped(state, now);
  if (passed.length === 0) return dropped;
  const added = addSkipped(
    state,
    passed.map(({ tag, messageKey }) => ({ tag, messageKey: messageKey.reveal() })),
    now,
  );
  const taken = new Set(added.map(({ slot }) => slot));
  return [...dropped.filter(({ slot }) => !taken.has(slot)), ...added];
}

/** Of the two ratchet keys of a turn, the cache keeps the one whose state lives on. A prekey is not the session's. */
function forgetRatchetKey(
  { keys }: PairwiseComponents,
  before: SessionState,
  after: SessionState,
  done: boolean,
): void {
  const ofSession = isInitiator(before) || hasReceived(before);
  if (!done && !equalBytes(keyAt(before, AT.ownPublic), keyAt(after, AT.ownPublic))) {
    keys.forget('x25519', keyAt(after, AT.ownPublic));
  }
  if (done && ofSession) keys.forget('x25519', keyAt(before, AT.ownPublic));
}
