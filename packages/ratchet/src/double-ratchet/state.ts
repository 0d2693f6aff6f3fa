import type { SuiteId } from '@sotto/wire';
import { suiteId } from '@sotto/wire';
import { RatchetError } from '../error.ts';
import { readU16, readU32, readU64, writeU16, writeU32, writeU64 } from '../numbers.ts';

declare const brand: unique symbol;

/**
 * A session record, version 1: fixed layout, so that the hot path copies it and patches what changed. Integers are
 * big-endian, parts a session does not have yet are zero. Names of keys are those of the Double Ratchet specification
 * (revision 4, section 4, header encryption).
 */
export type SessionState = Uint8Array & { readonly [brand]: 'SessionState' };

const VERSION = 1;

/** Tags kept in the record, so that most messages need no keystream: one block of each direction. */
export const TAG_BLOCK = 16;
export const TAG_BYTES = 8;
const BLOCK_BYTES = TAG_BLOCK * TAG_BYTES;

/** Byte positions. Keys have 32 bytes. */
export const AT = {
  version: 0,
  flags: 1,
  /** u16 */
  suite: 2,
  /** u64, Unix seconds by the initiator's clock. */
  startedAt: 4,
  /** Hash of the first flight; names the session on both sides. */
  hash: 12,
  /** Hash of what both sides must agree on; associated data of every message. */
  associated: 44,
  /** RK */
  rootKey: 76,
  /** DHs */
  ownPrivate: 108,
  ownPublic: 140,
  /** DHr */
  peerPublic: 172,
  /** CKs */
  sendingChain: 204,
  /** HKs */
  sendingHeader: 236,
  sendingTag: 268,
  /** NHKs */
  nextSendingHeader: 300,
  /** CKr */
  receivingChain: 332,
  /** HKr */
  receivingHeader: 364,
  receivingTag: 396,
  /** NHKr */
  nextReceivingHeader: 428,
  nextReceivingTag: 460,
  /** Ns, u32 */
  sent: 492,
  /** Nr, u32 */
  received: 496,
  /** PN, u32 */
  previous: 500,
  /** Ordinals of skipped keys, u32: the oldest that may exist, the first of the current period, the next one. */
  skippedFirst: 504,
  skippedPeriod: 508,
  skippedNext: 512,
  /** u32, hours since 1970: when the current period of skipped keys began. */
  periodStart: 516,
  /** Tags of the sending chain's block that `sent` is in; filled with its first message. */
  sendingBlock: 520,
  /** Tags of the receiving chain's block that `received` is in. */
  receivingBlock: 520 + BLOCK_BYTES,
  end: 520 + 2 * BLOCK_BYTES,
} as const;

const INITIATOR = 1;
const RECEIVING = 2;

/** Which side began the session. */
export type SessionRole = 'initiator' | 'responder';

export interface SessionOrigin {
  readonly role: SessionRole;
  readonly suite: SuiteId;
  /** Unix seconds */
  readonly startedAt: number;
  /** 32 bytes */
  readonly hash: Uint8Array;
  /** 32 bytes */
  readonly associated: Uint8Array;
}

/** A record with nothing but its origin. */
export function emptySession(origin: SessionOrigin): SessionState {
  const state = new Uint8Array(new ArrayBuffer(AT.end));
  state[AT.version] = VERSION;
  state[AT.flags] = origin.role === 'initiator' ? INITIATOR : 0;
  writeU16(state, AT.suite, origin.suite);
  writeU64(state, AT.startedAt, origin.startedAt);
  state.set(origin.hash, AT.hash);
  state.set(origin.associated, AT.associated);
  return state as SessionState;
}

/**
 * The record as a state; no copy is made. Throws `RatchetError`: `unsupported` for another version or suite, `malformed`
 * for whatever else this code would not have written.
 */
export function readSession(record: Uint8Array): SessionState {
  if (record[AT.version] !== VERSION) {
    throw new RatchetError('unsupported', 'a session record of a version this program does not speak');
  }
  const flags = record[AT.flags] ?? 0;
  if (record.length !== AT.end || flags > (INITIATOR | RECEIVING)) throw damaged();
  try {
    suiteId(readU16(record, AT.suite));
  } catch (cause) {
    throw new RatchetError('unsupported', 'a session record of a suite this program does not speak', { cause });
  }
  const first = readU32(record, AT.skippedFirst);
  const period = readU32(record, AT.skippedPeriod);
  const next = readU32(record, AT.skippedNext);
  // A responder has a receiving chain from its first message on.
  if (flags === 0 || first > period || period > next || next - first > MAX_SKIPPED) throw damaged();
  return record as SessionState;
}

function damaged(): RatchetError {
  return new RatchetError('malformed', 'a session record is damaged');
}

/** The 32 bytes at a position of `AT`, as a view. */
export function keyAt(state: SessionState, at: number): Uint8Array {
  return state.subarray(at, at + 32);
}

export function suiteOf(state: SessionState): SuiteId {
  return suiteId(readU16(state, AT.suite));
}

export function isInitiator(state: SessionState): boolean {
  return ((state[AT.flags] ?? 0) & INITIATOR) !== 0;
}

/** True once a message of the peer was decrypted. */
export function hasReceived(state: SessionState): boolean {
  return ((state[AT.flags] ?? 0) & RECEIVING) !== 0;
}

export function markReceived(state: SessionState): void {
  state[AT.flags] = (state[AT.flags] ?? 0) | RECEIVING;
}

export function counterAt(state: SessionState, at: number): number {
  return readU32(state, at);
}

export function setCounter(state: SessionState, at: number, value: number): void {
  writeU32(state, at, value);
}

/** Facts of a session that are no secrets. */
export interface SessionFacts {
  /** Names the session on both sides, 32 bytes. */
  readonly hash: Uint8Array;
  readonly suite: SuiteId;
  readonly role: SessionRole;
  /** Unix seconds by the initiator's clock. */
  readonly startedAt: number;
  /** The initiator waits for the first answer: messages still go as initial messages, and need the opening record. */
  readonly awaitingAnswer: boolean;
  /** Slots in which records of skipped message keys may exist. */
  readonly skippedSlots: readonly number[];
}

/** Reads the facts of a session record. Throws `RatchetError` `malformed` or `unsupported`. */
export function sessionFacts(record: Uint8Array): SessionFacts {
  const state = readSession(record);
  return {
    hash: keyAt(state, AT.hash).slice(),
    suite: suiteOf(state),
    role: isInitiator(state) ? 'initiator' : 'responder',
    startedAt: readU64(state, AT.startedAt),
    awaitingAnswer: awaitsAnswer(state),
    skippedSlots: liveSlots(state),
  };
}

/** See `SessionFacts.awaitingAnswer`. */
export function awaitsAnswer(state: SessionState): boolean {
  return isInitiator(state) && !hasReceived(state);
}

/** At most this many skipped message keys a session, which is also how many numbers one message may skip. */
export const MAX_SKIPPED = 2000;

/** The slot (record name) of a skipped key: ordinals go round, so that a new key takes the oldest one's place. */
export function slotOf(ordinal: number): number {
  return ordinal % MAX_SKIPPED;
}

/** Slots that may be filled. */
export function liveSlots(state: SessionState): number[] {
  const slots: number[] = [];
  const next = readU32(state, AT.skippedNext);
  for (let ordinal = readU32(state, AT.skippedFirst); ordinal < next; ordinal++) slots.push(slotOf(ordinal));
  return slots;
}
