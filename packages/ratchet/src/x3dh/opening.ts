import { deviceId } from '@sotto/wire';
import type { DeviceId } from '@sotto/wire';
import { RatchetError } from '../error.ts';

// An opening record, version 1: version (1) ‖ recipient device (16) ‖ sealing key (1216) ‖ first flight.
const VERSION = 1;
const DEVICE = 1;
const KEY = DEVICE + 16;
const FLIGHT = KEY + 1216;

/** What the initiator needs for initial messages until the first answer; public data. Byte fields are views. */
export interface Opening {
  readonly recipient: DeviceId;
  /** X-Wing public key of the recipient. */
  readonly sealingKey: Uint8Array;
  /** Serialised InitialMessage without its message. */
  readonly firstFlight: Uint8Array;
}

export function encodeOpening({ recipient, sealingKey, firstFlight }: Opening): Uint8Array {
  const record = new Uint8Array(FLIGHT + firstFlight.length);
  record[0] = VERSION;
  record.set(recipient, DEVICE);
  record.set(sealingKey, KEY);
  record.set(firstFlight, FLIGHT);
  return record;
}

/** Throws `RatchetError` `unsupported` or `malformed`. */
export function readOpening(record: Uint8Array): Opening {
  if (record[0] !== VERSION) {
    throw new RatchetError('unsupported', 'an opening record of a version this program does not speak');
  }
  if (record.length <= FLIGHT) throw new RatchetError('malformed', 'an opening record is damaged');
  return {
    recipient: deviceId(record.subarray(DEVICE, KEY)),
    sealingKey: record.subarray(KEY, FLIGHT),
    firstFlight: record.subarray(FLIGHT),
  };
}
