import { equalBytes } from '@sotto/wire';
import { RatchetError } from '../error.ts';
import { readU32, writeU32 } from '../numbers.ts';
import { AT, MAX_SKIPPED, slotOf, TAG_BYTES } from './state.ts';
import type { SessionState } from './state.ts';

// A skipped record, version 1: version (1) ‖ ordinal (4) ‖ tag (8) ‖ message key (32).
const VERSION = 1;
const ORDINAL = 1;
const TAG = 5;
const KEY = TAG + TAG_BYTES;
const END = KEY + 32;

/**
 * Skipped keys are deleted in the second turn of periods after their own, so they live 8 to 16 days: longer than an
 * envelope (7 days) at any clock skew that lets people talk at all.
 */
const PERIOD_HOURS = 8 * 24;
const HOUR_MS = 3_600_000;

/** A record of a skipped message key to write, or (null) to delete, together with the session record. */
export interface SkippedChange {
  /** 0 to 1999; part of the record's name. */
  readonly slot: number;
  readonly record: Uint8Array | null;
}

/** A message that was skipped: by this tag it will be recognised, and this slot holds its key. */
export interface SkippedTag {
  readonly slot: number;
  /** 8 bytes */
  readonly tag: Uint8Array;
}

/** A skipped record as it is; views. */
export interface SkippedKey {
  readonly ordinal: number;
  readonly tag: Uint8Array;
  readonly messageKey: Uint8Array;
}

/** Throws `RatchetError` `unsupported` or `malformed`. */
export function readSkipped(record: Uint8Array): SkippedKey {
  if (record[0] !== VERSION) {
    throw new RatchetError('unsupported', 'a skipped-key record of a version this program does not speak');
  }
  if (record.length !== END) throw new RatchetError('malformed', 'a skipped-key record is damaged');
  return { ordinal: readU32(record, ORDINAL), tag: record.subarray(TAG, KEY), messageKey: record.subarray(KEY) };
}

function encodeSkipped(ordinal: number, tag: Uint8Array, messageKey: Uint8Array): Uint8Array {
  const record = new Uint8Array(new ArrayBuffer(END));
  record[0] = VERSION;
  writeU32(record, ORDINAL, ordinal);
  record.set(tag, TAG);
  record.set(messageKey, KEY);
  return record;
}

/** The given record whose tag this is, if its key is still this session's. */
export function findSkipped(
  state: SessionState,
  tag: Uint8Array,
  records: ReadonlyMap<number, Uint8Array | null>,
  now: number,
): { readonly slot: number; readonly key: SkippedKey } | null {
  const first = firstLive(state, now);
  const next = readU32(state, AT.skippedNext);
  for (const [slot, record] of records) {
    if (record === null) continue;
    const key = readSkipped(record);
    const live = key.ordinal >= first && key.ordinal < next && slotOf(key.ordinal) === slot;
    if (live && equalBytes(key.tag, tag)) return { slot, key };
  }
  return null;
}

/**
 * Writes skipped keys into `state`'s ring. The oldest ones make room. `state` is changed in place.
 * `keys` are pairs of tag and message key; the key bytes are copied.
 */
export function addSkipped(
  state: SessionState,
  keys: readonly { readonly tag: Uint8Array; readonly messageKey: Uint8Array }[],
  now: number,
): SkippedChange[] {
  let next = readU32(state, AT.skippedNext);
  const first = readU32(state, AT.skippedFirst);
  if (keys.length === 0) return [];
  if (first === next) {
    writeU32(state, AT.skippedPeriod, next);
    writeU32(state, AT.periodStart, hoursOf(now));
  }
  const changes = keys.map(({ tag, messageKey }) => {
    const ordinal = next++;
    return { slot: slotOf(ordinal), record: encodeSkipped(ordinal, tag, messageKey) };
  });
  writeU32(state, AT.skippedNext, next);
  writeU32(state, AT.skippedFirst, Math.max(first, next - MAX_SKIPPED));
  writeU32(state, AT.skippedPeriod, Math.max(readU32(state, AT.skippedPeriod), next - MAX_SKIPPED));
  return changes;
}

/** Deletes what is too old. `state` is changed in place. */
export function dropOldSkipped(state: SessionState, now: number): SkippedChange[] {
  const first = readU32(state, AT.skippedFirst);
  const until = firstLive(state, now);
  if (until === first && hoursOf(now) - readU32(state, AT.periodStart) < PERIOD_HOURS) return [];
  if (first === readU32(state, AT.skippedNext)) return [];
  writeU32(state, AT.skippedFirst, until);
  writeU32(state, AT.skippedPeriod, readU32(state, AT.skippedNext));
  writeU32(state, AT.periodStart, hoursOf(now));
  return Array.from({ length: until - first }, (_, index) => ({ slot: slotOf(first + index), record: null }));
}

/** Ordinal of the oldest key that is young enough. A clock that went back makes keys live longer, never shorter. */
function firstLive(state: SessionState, now: number): number {
  const elapsed = hoursOf(now) - readU32(state, AT.periodStart);
  if (elapsed < PERIOD_HOURS) return readU32(state, AT.skippedFirst);
  return readU32(state, elapsed < 2 * PERIOD_HOURS ? AT.skippedPeriod : AT.skippedNext);
}

function hoursOf(now: number): number {
  return Math.floor(now / HOUR_MS);
}
