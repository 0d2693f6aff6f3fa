import { EngineError } from './error.ts';

// `sealing-prekeys`, version 1: version (1) ‖ ids (4 each), oldest first. An envelope does not say which sealing key it
// was sealed to, so that nothing on the way can tell first messages from others.
const VERSION = 1;
const ID = 4;

/** Ids of the sealing prekeys whose private halves exist, newest first; none for a missing record. */
export function readSealingIndex(record: Uint8Array | null): number[] {
  if (record === null) return [];
  if (record[0] !== VERSION || record.length % ID !== 1) {
    throw new EngineError('damaged_record', 'the index of sealing prekeys is damaged or of another version');
  }
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const ids = Array.from({ length: (record.length - 1) / ID }, (_, index) => view.getUint32(1 + index * ID));
  return ids.toReversed();
}

/** Inverse of `readSealingIndex`. */
export function writeSealingIndex(newestFirst: readonly number[]): Uint8Array {
  const record = new Uint8Array(1 + newestFirst.length * ID);
  record[0] = VERSION;
  const view = new DataView(record.buffer);
  newestFirst.toReversed().forEach((id, index) => view.setUint32(1 + index * ID, id));
  return record;
}
