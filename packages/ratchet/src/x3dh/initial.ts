import { CryptoError } from '@sotto/crypto';
import { concatBytes, encodeEnvelope, pad, unpad, WireError } from '@sotto/wire';
import type { DeviceId, Envelope, MailboxId } from '@sotto/wire';
import type { PairwiseComponents } from '../components.ts';
import { TAG_BYTES } from '../double-ratchet/state.ts';
import { RatchetError } from '../error.ts';
import { INITIAL } from '../labels.ts';
import { readPrekeyRecord } from '../prekeys/record.ts';
import { appendMessage, decodeFlight } from './flight.ts';
import type { Flight } from './flight.ts';
import { readOpening } from './opening.ts';
import { flightHash } from './transcript.ts';

const ENCAPSULATED_BYTES = 1120;
const AEAD = 16;
/** tag ‖ encapsulation ‖ AEAD tag */
const OVERHEAD = TAG_BYTES + ENCAPSULATED_BYTES + AEAD;

/** Binds the seal to the device and the mailbox it is for. */
function sealInfo(device: DeviceId, mailbox: MailboxId): Uint8Array {
  return concatBytes(INITIAL, device, mailbox);
}

/**
 * Seals a Double Ratchet message (`parts`, concatenated) as an initial message; returns the serialised envelope.
 * `header` holds the envelope's fields before the seal. The tag is random, so that the gateway cannot tell these envelopes
 * from others.
 */
export function sealInitial(
  { provider, keys, sealer }: PairwiseComponents,
  openingRecord: Uint8Array,
  mailbox: MailboxId,
  header: Uint8Array,
  parts: readonly Uint8Array[],
): Uint8Array {
  const opening = readOpening(openingRecord);
  const plaintext = pad(appendMessage(opening.firstFlight, ...parts), OVERHEAD);
  const tag = provider.random(TAG_BYTES);
  const key = keys.sealingKey(opening.sealingKey);
  const info = sealInfo(opening.recipient, mailbox);
  const sealed = sealer.seal(key, { info }, plaintext, concatBytes(tag, header));
  return encodeEnvelope(header, tag, sealed.encapsulated, sealed.ciphertext);
}

/** An initial message as its sender claims it; nothing of it is authenticated before `acceptInitial`. */
export interface InitialMessage extends Flight {
  /** Names the session, 32 bytes; the same in each initial message of a session. Shows replays. */
  readonly hash: Uint8Array;
}

export type OpenedInitial =
  | { readonly kind: 'opened'; readonly initial: InitialMessage }
  /** No initial message, or not for these keys. */
  | { readonly kind: 'not-opened' }
  | { readonly kind: 'unreadable'; readonly reason: 'damaged' | 'unsupported' };

export interface OpenInitialRequest {
  readonly envelope: Envelope;
  /** This device. */
  readonly device: DeviceId;
  /** Records of the sealing prekeys, newest first; each is tried. */
  readonly sealingKeys: readonly Uint8Array[];
}

/**
 * Takes the seal off an initial message and says who claims to have sent it and which prekeys are needed. Anyone who
 * has the device's sealing key can make such a message, so look the sender's keys up in a verified chain, then
 * `acceptInitial` (or `continueInitial`, when a session of this hash exists).
 * Throws `RatchetError` `malformed` or `unsupported` for prekey records.
 */
export function openInitial(components: PairwiseComponents, request: OpenInitialRequest): OpenedInitial {
  const { envelope, device, sealingKeys } = request;
  const plaintext = openSeal(components, envelope, device, sealingKeys);
  if (plaintext === null) return { kind: 'not-opened' };
  try {
    const flight = decodeFlight(unpad(plaintext));
    if (flight.suite !== envelope.suite) return { kind: 'unreadable', reason: 'damaged' };
    return { kind: 'opened', initial: { ...flight, hash: flightHash(components.provider, flight, device) } };
  } catch (error) {
    if (error instanceof WireError) return { kind: 'unreadable', reason: 'damaged' };
    if (!(error instanceof RatchetError)) throw error;
    return { kind: 'unreadable', reason: error.code === 'unsupported' ? 'unsupported' : 'damaged' };
  }
}

function openSeal(
  { keys, sealer }: PairwiseComponents,
  { sealed, mailbox, header }: Envelope,
  device: DeviceId,
  sealingKeys: readonly Uint8Array[],
): Uint8Array | null {
  if (sealed.length < OVERHEAD) return null;
  const associated = concatBytes(sealed.subarray(0, TAG_BYTES), header);
  const info = sealInfo(device, mailbox);
  const encapsulated = sealed.subarray(TAG_BYTES, TAG_BYTES + ENCAPSULATED_BYTES);
  const ciphertext = sealed.subarray(TAG_BYTES + ENCAPSULATED_BYTES);
  for (const record of sealingKeys) {
    const prekey = readPrekeyRecord(record);
    if (prekey.kind !== 'sealing') throw new RatchetError('parameters', 'not a sealing prekey');
    const key = keys.get('x-wing', prekey.name, prekey.bytes);
    const plaintext = refusedAsNull(() => sealer.open(key, { encapsulated, ciphertext }, { info }, associated));
    if (plaintext !== null) return plaintext;
  }
  return null;
}

/** An encapsulation that no sender can have made is not for us, and no reason to stop. */
function refusedAsNull<T>(open: () => T | null): T | null {
  try {
    return open();
  } catch (error) {
    if (error instanceof CryptoError) return null;
    throw error;
  }
}
