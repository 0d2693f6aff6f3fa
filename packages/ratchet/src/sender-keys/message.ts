import type { CryptoProvider } from '@sotto/crypto';
import { asciiBytes, concatBytes } from '@sotto/wire';
import { TAG_BYTES } from '../double-ratchet/state.ts';
import { RatchetError } from '../error.ts';
import { readU32, writeU32 } from '../numbers.ts';
import { AEAD_TAG_BYTES, KEY_BYTES, SALT_BYTES, SIGNATURE_BYTES, VERSION } from './limits.ts';

// A message: tag (8) ‖ salt (16) ‖ sealed header (117) ‖ sealed body. All of it looks random to who is no member: the
// signature, which would not, is part of the header.

/** What the header says. Arrays are views. */
export interface Header {
  readonly index: number;
  /** SHA-256 of the roster that the sender was sending to. */
  readonly roster: Uint8Array;
  /** Ed25519, over `signedPart`. */
  readonly signature: Uint8Array;
}

const HEADER_BYTES = 1 + 4 + KEY_BYTES + SIGNATURE_BYTES;
const ENVELOPING = TAG_BYTES + SALT_BYTES;
const BODY_AT = ENVELOPING + HEADER_BYTES + AEAD_TAG_BYTES;

/** Bytes that a message is longer than its padded content. */
export const SENDER_KEY_OVERHEAD = BODY_AT + AEAD_TAG_BYTES;

/** Views of a message's parts. Null when it is too short to be one. */
export function splitMessage(message: Uint8Array) {
  if (message.length < SENDER_KEY_OVERHEAD) return null;
  return {
    tag: message.subarray(0, TAG_BYTES),
    salt: message.subarray(TAG_BYTES, ENVELOPING),
    /** tag ‖ salt: associated data of the header */
    clear: message.subarray(0, ENVELOPING),
    header: message.subarray(ENVELOPING, BODY_AT),
    body: message.subarray(BODY_AT),
  };
}

export function encodeHeader({ index, roster, signature }: Header): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  bytes[0] = VERSION;
  writeU32(bytes, 1, index);
  bytes.set(roster, 5);
  bytes.set(signature, 5 + KEY_BYTES);
  return bytes;
}

/** Throws `RatchetError` `unsupported` for a version this code does not know. */
export function decodeHeader(bytes: Uint8Array): Header {
  if (bytes[0] !== VERSION) throw new RatchetError('unsupported', 'a message version this program does not speak');
  return {
    index: readU32(bytes, 1),
    roster: bytes.subarray(5, 5 + KEY_BYTES),
    signature: bytes.subarray(5 + KEY_BYTES, HEADER_BYTES),
  };
}

/** Nonce of the header: as random as the salt that it is the first 12 bytes of. */
export function headerNonce(salt: Uint8Array): Uint8Array {
  return salt.subarray(0, 12);
}

const LABEL = asciiBytes('sotto/v1/sender-key-message');
const BOUND_BYTES = LABEL.length + KEY_BYTES + 1 + 4 + KEY_BYTES + ENVELOPING + 4;

export interface Bound {
  /** See `chainContext`: group, sender, chain and signature key. */
  readonly context: Uint8Array;
  readonly index: number;
  readonly roster: Uint8Array;
  /** tag ‖ salt */
  readonly clear: Uint8Array;
  /** What the caller binds to the message without sending it. */
  readonly associated: Uint8Array;
}

/**
 * What the body is bound to, as its associated data: label ‖ context ‖ version ‖ index ‖ roster ‖ tag ‖ salt ‖ length of
 * the associated data ‖ associated data.
 */
export function boundPart(parts: Bound): Uint8Array {
  const bound = new Uint8Array(BOUND_BYTES + parts.associated.length);
  let at = LABEL.length;
  bound.set(LABEL);
  bound.set(parts.context, at);
  at += KEY_BYTES;
  bound[at] = VERSION;
  writeU32(bound, at + 1, parts.index);
  at += 5;
  bound.set(parts.roster, at);
  at += KEY_BYTES;
  bound.set(parts.clear, at);
  at += ENVELOPING;
  writeU32(bound, at, parts.associated.length);
  bound.set(parts.associated, at + 4);
  return bound;
}

/**
 * What the signature covers: `bound` ‖ SHA-256 of the sealed body. Signing with Ed25519 reads its input twice; nothing
 * rests on the hash in between but the collision resistance that a signature needs anyway.
 */
export function signedPart(provider: CryptoProvider, bound: Uint8Array, body: Uint8Array): Uint8Array {
  return concatBytes(bound, provider.hash('sha256', body));
}
