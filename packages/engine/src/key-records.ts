import type { PrivateKey } from '@sotto/crypto';
import type { AccountKeys, DeviceKeys } from '@sotto/identity';
import { EngineError } from './error.ts';

// Both records, version 1: version (1) ‖ public key ‖ public key ‖ private key ‖ private key, 32 bytes each.
const VERSION = 1;
const KEY = 32;
const END = 1 + 4 * KEY;

/** `account/keys`: the account key, then the recovery key. */
export function writeAccountKeys(keys: AccountKeys): Uint8Array {
  return write(keys.account, keys.recovery);
}

/** `device/keys`: Ed25519, then X25519. */
export function writeDeviceKeys(keys: DeviceKeys): Uint8Array {
  return write(keys.ed25519, keys.x25519);
}

/** Two key pairs of a record, as views. */
export interface KeyPairs {
  readonly firstPublic: Uint8Array;
  readonly secondPublic: Uint8Array;
  readonly firstPrivate: Uint8Array;
  readonly secondPrivate: Uint8Array;
}

/** Throws `EngineError` `damaged_record`. */
export function readKeyPairs(record: Uint8Array): KeyPairs {
  if (record.length !== END || record[0] !== VERSION) {
    throw new EngineError('damaged_record', 'a key record is damaged or of another version');
  }
  const key = (index: number): Uint8Array => record.subarray(1 + index * KEY, 1 + (index + 1) * KEY);
  return { firstPublic: key(0), secondPublic: key(1), firstPrivate: key(2), secondPrivate: key(3) };
}

function write(first: PrivateKey, second: PrivateKey): Uint8Array {
  // A buffer of its own: whoever stores it can wipe it.
  const record = new Uint8Array(new ArrayBuffer(END));
  record[0] = VERSION;
  using firstPrivate = first.export();
  using secondPrivate = second.export();
  const parts = [first.publicKey, second.publicKey, firstPrivate.reveal(), secondPrivate.reveal()];
  parts.forEach((part, index) => record.set(part, 1 + index * KEY));
  return record;
}
