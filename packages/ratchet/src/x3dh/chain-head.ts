import { accountId, statementHash, StrictReader, varintLength, writeVarint } from '@sotto/wire';
import type { ChainHead } from '@sotto/wire';
import { RatchetError } from '../error.ts';

// sotto.wire.v1.ChainHead, written and read as protobuf does: numbers that are 0 are left out.
const ACCOUNT = 0x0a;
const SEQUENCE = 0x10;
const HASH = 0x1a;
const SEEN_AT = 0x20;

/** The last instant a Date can hold, ms. */
const MAX_TIME = 8_640_000_000_000_000;

/** Serialised length in bytes; below 128. */
export function chainHeadLength({ sequence, seenAt }: ChainHead): number {
  return 68 + numberLength(sequence) + numberLength(seenAt);
}

function numberLength(value: number): number {
  return value === 0 ? 0 : 1 + varintLength(value);
}

/** Writes a head at `at` and returns the position after it. */
export function writeChainHeadAt(bytes: Uint8Array, at: number, head: ChainHead): number {
  bytes[at] = ACCOUNT;
  bytes[at + 1] = 32;
  bytes.set(head.account, at + 2);
  let next = writeNumber(bytes, at + 34, SEQUENCE, head.sequence);
  bytes[next] = HASH;
  bytes[next + 1] = 32;
  bytes.set(head.hash, next + 2);
  next = writeNumber(bytes, next + 34, SEEN_AT, head.seenAt);
  return next;
}

/** Writes a field unless its value is 0; returns the position after it. */
export function writeNumber(bytes: Uint8Array, at: number, tag: number, value: number): number {
  if (value === 0) return at;
  bytes[at] = tag;
  return writeVarint(bytes, at + 1, value);
}

/** A number field that is left out when it is 0. Throws `RatchetError` `malformed`. */
export function readNumber(reader: StrictReader, tag: number, limit: number): number {
  if (!reader.optional(tag)) return 0;
  const value = reader.varint();
  if (value === 0 || value > limit) throw new RatchetError('malformed', 'a number that is out of range');
  return value;
}

/** Reads a serialised head strictly. Throws `RatchetError` or `WireError`. */
export function decodeChainHead(bytes: Uint8Array): ChainHead {
  const reader = new StrictReader(bytes);
  reader.tag(ACCOUNT);
  const account = accountId(reader.take(reader.varint()));
  const sequence = readNumber(reader, SEQUENCE, Number.MAX_SAFE_INTEGER);
  reader.tag(HASH);
  const hash = statementHash(reader.take(reader.varint()));
  const seenAt = readNumber(reader, SEEN_AT, MAX_TIME);
  reader.end();
  return { account, sequence, hash, seenAt };
}
