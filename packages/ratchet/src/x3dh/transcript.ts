import type { CryptoProvider } from '@sotto/crypto';
import { concatBytes } from '@sotto/wire';
import type { ChainHead, DeviceId } from '@sotto/wire';
import { SESSION, SESSION_HASH } from '../labels.ts';
import { writeU16, writeU32, writeU64 } from '../numbers.ts';
import { FLIGHT_VERSION } from './flight.ts';
import type { FirstFlight } from './flight.ts';
import type { RemoteDevice } from './parties.ts';

// What the hash covers, after its label. A head is account (32) ‖ sequence (8) ‖ hash (32) ‖ seen at (8).
const START = SESSION_HASH.length;
const AT = {
  version: START,
  suite: START + 2,
  startedAt: START + 4,
  signed: START + 12,
  oneTime: START + 16,
  kem: START + 20,
  sender: START + 24,
  senderHead: START + 40,
  recipient: START + 120,
  recipientHead: START + 136,
  ephemeral: START + 216,
  /** The only part of varying length, so it stands last. */
  kemCiphertext: START + 248,
} as const;

/**
 * Hash of a first flight, 32 bytes: names the session on both sides, shows a replay, and decides between two sessions.
 * It covers everything but the chain (which is covered by its head) and needs no keys.
 */
export function flightHash(provider: CryptoProvider, flight: FirstFlight, recipient: DeviceId): Uint8Array {
  const bytes = new Uint8Array(AT.kemCiphertext + flight.kemCiphertext.length);
  bytes.set(SESSION_HASH);
  writeU16(bytes, AT.version, FLIGHT_VERSION);
  writeU16(bytes, AT.suite, flight.suite);
  writeU64(bytes, AT.startedAt, flight.startedAt);
  writeU32(bytes, AT.signed, flight.prekeys.signed);
  writeU32(bytes, AT.oneTime, flight.prekeys.oneTime ?? 0);
  writeU32(bytes, AT.kem, flight.prekeys.kem ?? 0);
  bytes.set(flight.senderDevice, AT.sender);
  writeHead(bytes, AT.senderHead, flight.senderHead);
  bytes.set(recipient, AT.recipient);
  writeHead(bytes, AT.recipientHead, flight.recipientHead);
  bytes.set(flight.ephemeral, AT.ephemeral);
  bytes.set(flight.kemCiphertext, AT.kemCiphertext);
  return provider.hash('sha256', bytes);
}

function writeHead(bytes: Uint8Array, at: number, head: ChainHead): void {
  bytes.set(head.account, at);
  writeU64(bytes, at + 32, head.sequence);
  bytes.set(head.hash, at + 40);
  writeU64(bytes, at + 72, head.seenAt);
}

/**
 * Hash of all that both sides must agree on, 32 bytes. It goes into the key agreement and into every message's
 * associated data. Suite, accounts, devices, chain heads and prekey ids are covered through the flight's hash, and the KEM
 * public key through `kemKeyHash`, its SHA-256; null without one.
 */
export function sessionAssociated(
  provider: CryptoProvider,
  hash: Uint8Array,
  initiator: Pick<RemoteDevice, 'ed25519' | 'x25519'>,
  responder: Pick<RemoteDevice, 'ed25519' | 'x25519'>,
  kemKeyHash: Uint8Array | null,
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
      kemKeyHash ?? new Uint8Array(0),
    ),
  );
}
