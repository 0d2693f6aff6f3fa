import { concatBytes, equalBytes } from '@sotto/wire';
import { EngineError } from './error.ts';

// `prekey-uses/<id>/<shard>`, version 1: version (1) ‖ hashes of first messages (32 each). A first message is remembered
// as long as the prekeys that could open it again: without the mark, a replay would begin its session anew.
const VERSION = 1;
const HASH = 32;

/** Whether a first message was opened before. `record` is that of the message's shard, null: there is none. */
export function wasUsed(record: Uint8Array | null, hash: Uint8Array): boolean {
  if (record === null) return false;
  if (record[0] !== VERSION || record.length % HASH !== 1) {
    throw new EngineError('damaged_record', 'marks of a prekey are damaged or of another version');
  }
  for (let at = 1; at < record.length; at += HASH) if (equalBytes(record.subarray(at, at + HASH), hash)) return true;
  return false;
}

/** The record with one more mark. */
export function markUsed(record: Uint8Array | null, hash: Uint8Array): Uint8Array {
  return concatBytes(record ?? Uint8Array.of(VERSION), hash);
}
