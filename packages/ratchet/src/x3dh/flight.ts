import {
  deviceId,
  isGrease,
  StrictReader,
  SUITE_PQXDH,
  SUITE_X3DH,
  varintLength,
  WireError,
  writeVarint,
} from '@sotto/wire';
import type { ChainHead, DeviceId, SuiteId } from '@sotto/wire';
import { RatchetError } from '../error.ts';
import { chainHeadLength, decodeChainHead, readNumber, writeChainHeadAt, writeNumber } from './chain-head.ts';

/** The version of InitialMessage that this code writes and reads. */
export const FLIGHT_VERSION = 1;
const KEM_CIPHERTEXT_BYTES = 1088;
/** Unix seconds in milliseconds stay exact numbers; not a policy. */
const LAST_START = 2 ** 40;
const LAST_ID = 0xffff_ffff;

// Field tags of sotto.session.v1.InitialMessage: number << 3 | wire type. Written and read by hand, because a generated
// reader accepts what must be refused here (fields twice, out of order, unknown), and checking that by writing it again
// costs more than the whole of this.
const FIELD = {
  version: 0x08,
  suite: 0x10,
  senderDevice: 0x1a,
  senderHead: 0x22,
  senderChain: 0x2a,
  ephemeral: 0x32,
  signedPrekeyId: 0x38,
  oneTimeId: 0x40,
  kemId: 0x48,
  kemCiphertext: 0x52,
  recipientHead: 0x5a,
  startedAt: 0x60,
  message: 0x6a,
} as const;

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
  const { senderChain, kemCiphertext, prekeys } = flight;
  const room = 128 + 2 * 96 + (senderChain?.length ?? 0) + kemCiphertext.length;
  const bytes = new Uint8Array(room);
  let at = writeNumber(bytes, 0, FIELD.version, FLIGHT_VERSION);
  at = writeNumber(bytes, at, FIELD.suite, flight.suite);
  at = writeBytes(bytes, at, FIELD.senderDevice, flight.senderDevice);
  at = writeHead(bytes, at, FIELD.senderHead, flight.senderHead);
  if (senderChain !== null) at = writeBytes(bytes, at, FIELD.senderChain, senderChain);
  at = writeBytes(bytes, at, FIELD.ephemeral, flight.ephemeral);
  at = writeNumber(bytes, at, FIELD.signedPrekeyId, prekeys.signed);
  at = writeNumber(bytes, at, FIELD.oneTimeId, prekeys.oneTime ?? 0);
  at = writeNumber(bytes, at, FIELD.kemId, prekeys.kem ?? 0);
  if (kemCiphertext.length > 0) at = writeBytes(bytes, at, FIELD.kemCiphertext, kemCiphertext);
  at = writeHead(bytes, at, FIELD.recipientHead, flight.recipientHead);
  at = writeNumber(bytes, at, FIELD.startedAt, flight.startedAt);
  return bytes.subarray(0, at);
}

function writeBytes(bytes: Uint8Array, at: number, tag: number, value: Uint8Array): number {
  bytes[at] = tag;
  const start = writeVarint(bytes, at + 1, value.length);
  bytes.set(value, start);
  return start + value.length;
}

function writeHead(bytes: Uint8Array, at: number, tag: number, head: ChainHead): number {
  bytes[at] = tag;
  bytes[at + 1] = chainHeadLength(head);
  return writeChainHeadAt(bytes, at + 2, head);
}

/** The InitialMessage as protobuf would write it: its message is the last field. `parts` are concatenated. */
export function appendMessage(firstFlight: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const bytes = new Uint8Array(firstFlight.length + 1 + varintLength(length) + length);
  bytes.set(firstFlight);
  bytes[firstFlight.length] = FIELD.message;
  let at = writeVarint(bytes, firstFlight.length + 1, length);
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * Parses an InitialMessage strictly: every field once, in order, in its shortest form, in range, and KEM fields exactly
 * with the suite that has them. Byte fields are views.
 * Throws `RatchetError` `unsupported` for an unknown version or suite, `malformed` for the rest.
 */
export function decodeFlight(bytes: Uint8Array): Flight {
  try {
    return readFlight(new StrictReader(bytes));
  } catch (cause) {
    if (cause instanceof WireError) throw new RatchetError('malformed', 'an initial message is malformed', { cause });
    throw cause;
  }
}

function readFlight(reader: StrictReader): Flight {
  reader.tag(FIELD.version);
  const version = reader.varint();
  if (version !== FLIGHT_VERSION) {
    throw new RatchetError('unsupported', `${isGrease(version) ? 'a reserved' : 'an unknown'} version`);
  }
  reader.tag(FIELD.suite);
  const suite = reader.varint();
  if (suite !== SUITE_PQXDH && suite !== SUITE_X3DH) throw new RatchetError('unsupported', 'an unknown suite');
  const withKem = suite === SUITE_PQXDH;
  const flight = {
    suite,
    senderDevice: deviceId(readBytes(reader, FIELD.senderDevice)),
    senderHead: decodeChainHead(readBytes(reader, FIELD.senderHead)),
    senderChain: reader.optional(FIELD.senderChain) ? nonEmpty(reader.take(reader.varint())) : null,
    ephemeral: exactly(32, readBytes(reader, FIELD.ephemeral)),
    prekeys: {
      signed: needed(readNumber(reader, FIELD.signedPrekeyId, LAST_ID)),
      oneTime: orNull(readNumber(reader, FIELD.oneTimeId, LAST_ID)),
      kem: withKem ? needed(readNumber(reader, FIELD.kemId, LAST_ID)) : null,
    },
    kemCiphertext: withKem ? exactly(KEM_CIPHERTEXT_BYTES, readBytes(reader, FIELD.kemCiphertext)) : new Uint8Array(0),
    recipientHead: decodeChainHead(readBytes(reader, FIELD.recipientHead)),
    startedAt: needed(readNumber(reader, FIELD.startedAt, LAST_START)),
    message: readBytes(reader, FIELD.message),
  };
  reader.end();
  return flight;
}

function readBytes(reader: StrictReader, tag: number): Uint8Array {
  reader.tag(tag);
  return reader.take(reader.varint());
}

function exactly(length: number, bytes: Uint8Array): Uint8Array {
  if (bytes.length !== length) throw malformed();
  return bytes;
}

function nonEmpty(bytes: Uint8Array): Uint8Array {
  if (bytes.length === 0) throw malformed();
  return bytes;
}

function needed(value: number): number {
  if (value === 0) throw malformed();
  return value;
}

function orNull(value: number): number | null {
  return value === 0 ? null : value;
}

function malformed(): RatchetError {
  return new RatchetError('malformed', 'an initial message is malformed');
}
