import { Secret } from '@sotto/crypto';
import { concatBytes } from '@sotto/wire';
import { RatchetError } from '../error.ts';
import { maxNoiseMessage, noiseTagLength } from './cipher.ts';
import type { NoiseCipher } from './cipher.ts';
import { noisePattern } from './patterns.ts';
import type { NoisePattern, NoiseToken } from './patterns.ts';
import type { NoiseKeyPair, NoiseSuite } from './suite.ts';
import { SymmetricState } from './symmetric.ts';

export type NoiseRole = 'initiator' | 'responder';

/**
 * A handshake between two messages. Each state is good for one step: a step that succeeds uses it up and returns the
 * next one, a step that throws leaves it as it was (a damaged message may be followed by the right one).
 */
export type NoiseHandshake = NoiseWriting | NoiseReading | NoiseComplete;

/** It is this side's turn to write. */
export interface NoiseWriting extends HandshakeState {
  readonly kind: 'writing';
}

/** It is the peer's turn. */
export interface NoiseReading extends HandshakeState {
  readonly kind: 'reading';
}

/** All messages are through; the state still holds the chaining key until it is split, seeded from, or disposed of. */
export interface NoiseComplete extends HandshakeState {
  readonly kind: 'complete';
  /** Unique to this handshake, the same on both sides (Noise §11.2). HASHLEN bytes. */
  readonly handshakeHash: Uint8Array;
}

interface HandshakeState extends Disposable {
  readonly role: NoiseRole;
  /** The peer's static public key as far as it is known; null before it arrived or when the pattern has none. */
  readonly peer: Uint8Array | null;
}

/** What a handshake starts from, Noise §5.3. */
export interface NoiseParameters {
  readonly suite: NoiseSuite;
  /** With modifiers: `IK`, `XXpsk3`. */
  readonly pattern: string;
  readonly role: NoiseRole;
  readonly prologue: Uint8Array;
  /** Own static key; stays the caller's. */
  readonly own?: NoiseKeyPair;
  /** The peer's static public key where the pattern demands that it is known beforehand. */
  readonly peer?: Uint8Array;
  /** 32 bytes each, in the order of their modifiers; copied. */
  readonly psks?: readonly Uint8Array[];
}

/** What a state holds; it moves on to the next state with each step. */
interface Inner {
  readonly suite: NoiseSuite;
  readonly pattern: NoisePattern;
  readonly role: NoiseRole;
  readonly symmetric: SymmetricState;
  readonly own: NoiseKeyPair | null;
  readonly peer: Uint8Array | null;
  readonly ephemeral: NoiseKeyPair | null;
  readonly peerEphemeral: Uint8Array | null;
  readonly psks: readonly Secret[];
  readonly psksUsed: number;
  /** Index of the next message. */
  readonly next: number;
}

type Draft = { -readonly [Key in keyof Inner]: Inner[Key] };

const pskLength = 32;

/** A state that is not in here was used up or disposed of. */
const inners = new WeakMap<NoiseHandshake, Inner>();

/** Initialize, Noise §5.3. Throws `RatchetError` `unsupported` or `parameters` (a key that the pattern needs is missing). */
export function startNoise(parameters: NoiseParameters & { readonly role: 'initiator' }): NoiseWriting;
export function startNoise(parameters: NoiseParameters & { readonly role: 'responder' }): NoiseReading;
export function startNoise(parameters: NoiseParameters): NoiseWriting | NoiseReading {
  const { suite, role, prologue } = parameters;
  const pattern = noisePattern(parameters.pattern);
  const own = parameters.own ?? null;
  const peer = parameters.peer ?? null;
  const psks = parameters.psks ?? [];
  const initiator = role === 'initiator';
  const peerKnown = initiator ? pattern.preMessage.responder : pattern.preMessage.initiator;
  if (needsStaticKey(pattern, initiator) && own === null) throw badParameters('own static key is missing');
  if (peerKnown !== (peer !== null)) throw badParameters("peer's static key is missing or not expected");
  if (peer !== null && peer.length !== suite.keyLength) throw badParameters("peer's static key has a wrong length");
  if (psks.length !== pattern.psks || psks.some((psk) => psk.length !== pskLength)) {
    throw badParameters('pre-shared keys do not fit the pattern');
  }

  const symmetric = SymmetricState.initialize(suite, `Noise_${pattern.name}_${suite.name}`);
  symmetric.mixHash(prologue);
  const [initiatorStatic, responderStatic] = initiator ? [own?.publicKey, peer] : [peer, own?.publicKey];
  if (pattern.preMessage.initiator && initiatorStatic) symmetric.mixHash(initiatorStatic);
  if (pattern.preMessage.responder && responderStatic) symmetric.mixHash(responderStatic);
  const inner: Inner = {
    suite,
    pattern,
    role,
    symmetric,
    own,
    peer: peer?.slice() ?? null,
    ephemeral: null,
    peerEphemeral: null,
    psks: psks.map((psk) => Secret.copy(psk)),
    psksUsed: 0,
    next: 0,
  };
  return initiator ? stateOf('writing', inner) : stateOf('reading', inner);
}

