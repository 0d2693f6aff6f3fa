import { create, toBinary } from '@bufbuild/protobuf';
import { isGrease, LiveAnswerSchema, LiveHelloSchema, readChainHead, safeNumber, writeChainHead } from '@sotto/wire';
import type { ChainHead, LiveAnswer, LiveHello } from '@sotto/wire';
import { RatchetError } from '../error.ts';
import { parseStrict } from '../protobuf.ts';

const VERSION = 1;
const KEY_BYTES = 32;
const KEM_KEY_BYTES = 1184;
const KEM_CIPHERTEXT_BYTES = 1088;

/** Chain heads as one side sees them. */
export interface Heads {
  readonly own: ChainHead;
  readonly peer: ChainHead;
}

/** Payload of the first message. */
export interface Hello {
  readonly heads: Heads;
  /** Unix seconds */
  readonly startedAt: number;
  /** ML-KEM-768, 1184 bytes */
  readonly kemKey: Uint8Array;
  /** X25519 */
  readonly ratchetKey: Uint8Array;
}

/** Payload of the second message. */
export interface Answer {
  readonly heads: Heads;
  /** 1088 bytes */
  readonly kemCiphertext: Uint8Array;
  /** X25519 */
  readonly ratchetKey: Uint8Array;
  /** X25519 */
  readonly nextRatchetKey: Uint8Array;
}

export function encodeHello({ heads, startedAt, kemKey, ratchetKey }: Hello): Uint8Array {
  return toBinary(
    LiveHelloSchema,
    create(LiveHelloSchema, {
      version: VERSION,
      ...headFields(heads),
      startedAt: BigInt(startedAt),
      kemKey,
      ratchetKey,
    }),
  );
}

/** Throws `RatchetError` `unsupported` or `malformed`. */
export function decodeHello(bytes: Uint8Array): Hello {
  const message = parseStrict(LiveHelloSchema, bytes);
  requireVersion(message.version);
  const { kemKey, ratchetKey } = message;
  if (kemKey.length !== KEM_KEY_BYTES || ratchetKey.length !== KEY_BYTES) throw malformed();
  const startedAt = readNumber(message.startedAt);
  if (startedAt === 0) throw malformed();
  return { heads: readHeads(message), startedAt, kemKey, ratchetKey };
}

export function encodeAnswer({ heads, kemCiphertext, ratchetKey, nextRatchetKey }: Answer): Uint8Array {
  return toBinary(
    LiveAnswerSchema,
    create(LiveAnswerSchema, { version: VERSION, ...headFields(heads), kemCiphertext, ratchetKey, nextRatchetKey }),
  );
}

/** Throws `RatchetError` `unsupported` or `malformed`. */
export function decodeAnswer(bytes: Uint8Array): Answer {
  const message = parseStrict(LiveAnswerSchema, bytes);
  requireVersion(message.version);
  const { kemCiphertext, ratchetKey, nextRatchetKey } = message;
  const keysFit = ratchetKey.length === KEY_BYTES && nextRatchetKey.length === KEY_BYTES;
  if (!keysFit || kemCiphertext.length !== KEM_CIPHERTEXT_BYTES) throw malformed();
  return { heads: readHeads(message), kemCiphertext, ratchetKey, nextRatchetKey };
}

function headFields({ own, peer }: Heads) {
  return { senderHead: writeChainHead(own), recipientHead: writeChainHead(peer) };
}

/** The sender's own head is the reader's peer head. */
function readHeads({ senderHead, recipientHead }: LiveHello | LiveAnswer): Heads {
  if (senderHead === undefined || recipientHead === undefined) throw malformed();
  try {
    return { own: readChainHead(recipientHead), peer: readChainHead(senderHead) };
  } catch (cause) {
    throw new RatchetError('malformed', 'a live handshake names no chain heads', { cause });
  }
}

function readNumber(value: bigint): number {
  try {
    return safeNumber(value);
  } catch (cause) {
    throw new RatchetError('malformed', 'a time outside its range', { cause });
  }
}

function requireVersion(version: number): void {
  if (version === VERSION) return;
  throw new RatchetError('unsupported', isGrease(version) ? 'a reserved version' : 'an unknown version');
}

function malformed(): RatchetError {
  return new RatchetError('malformed', 'a live handshake with fields missing or of wrong lengths');
}
