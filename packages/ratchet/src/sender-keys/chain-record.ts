import { equalBytes } from '@sotto/wire';
import { RatchetError } from '../error.ts';
import { readU16, readU32, readU64, writeU16, writeU32, writeU64 } from '../numbers.ts';
import { CHAIN_BYTES, KEY_BYTES, MAX_GROUP_BYTES, VERSION } from './limits.ts';
import { SENDER_KEYS } from './suite.ts';

/** Whose chain it is, and for which group. */
export interface SenderKeyOwner {
  /** 1 to 64 bytes. */
  readonly group: Uint8Array;
  /** AccountId, 32 bytes. */
  readonly account: Uint8Array;
  /** DeviceId, 16 bytes. */
  readonly device: Uint8Array;
}

/** What never changes about a chain. Arrays are views of the record; those without a length have 32 bytes. */
export interface Chain extends SenderKeyOwner {
  /** Random name, 16 bytes. */
  readonly chain: Uint8Array;
  /** Unix ms by the own clock: made or received. */
  readonly createdAt: number;
  /** The first message whose key this side was given. */
  readonly firstIndex: number;
  /** Hash of all that a message is bound to: group, sender, chain, signature key. */
  readonly context: Uint8Array;
  /** Seals headers. */
  readonly headerKey: Uint8Array;
  /** Key of the keystream that tags are cut from. */
  readonly tagKey: Uint8Array;
  /** Ed25519 public key. */
  readonly signatureKey: Uint8Array;
}

/** An own chain: also what it is distributed and signed with. */
export interface OwnChain extends Chain {
  /** What the header and tag keys are derived from. */
  readonly headerSecret: Uint8Array;
  /** Ed25519 private key. */
  readonly seed: Uint8Array;
}

/** Second byte of a record, so that one cannot be taken for another. */
export const RECORD_KINDS = { own: 1, peer: 2, ownState: 3, peerState: 4, skipped: 5 } as const;

const AT = {
  version: 0,
  kind: 1,
  suite: 2,
  createdAt: 4,
  firstIndex: 12,
  chain: 16,
  account: 32,
  device: 64,
  context: 80,
  headerKey: 112,
  tagKey: 144,
  signatureKey: 176,
  peerEnd: 208,
  headerSecret: 208,
  seed: 240,
  ownEnd: 272,
} as const;

/** The record of a chain, own when there is a seed: fixed layout, big-endian integers, the group last after its length. */
export function writeChain(chain: Chain | OwnChain): Uint8Array {
  const own = 'seed' in chain;
  const end = own ? AT.ownEnd : AT.peerEnd;
  const record = new Uint8Array(new ArrayBuffer(end + 1 + chain.group.length));
  record[AT.version] = VERSION;
  record[AT.kind] = own ? RECORD_KINDS.own : RECORD_KINDS.peer;
  writeU16(record, AT.suite, SENDER_KEYS);
  writeU64(record, AT.createdAt, chain.createdAt);
  writeU32(record, AT.firstIndex, chain.firstIndex);
  record.set(chain.chain, AT.chain);
  record.set(chain.account, AT.account);
  record.set(chain.device, AT.device);
  record.set(chain.context, AT.context);
  record.set(chain.headerKey, AT.headerKey);
  record.set(chain.tagKey, AT.tagKey);
  record.set(chain.signatureKey, AT.signatureKey);
  if (own) {
    record.set(chain.headerSecret, AT.headerSecret);
    record.set(chain.seed, AT.seed);
  }
  record[end] = chain.group.length;
  record.set(chain.group, end + 1);
  return record;
}

/** Throws `RatchetError` `unsupported` or `malformed`. */
export function readOwnChain(record: Uint8Array): OwnChain {
  const chain = readChain(record, RECORD_KINDS.own, AT.ownEnd);
  return {
    ...chain,
    headerSecret: record.subarray(AT.headerSecret, AT.headerSecret + KEY_BYTES),
    seed: record.subarray(AT.seed, AT.seed + KEY_BYTES),
  };
}

/** Throws `RatchetError` `unsupported` or `malformed`. */
export function readPeerChain(record: Uint8Array): Chain {
  return readChain(record, RECORD_KINDS.peer, AT.peerEnd);
}

/** Either kind. Throws `RatchetError` `unsupported` or `malformed`. */
export function readAnyChain(record: Uint8Array): Chain & { readonly kind: 'own' | 'peer' } {
  return record[AT.kind] === RECORD_KINDS.own
    ? { kind: 'own', ...readOwnChain(record) }
    : { kind: 'peer', ...readPeerChain(record) };
}

function readChain(record: Uint8Array, kind: number, end: number): Chain {
  checkRecord(record, kind);
  const groupLength = record[end] ?? 0;
  if (groupLength === 0 || groupLength > MAX_GROUP_BYTES || record.length !== end + 1 + groupLength) {
    throw new RatchetError('malformed', 'a sender key record is damaged');
  }
  if (readU16(record, AT.suite) !== SENDER_KEYS) {
    throw new RatchetError('unsupported', 'a sender key record of a suite this program does not speak');
  }
  const key = (at: number) => record.subarray(at, at + KEY_BYTES);
  return {
    createdAt: readU64(record, AT.createdAt),
    firstIndex: readU32(record, AT.firstIndex),
    chain: record.subarray(AT.chain, AT.chain + CHAIN_BYTES),
    account: key(AT.account),
    device: record.subarray(AT.device, AT.context),
    context: key(AT.context),
    headerKey: key(AT.headerKey),
    tagKey: key(AT.tagKey),
    signatureKey: key(AT.signatureKey),
    group: record.subarray(end + 1),
  };
}

/** Throws `RatchetError` `unsupported` for another version, `malformed` for a record of another kind. */
export function checkRecord(record: Uint8Array, kind: number): void {
  if (record[AT.version] !== VERSION) {
    throw new RatchetError('unsupported', 'a sender key record of a version this program does not speak');
  }
  if (record[AT.kind] !== kind) throw new RatchetError('malformed', 'a sender key record of another kind');
}

/** Records of different chains in one call would encrypt or decrypt nonsense. Throws `RatchetError` `parameters`. */
export function requireSameChain(a: Uint8Array, b: Uint8Array): void {
  if (!equalBytes(a, b)) throw new RatchetError('parameters', 'records of different sender keys');
}

/** Throws `RatchetError` `parameters`. */
export function requireOwner({ group, account, device }: SenderKeyOwner): void {
  const fits = group.length > 0 && group.length <= MAX_GROUP_BYTES && account.length === 32 && device.length === 16;
  if (!fits) throw new RatchetError('parameters', 'a group, account or device id of a wrong length');
}