/**
 * WriteMessage, Noise §5.3. `state` is used up unless this throws `RatchetError`: `wrong_state`, `too_long`
 * (handshake messages have at most 65,535 bytes) or `bad_key` (the peer's key is of low order).
 */
export function writeNoise(
  state: NoiseHandshake,
  payload: Uint8Array,
): { readonly message: Uint8Array; readonly next: NoiseReading | NoiseWriting | NoiseComplete } {
  const inner = innerOf(state, 'writing');
  const draft: Draft = { ...inner, symmetric: inner.symmetric.clone() };
  try {
    const parts: Uint8Array[] = [];
    for (const token of tokensOf(inner)) {
      if (token === 'e') {
        draft.ephemeral = inner.suite.generate();
        parts.push(draft.ephemeral.publicKey);
        mixEphemeral(draft, draft.ephemeral.publicKey);
      } else if (token === 's') {
        parts.push(draft.symmetric.encryptAndHash(present(draft.own).publicKey));
      } else {
        mixToken(draft, token);
      }
    }
    parts.push(draft.symmetric.encryptAndHash(payload));
    const message = concatBytes(...parts);
    if (message.length > maxNoiseMessage) {
      throw new RatchetError('too_long', `Noise messages have at most ${maxNoiseMessage} bytes`);
    }
    return { message, next: advance(state, inner, draft) };
  } catch (error) {
    discard(inner, draft);
    throw error;
  }
}

/**
 * ReadMessage, Noise §5.3. `state` is used up unless this throws `RatchetError`: `wrong_state`, `too_long`,
 * `malformed`, `bad_key` or `not_authentic`.
 */
export function readNoise(
  state: NoiseHandshake,
  message: Uint8Array,
): { readonly payload: Uint8Array; readonly next: NoiseWriting | NoiseReading | NoiseComplete } {
  const inner = innerOf(state, 'reading');
  if (message.length > maxNoiseMessage) {
    throw new RatchetError('too_long', `Noise messages have at most ${maxNoiseMessage} bytes`);
  }
  const draft: Draft = { ...inner, symmetric: inner.symmetric.clone() };
  let offset = 0;
  const take = (length: number): Uint8Array => {
    if (message.length - offset < length) throw new RatchetError('malformed', 'Noise message is too short');
    offset += length;
    return message.slice(offset - length, offset);
  };
  try {
    for (const token of tokensOf(inner)) {
      if (token === 'e') {
        draft.peerEphemeral = take(inner.suite.keyLength);
        mixEphemeral(draft, draft.peerEphemeral);
      } else if (token === 's') {
        const tagLength = draft.symmetric.hasKey ? noiseTagLength : 0;
        draft.peer = draft.symmetric.decryptAndHash(take(inner.suite.keyLength + tagLength));
      } else {
        mixToken(draft, token);
      }
    }
    const payload = draft.symmetric.decryptAndHash(message.subarray(offset)).slice();
    return { payload, next: advance(state, inner, draft) };
  } catch (error) {
    discard(inner, draft);
    throw error;
  }
}

/** Split, Noise §5.2: this side's ciphers for what follows. Uses `state` up; throws `wrong_state` unless complete. */
export function splitNoise(state: NoiseHandshake): { readonly send: NoiseCipher; readonly receive: NoiseCipher } {
  const inner = innerOf(state, 'complete');
  const [first, second] = inner.symmetric.split();
  state[Symbol.dispose]();
  return inner.role === 'initiator' ? { send: first, receive: second } : { send: second, receive: first };
}

