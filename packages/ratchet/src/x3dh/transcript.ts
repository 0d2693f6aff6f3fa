import type { CryptoProvider } from '@sotto/crypto';
import { concatBytes } from '@sotto/wire';
import type { ChainHead, DeviceId } from '@sotto/wire';
import { SESSION, SESSION_HASH } from '../labels.ts';
import { writeU16, writeU32, writeU64 } from '../numbers.ts';
import { FLIGHT_VERSION } from './flight.ts';
import type { FirstFlight } from './flight.ts';
import type { RemoteDevice } from './parties.ts';

/** account (32) ‖ sequence (8) ‖ hash (32) ‖ seen at (8) */
const HEAD_BYTES = 80;

/**
 * Hash of a first flight, 32 bytes: names the session on both sides, shows a replay, and decides between two sessions.
 * It covers everything but the chain (which is covered by its head) and needs no keys.
 */
export function flightHash(provider: CryptoProvider, flight: FirstFlight, recipient: DeviceId): Uint8Array {
  const numbers = new Uint8Array(24);
  writeU16(numbers, 0, FLIGHT_VERSION);
  writeU16(numbers, 2, flight.suite);
  writeU64(numbers, 4, flight.startedAt);
  writeU32(numbers, 12, flight.prekeys.signed);
  writeU32(numbers, 16, flight.prekeys.oneTime ?? 0);
  writeU32(numbers, 20, flight.prekeys.kem ?? 0);
  return provider.hash(
    'sha256',
    concatBytes(
      SESSION_HASH,
      numbers,
      flight.senderDevice,
      headBytes(flight.senderHead),
      recipient,
      headBytes(flight.recipientHead),
      flight.ephemeral,
      // The only part of varying length, so it stands last.
      flight.kemCiphertext,
    ),
  );
}

function headBytes(head: ChainHead): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES);
  bytes.set(head.account);
  writeU64(bytes, 32, head.sequence);
  bytes.set(head.hash, 40);
  writeU64(bytes, 72, head.seenAt);
  return bytes;
}

/**
 * Hash of all that both sides must agree on, 32 bytes. It goes into the key agreement and into every message's
 * associated data. Suite, accounts, devices, chain heads and prekey ids are covered through the flight's hash.
 */
export function sessionAssociated(
  provider: CryptoProvider,
  hash: Uint8Array,
  initiator: Pick<RemoteDevice, 'ed25519' | 'x25519'>,
  responder: Pick<RemoteDevice, 'ed25519' | 'x25519'>,
  kemKey: Uint8Array | null,
): Uint8Array {
  return provider.hash(
    'sha256',
    concatBytes(
      SESSION,
      hash,
      initiator.ed25519,
      initiator.x25519,
      responder.ed25519,
      responder.x25519,
      kemKey ?? new Uint8Array(0),
    ),
  );
}
