import { TAG_BLOCK, TAG_BYTES } from '../double-ratchet/state.ts';
import { RatchetError } from '../error.ts';
import { readU32, writeU32 } from '../numbers.ts';
import { checkRecord, RECORD_KINDS } from './chain-record.ts';
import { CHAIN_BYTES, KEY_BYTES, VERSION } from './limits.ts';
import { readRuns, runsLength, writeRuns } from './skipped-runs.ts';
import type { SkippedRun } from './skipped-runs.ts';

/** What changes with each message. Arrays are views of the record. */
interface ChainState {
  /** 16 bytes */
  readonly chain: Uint8Array;
  /** Number of the next message. */
  readonly next: number;
  /** Chain key of the next message, 32 bytes. */
  readonly chainKey: Uint8Array;
}

export interface OwnState extends ChainState {
  /** Tags of the block of 16 messages that `next` is in, so that most messages need no keystream. */
  readonly tags: Uint8Array;
}

export interface PeerState extends ChainState {
  readonly skipped: readonly SkippedRun[];
}

const AT = { version: 0, kind: 1, chain: 2, next: 18, chainKey: 22, rest: 54 } as const;
const TAGS_BYTES = TAG_BLOCK * TAG_BYTES;

export function writeOwnState(state: OwnState): Uint8Array {
  const record = begin(RECORD_KINDS.ownState, state, TAGS_BYTES);
  record.set(state.tags, AT.rest);
  return record;
}

/** Throws `RatchetError` `unsupported` or `malformed`. */
export function readOwnState(record: Uint8Array): OwnState {
  checkRecord(record, RECORD_KINDS.ownState);
  if (record.length !== AT.rest + TAGS_BYTES) throw damaged();
  return { ...common(record), tags: record.subarray(AT.rest) };
}

export function writePeerState(state: PeerState): Uint8Array {
  const record = begin(RECORD_KINDS.peerState, state, runsLength(state.skipped));
  writeRuns(record, AT.rest, state.skipped);
  return record;
}

/** Throws `RatchetError` `unsupported` or `malformed`. */
export function readPeerState(record: Uint8Array): PeerState {
  checkRecord(record, RECORD_KINDS.peerState);
  if (record.length < AT.rest + 2) throw damaged();
  const state = common(record);
  return { ...state, skipped: readRuns(record, AT.rest, state.next) };
}

/** Throws `RatchetError` `unsupported` or `malformed`. An own chain skips nothing. */
export function readAnyState(kind: 'own' | 'peer', record: Uint8Array): PeerState {
  return kind === 'own' ? { ...readOwnState(record), skipped: [] } : readPeerState(record);
}

/** The record of one skipped message's key. */
export function writeSkipped(chain: Uint8Array, index: number, messageKey: Uint8Array): Uint8Array {
  return begin(RECORD_KINDS.skipped, { chain, next: index, chainKey: messageKey }, 0);
}

/** Throws `RatchetError` `unsupported` or `malformed`. */
export function readSkipped(record: Uint8Array): { chain: Uint8Array; index: number; messageKey: Uint8Array } {
  checkRecord(record, RECORD_KINDS.skipped);
  if (record.length !== AT.rest) throw damaged();
  const { chain, next: index, chainKey: messageKey } = common(record);
  return { chain, index, messageKey };
}

function begin(kind: number, state: ChainState, more: number): Uint8Array {
  const record = new Uint8Array(new ArrayBuffer(AT.rest + more));
  record[AT.version] = VERSION;
  record[AT.kind] = kind;
  record.set(state.chain, AT.chain);
  writeU32(record, AT.next, state.next);
  record.set(state.chainKey, AT.chainKey);
  return record;
}

function common(record: Uint8Array): ChainState {
  return {
    chain: record.subarray(AT.chain, AT.chain + CHAIN_BYTES),
    next: readU32(record, AT.next),
    chainKey: record.subarray(AT.chainKey, AT.chainKey + KEY_BYTES),
  };
}

function damaged(): RatchetError {
  return new RatchetError('malformed', 'a sender key record is damaged');
}
