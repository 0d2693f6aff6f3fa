import { asciiBytes, concatBytes, equalBytes } from './bytes.ts';
import type { Sha256 } from './derived-ids.ts';
import { WireError } from './error.ts';
import { logEntryId, logId } from './ids.ts';
import type { LogEntryId, LogId } from './ids.ts';
import { MAX_LOG_ENTRY_BYTES } from './limits.ts';
import { pad, SEALED_BUCKETS } from './padding.ts';
import { requireVersion } from './suites.ts';
import { StrictReader, varintLength, writeVarint } from './varint.ts';

/** The version of log entries that this code writes and reads. */
export const LOG_ENTRY_VERSION = 1;

/** What stands outside an entry's seal and is bound into it. Keys are Ed25519, 32 bytes. */
export type LogEntryFields = { readonly log: LogId; readonly epochKey: Uint8Array } & (
  | { readonly kind: 'message' | 'proposal' }
  | {
      readonly kind: 'commit' | 'external-commit';
      /** Names the epoch that the commit begins. */
      readonly successor: Uint8Array;
    }
);

/** One entry of a group's log. Byte fields are views of `bytes`, which is what is signed, stored, read and hashed. */
export type LogEntry = LogEntryFields & {
  readonly version: typeof LOG_ENTRY_VERSION;
  /** Nonce (12) ‖ ChaCha20-Poly1305 of the padded content; exactly one of `LOG_SEALED_BUCKETS` long. */
  readonly sealed: Uint8Array;
  /** Serialised fields before `sealed`: associated data of the seal. */
  readonly header: Uint8Array;
  /** The whole serialised entry, carried as it is and never serialised again. */
  readonly bytes: Uint8Array;
};

/** What sealing adds to the padded content: nonce and tag, bytes. */
export const LOG_SEAL_BYTES = 12 + 16;

/** An entry's fields around the seal take at most 111 bytes; kept apart from the buckets that end at a round size. */
const ENTRY_ROOM = 128;

/**
 * The only lengths `LogEntry.sealed` can have, bytes. The smaller are those of envelopes, so that a message of a group
 * tells no more of its size than any other; commits of large groups go on about four times as large each.
 */
export const LOG_SEALED_BUCKETS: readonly number[] = [
  ...SEALED_BUCKETS.slice(0, -1),
  96 * 1024 - ENTRY_ROOM,
  384 * 1024 - ENTRY_ROOM,
  1024 * 1024 - ENTRY_ROOM,
  MAX_LOG_ENTRY_BYTES - ENTRY_ROOM,
];

// Field tags of sotto.wire.v1.LogEntry: number << 3 | wire type.
const VERSION = 0x08;
const LOG = 0x12;
const KIND = 0x18;
const EPOCH_KEY = 0x22;
const SUCCESSOR = 0x2a;
const SEALED = 0x32;
const LOG_ID_BYTES = 32;
const KEY_BYTES = 32;

const KINDS = ['message', 'proposal', 'commit', 'external-commit'] as const;

const ENTRY = asciiBytes('sotto/v1/log-entry');
const ENTRY_ID = asciiBytes('sotto/v1/log-entry-id');

function checkKey(key: Uint8Array): Uint8Array {
  if (key.length !== KEY_BYTES) throw new WireError('length', 'an epoch key has 32 bytes');
  return key;
}

/** An epoch that follows itself is none. */
function checkSuccessor(successor: Uint8Array, epochKey: Uint8Array): void {
  if (equalBytes(checkKey(successor), epochKey)) throw new WireError('range', 'an epoch cannot follow itself');
}

/**
 * Serialised fields before the seal: what `LogEntry.header` will be, needed as associated data before there is a seal.
 * Throws `WireError`: `length`, `range`.
 */
export function encodeLogEntryHeader(fields: LogEntryFields): Uint8Array {
  const { log, epochKey, kind } = fields;
  logId(log);
  checkKey(epochKey);
  const parts = [
    Uint8Array.of(VERSION, LOG_ENTRY_VERSION, LOG, LOG_ID_BYTES),
    log,
    Uint8Array.of(KIND, KINDS.indexOf(kind) + 1, EPOCH_KEY, KEY_BYTES),
    epochKey,
  ];
  if (kind === 'commit' || kind === 'external-commit') {
    checkSuccessor(fields.successor, epochKey);
    parts.push(Uint8Array.of(SUCCESSOR, KEY_BYTES), fields.successor);
  }
  return concatBytes(...parts);
}

/** Pads a serialised SealedLogContent for sealing (`LOG_SEAL_BYTES` added). `unpad` undoes it. Throws `too_large`. */
export function padLogContent(content: Uint8Array): Uint8Array {
  return pad(content, LOG_SEAL_BYTES, LOG_SEALED_BUCKETS);
}

/**
 * The serialised entry from its header (`encodeLogEntryHeader`) and the seal made over it; byte-identical to what
 * protobuf would write. `sealed` is the concatenation of the parts. Throws `WireError` `padding` when that is no bucket.
 */
export function encodeLogEntry(header: Uint8Array, ...sealed: readonly Uint8Array[]): Uint8Array {
  const whole = concatBytes(...sealed);
  checkBucket(whole);
  const length = new Uint8Array(1 + varintLength(whole.length));
  length[0] = SEALED;
  writeVarint(length, 1, whole.length);
  return concatBytes(header, length, whole);
}

/**
 * Reads an entry strictly: every field, once, in order, in its shortest form, nothing else. Throws `WireError`:
 * `too_large`, `malformed`, `not_canonical`, `unknown_version`, `length`, `range`, `padding`.
 */
export function decodeLogEntry(bytes: Uint8Array): LogEntry {
  if (bytes.length > MAX_LOG_ENTRY_BYTES) throw new WireError('too_large', 'the log entry is larger than 4 MiB');
  const reader = new StrictReader(bytes);
  reader.tag(VERSION);
  requireVersion(reader.varint(), LOG_ENTRY_VERSION);
  reader.tag(LOG);
  const log = logId(reader.take(reader.varint()));
  reader.tag(KIND);
  const kind = KINDS[reader.varint() - 1];
  if (kind === undefined) throw new WireError('range', 'an unknown kind of log entry');
  reader.tag(EPOCH_KEY);
  const epochKey = checkKey(reader.take(reader.varint()));
  let fields: LogEntryFields;
  if (kind === 'commit' || kind === 'external-commit') {
    reader.tag(SUCCESSOR);
    const successor = reader.take(reader.varint());
    checkSuccessor(successor, epochKey);
    fields = { log, kind, epochKey, successor };
  } else {
    fields = { log, kind, epochKey };
  }
  const header = bytes.subarray(0, reader.position);
  reader.tag(SEALED);
  const sealed = reader.take(reader.varint());
  reader.end();
  checkBucket(sealed);
  return { ...fields, version: LOG_ENTRY_VERSION, sealed, header, bytes };
}

function checkBucket(sealed: Uint8Array): void {
  if (!LOG_SEALED_BUCKETS.includes(sealed.length)) {
    throw new WireError('padding', 'the sealed bytes fill no size bucket');
  }
}

/** SHA-256("sotto/v1/log-entry-id" ‖ serialised entry). */
export function logEntryIdOf(entry: Uint8Array, sha256: Sha256): LogEntryId {
  return logEntryId(sha256(ENTRY_ID, entry));
}

/** What an epoch's key signs to post an entry: "sotto/v1/log-entry" ‖ serialised entry. */
export function logEntryMessage(entry: Uint8Array): Uint8Array {
  return concatBytes(ENTRY, entry);
}