/** The final chaining key, instead of splitting. Uses `state` up; throws `wrong_state` unless complete. */
export function takeChainingKey(state: NoiseHandshake): Secret {
  const { symmetric } = innerOf(state, 'complete');
  const chainingKey = symmetric.chainingKey.slice(0, symmetric.chainingKey.length);
  state[Symbol.dispose]();
  return chainingKey;
}

function mixEphemeral(draft: Draft, publicKey: Uint8Array): void {
  draft.symmetric.mixHash(publicKey);
  // §9.2: with pre-shared keys the ephemeral also goes into the key, so that it is never the same twice.
  if (draft.pattern.psks > 0) draft.symmetric.mixKey(publicKey);
}

function mixToken(draft: Draft, token: Exclude<NoiseToken, 'e' | 's'>): void {
  if (token === 'psk') {
    draft.symmetric.mixKeyAndHash(present(draft.psks[draft.psksUsed++]));
    return;
  }
  // The first letter is the initiator's key, the second the responder's.
  const [ownKey, peerKey] = draft.role === 'initiator' ? [token[0], token[1]] : [token[1], token[0]];
  const own = present(ownKey === 'e' ? draft.ephemeral : draft.own);
  const peer = present(peerKey === 'e' ? draft.peerEphemeral : draft.peer);
  using shared = agree(own, peer);
  draft.symmetric.mixKey(shared);
}

function agree(own: NoiseKeyPair, peer: Uint8Array): Secret {
  try {
    return own.dh(peer);
  } catch (cause) {
    throw new RatchetError('bad_key', "the peer's Noise key is not usable", { cause });
  }
}

/** Moves everything that lives on from `state` to its successor. */
function advance(state: NoiseHandshake, before: Inner, draft: Draft): NoiseReading | NoiseWriting | NoiseComplete {
  draft.next++;
  inners.delete(state);
  before.symmetric[Symbol.dispose]();
  if (draft.next < draft.pattern.messages.length) {
    const initiatorWrites = draft.next % 2 === 0;
    return initiatorWrites === (draft.role === 'initiator') ? stateOf('writing', draft) : stateOf('reading', draft);
  }
  draft.ephemeral?.[Symbol.dispose]();
  for (const psk of draft.psks) psk.dispose();
  return stateOf('complete', { ...draft, ephemeral: null, psks: [] });
}

function discard(before: Inner, draft: Draft): void {
  draft.symmetric[Symbol.dispose]();
  if (draft.ephemeral !== before.ephemeral) draft.ephemeral?.[Symbol.dispose]();
}

function stateOf(kind: 'writing', inner: Inner): NoiseWriting;
function stateOf(kind: 'reading', inner: Inner): NoiseReading;
function stateOf(kind: 'complete', inner: Inner): NoiseComplete;
function stateOf(kind: NoiseHandshake['kind'], inner: Inner): NoiseHandshake {
  const common = { role: inner.role, peer: inner.peer, [Symbol.dispose]: dispose };
  const state: NoiseHandshake =
    kind === 'complete' ? { kind, handshakeHash: inner.symmetric.hash, ...common } : { kind, ...common };
  inners.set(state, inner);
  return state;
}

function dispose(this: NoiseHandshake): void {
  const inner = inners.get(this);
  inners.delete(this);
  inner?.symmetric[Symbol.dispose]();
  inner?.ephemeral?.[Symbol.dispose]();
  for (const psk of inner?.psks ?? []) psk.dispose();
}

function innerOf(state: NoiseHandshake, kind: NoiseHandshake['kind']): Inner {
  const inner = inners.get(state);
  if (inner === undefined) throw new RatchetError('wrong_state', 'this Noise state was used already');
  if (state.kind !== kind) throw new RatchetError('wrong_state', `this Noise state is ${state.kind}, not ${kind}`);
  return inner;
}

function tokensOf(inner: Inner): readonly NoiseToken[] {
  return present(inner.pattern.messages[inner.next]);
}

function needsStaticKey(pattern: NoisePattern, initiator: boolean): boolean {
  const known = initiator ? pattern.preMessage.initiator : pattern.preMessage.responder;
  return known || pattern.messages.some((tokens, i) => (i % 2 === 0) === initiator && tokens.includes('s'));
}

/** The pattern and the checks of `startNoise` see to it that keys are there when a token needs them. */
function present<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new RatchetError('wrong_state', 'Noise key is missing');
  return value;
}

function badParameters(message: string): RatchetError {
  return new RatchetError('parameters', message);
}
