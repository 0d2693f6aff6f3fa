import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  deviceId,
  equalBytes,
  InitialMessageSchema,
  isGrease,
  readChainHead,
  safeNumber,
  SUITE_PQXDH,
  SUITE_X3DH,
  writeChainHead,
} from '@sotto/wire';
import type { ChainHead, DeviceId, SuiteId } from '@sotto/wire';
import { RatchetError } from '../error.ts';

/** The version of InitialMessage that this code writes and reads. */
export const FLIGHT_VERSION = 1;
export const KEM_CIPHERTEXT_BYTES = 1088;
/** The last field of InitialMessage: number 13, length-delimited. */
const MESSAGE_TAG = 0x6a;
/** Unix seconds in milliseconds stay exact numbers; not a policy. */
const LAST_START = 2 ** 40;

/** Ids of the prekeys that a session was started with. */
export interface UsedPrekeys {
  readonly signed: number;
  /** Null: the bundle had none. */
  readonly oneTime: number | null;
  /** One-time or last-resort KEM key; null with X3DH. */
  readonly kem: number | null;
}

/** The first flight: everything of an InitialMessage that is the same in each one of a session. */
export interface FirstFlight {
  readonly suite: SuiteId;
  readonly senderDevice: DeviceId;
  readonly senderHead: ChainHead;
  /** Serialised sotto.identity.v1.Sigchain; null when the sender left it out. */
  readonly senderChain: Uint8Array | null;
  /** X25519, 32 bytes. */
  readonly ephemeral: Uint8Array;
  readonly prekeys: UsedPrekeys;
  /** 1088 bytes, or none with X3DH. */
  readonly kemCiphertext: Uint8Array;
  readonly recipientHead: ChainHead;
  /** Unix seconds by the sender's clock. */
  readonly startedAt: number;
}

/** An InitialMessage. */
export interface Flight extends FirstFlight {
  /** The Double Ratchet message it carries. */
  readonly message: Uint8Array;
}

/** Serialises an InitialMessage without its message, which `appendMessage` adds. */
export function encodeFirstFlight(flight: FirstFlight): Uint8Array {
  return toBinary(
    InitialMessageSchema,
    create(InitialMessageSchema, {
      version: FLIGHT_VERSION,
      suite: flight.suite,
      senderDevice: flight.senderDevice,
      senderHead: writeChainHead(flight.senderHead),
      ...(flight.senderChain === null ? {} : { senderChain: flight.senderChain }),
      ephemeral: flight.ephemeral,
      signedPrekeyId: flight.prekeys.signed,
      oneTimeId: flight.prekeys.oneTime ?? 0,
      kemId: flight.prekeys.kem ?? 0,
      kemCiphertext: flight.kemCiphertext,
      recipientHead: writeChainHead(flight.recipientHead),
      startedAt: BigInt(flight.startedAt),
    }),
  );
}

/** The InitialMessage as protobuf would write it: its message is the last field. `parts` are concatenated. */
export function appendMessage(firstFlight: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const prefix = [MESSAGE_TAG];
  for (let rest = length; ; rest >>>= 7) {
    prefix.push(rest < 0x80 ? rest : (rest & 0x7f) | 0x80);
    if (rest < 0x80) break;
  }
  const bytes = new Uint8Array(firstFlight.length + prefix.length + length);
  bytes.set(firstFlight);
  bytes.set(prefix, firstFlight.length);
  let at = firstFlight.length + prefix.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * Parses an InitialMessage strictly: canonical, every field in range, KEM fields exactly with the suite that has them.
 * Throws `RatchetError` `unsupported` for an unknown version or suite, `malformed` for the rest.
 */
export function decodeFlight(bytes: Uint8Array): Flight {
  const message = canonical(bytes);
  if (message.version !== FLIGHT_VERSION) {
    throw new RatchetError('unsupported', `${isGrease(message.version) ? 'a reserved' : 'an unknown'} version`);
  }
  const suite = message.suite;
  if (suite !== SUITE_PQXDH && suite !== SUITE_X3DH) throw new RatchetError('unsupported', 'an unknown suite');
  const { senderHead, recipientHead } = message;
  if (senderHead === undefined || recipientHead === undefined) throw malformed();
  const withKem = suite === SUITE_PQXDH;
  const kemFits = withKem
    ? message.kemId !== 0 && message.kemCiphertext.length === KEM_CIPHERTEXT_BYTES
    : message.kemId === 0 && message.kemCiphertext.length === 0;
  if (!kemFits || message.signedPrekeyId === 0 || message.ephemeral.length !== 32) throw malformed();
  try {
    return {
      suite,
      senderDevice: deviceId(message.senderDevice),
      senderHead: readChainHead(senderHead),
      senderChain: message.senderChain.length === 0 ? null : message.senderChain,
      ephemeral: message.ephemeral,
      prekeys: {
        signed: message.signedPrekeyId,
        oneTime: message.oneTimeId === 0 ? null : message.oneTimeId,
        kem: withKem ? message.kemId : null,
      },
      kemCiphertext: message.kemCiphertext,
      recipientHead: readChainHead(recipientHead),
      startedAt: startTime(message.startedAt),
      message: message.message,
    };
  } catch (cause) {
    throw new RatchetError('malformed', 'an initial message is malformed', { cause });
  }
}

function canonical(bytes: Uint8Array) {
  try {
    const message = fromBinary(InitialMessageSchema, bytes, { readUnknownFields: false });
    if (equalBytes(toBinary(InitialMessageSchema, message), bytes)) return message;
  } catch (cause) {
    throw new RatchetError('malformed', 'not an initial message', { cause });
  }
  throw malformed();
}

function startTime(value: bigint): number {
  const seconds = safeNumber(value);
  if (seconds > LAST_START) throw malformed();
  return seconds;
}

function malformed(): RatchetError {
  return new RatchetError('malformed', 'an initial message is malformed');
}
