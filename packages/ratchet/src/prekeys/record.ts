import type { Secret } from '@sotto/crypto';
import { RatchetError } from '../error.ts';
import { readU32, readU64, writeU32, writeU64 } from '../numbers.ts';
import { prekeyName, PREKEYS } from './kinds.ts';
import type { PrekeyName } from './kinds.ts';

// A private prekey, version 1: version (1) ‖ kind (1) ‖ id (4) ‖ expires at (8) ‖ kept until (8) ‖ name of the key (32)
// ‖ private key (32, ML-KEM 64: a seed).
const VERSION = 1;
const KIND = 1;
const ID = 2;
const EXPIRES = 6;
const KEPT = 14;
const NAME = 22;
const KEY = NAME + 32;

/** A private prekey as its record holds it; byte fields are views of the record. */
export interface PrivatePrekey {
  readonly kind: PrekeyName;
  readonly id: number;
  /** Unix seconds after which nobody should use the public half. */
  readonly expiresAt: number;
  /** Unix seconds when this record is to be deleted. */
  readonly keptUntil: number;
  /** The X25519 public key, or the SHA-256 of a longer one. */
  readonly name: Uint8Array;
  /** 32 bytes; ML-KEM-768 64. */
  readonly bytes: Uint8Array;
}

export function encodePrekeyRecord(prekey: Omit<PrivatePrekey, 'bytes'>, key: Secret): Uint8Array {
  const record = new Uint8Array(new ArrayBuffer(KEY + key.length));
  record[0] = VERSION;
  record[KIND] = PREKEYS[prekey.kind].proto;
  writeU32(record, ID, prekey.id);
  writeU64(record, EXPIRES, prekey.expiresAt);
  writeU64(record, KEPT, prekey.keptUntil);
  record.set(prekey.name, NAME);
  record.set(key.reveal(), KEY);
  return record;
}

/** Reads a private prekey. Throws `RatchetError` `unsupported` for another version, `malformed` for a damaged record. */
export function readPrekeyRecord(record: Uint8Array): PrivatePrekey {
  if (record[0] !== VERSION) {
    throw new RatchetError('unsupported', 'a prekey record of a version this program does not speak');
  }
  const kind = prekeyName(record[KIND] ?? 0);
  if (kind === null || record.length !== KEY + PREKEYS[kind].privateBytes) {
    throw new RatchetError('malformed', 'a prekey record is damaged');
  }
  return {
    kind,
    id: readU32(record, ID),
    expiresAt: readU64(record, EXPIRES),
    keptUntil: readU64(record, KEPT),
    name: record.subarray(NAME, KEY),
    bytes: record.subarray(KEY),
  };
}
