import { accountId, deviceId } from '@sotto/wire';
import type { AccountId, DeviceId } from '@sotto/wire';
import { EngineError } from './error.ts';

// `session/…`, version 1: version (1) ‖ flags (1) ‖ peer account (32) ‖ peer device (16) ‖ the ratchet's session record.
const VERSION = 1;
const AWAITING = 1;
const ACCOUNT = 2;
const DEVICE = ACCOUNT + 32;
const STATE = DEVICE + 16;

/** A session with whom it is. Byte fields are views of the record. */
export interface SessionRecord {
  readonly account: AccountId;
  readonly device: DeviceId;
  /** Nothing was received in it yet: messages still go as initial messages. */
  readonly awaiting: boolean;
  /** The ratchet's record; secret. */
  readonly state: Uint8Array;
}

/** Throws `EngineError` `damaged_record`. */
export function readSessionRecord(record: Uint8Array): SessionRecord {
  const flags = record[1] ?? 0;
  if (record[0] !== VERSION || flags > AWAITING || record.length <= STATE) {
    throw new EngineError('damaged_record', 'a session record is damaged or of another version');
  }
  return {
    account: accountId(record.subarray(ACCOUNT, DEVICE)),
    device: deviceId(record.subarray(DEVICE, STATE)),
    awaiting: flags === AWAITING,
    state: record.subarray(STATE),
  };
}

/** The record in a buffer of its own. `state`, which the ratchet made for this, is copied and wiped. */
export function writeSessionRecord({ account, device, awaiting, state }: SessionRecord): Uint8Array {
  const record = new Uint8Array(new ArrayBuffer(STATE + state.length));
  record[0] = VERSION;
  record[1] = awaiting ? AWAITING : 0;
  record.set(account, ACCOUNT);
  record.set(device, DEVICE);
  record.set(state, STATE);
  state.fill(0);
  return record;
}
