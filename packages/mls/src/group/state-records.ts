import type { SuiteCrypto } from '../suite.ts';
import type { Reader } from '../codec/reader.ts';
import { Writer } from '../codec/writer.ts';
import { MlsError } from '../error.ts';
import { encodeAuthenticatedContent, readAuthenticatedContent } from '../messages/authenticated.ts';
import type { AuthenticatedContent } from '../messages/authenticated.ts';
import { readProposal, writeProposal } from '../messages/proposal.ts';
import type { Proposal } from '../messages/proposal.ts';
import type { RatchetTree } from '../tree/ratchet-tree.ts';
import type { OwnUpdate, Staged } from './stage.ts';
import { decodeStaged, encodeStaged } from './staged-record.ts';

/** Of the `group` record. */
const RECORD_VERSION = 1;

/** Whether a group goes on: `removed` members and groups that were re-initialised can only read what is late. */
export type GroupStatus =
  | { readonly kind: 'active' }
  | { readonly kind: 'removed' }
  | { readonly kind: 'reinitialised'; readonly reinit: Extract<Proposal, { kind: 'reinit' }> };

/** A proposal of the current epoch, as it was sent. */
export interface KeptProposal {
  readonly content: AuthenticatedContent;
  readonly ref: Uint8Array;
  readonly ownUpdate: OwnUpdate | null;
}

/** An epoch that is over. */
export interface PastEntry {
  readonly id: string;
  readonly epoch: bigint;
  /** Leaves that its tree had room for. */
  readonly width: number;
  /** Unix ms. */
  readonly endedAt: number;
}

/** An epoch that can be gone back to. */
export interface SnapshotEntry extends PastEntry {
  /** Of the commit that began it. */
  readonly digest: Uint8Array | null;
  readonly status: GroupStatus;
  /** The epoch that it followed; null for the one that this member came in with. */
  readonly parent: string | null;
  /** The kept or current epoch that its record is relative to. */
  readonly base: string;
}

/** An own commit that is not yet accepted. */
export interface PendingEpoch {
  readonly staged: Staged;
  readonly reinit: Extract<Proposal, { kind: 'reinit' }> | null;
}

/** The `group` record: which other records there are. */
export interface GroupIndex {
  readonly cipherSuite: number;
  /** The epoch before the current one, if this member was in it. */
  readonly parent: string | null;
  readonly nodeCount: number;
  readonly status: GroupStatus;
  readonly past: readonly PastEntry[];
  readonly snapshots: readonly SnapshotEntry[];
  /** In hexadecimal, as all ids here. */
  readonly proposalRefs: readonly string[];
  readonly pendingDigests: readonly string[];
  readonly heldDigests: readonly string[];
}

const STATUS_KINDS = ['active', 'removed', 'reinitialised'] as const;

export function encodeProposal({ content, ref, ownUpdate }: KeptProposal): Uint8Array {
  const writer = new Writer(512).vector(ref).raw(encodeAuthenticatedContent(content));
  return writer
    .optional(ownUpdate, (inner, { leafKey, signer }) => {
      using key = leafKey.export();
      using signing = signer.export();
      inner.vector(key.reveal()).vector(signing.reveal());
    })
    .finish();
}

export function readProposalRecord(crypto: SuiteCrypto, reader: Reader): KeptProposal {
  return {
    ref: reader.vector(),
    content: readAuthenticatedContent(reader),
    ownUpdate: reader.optional((inner) => ({
      leafKey: crypto.importKey(inner.vector()),
      signer: crypto.importSigner(inner.vector()),
    })),
  };
}

export function encodePending({ staged, reinit }: PendingEpoch, base: RatchetTree): Uint8Array {
  return new Writer(4096).optional(reinit, writeProposal).vector(encodeStaged(staged, base)).finish();
}

export function readPending(crypto: SuiteCrypto, reader: Reader, base: RatchetTree): PendingEpoch {
  const reinit = reader.optional(readReinit);
  return { reinit, staged: decodeStaged(crypto, reader.vector(), base) };
}

export function encodeIndex(index: GroupIndex): Uint8Array {
  const writer = new Writer(256).uint8(RECORD_VERSION).uint16(index.cipherSuite);
  writeStatus(writer.optional(index.parent, writeText).uint32(index.nodeCount), index.status);
  return writer
    .list(index.past, writePastEntry)
    .list(index.snapshots, (inner, entry) => {
      writePastEntry(inner, entry);
      inner.optional(entry.digest, (nested, bytes) => nested.vector(bytes));
      writeStatus(inner, entry.status);
      inner.optional(entry.parent, writeText);
      writeText(inner, entry.base);
    })
    .list(index.proposalRefs, writeText)
    .list(index.pendingDigests, writeText)
    .list(index.heldDigests, writeText)
    .finish();
}

export function readIndex(reader: Reader): GroupIndex {
  if (reader.uint8() !== RECORD_VERSION) throw new MlsError('record', 'a stored group has another format');
  return {
    cipherSuite: reader.uint16(),
    parent: reader.optional(readText),
    nodeCount: reader.uint32(),
    status: readStatus(reader),
    past: reader.list(readPastEntry),
    snapshots: reader.list((inner) => ({
      ...readPastEntry(inner),
      digest: inner.optional((nested) => nested.vector()),
      status: readStatus(inner),
      parent: inner.optional(readText),
      base: readText(inner),
    })),
    proposalRefs: reader.list(readText),
    pendingDigests: reader.list(readText),
    heldDigests: reader.list(readText),
  };
}

function writePastEntry(writer: Writer, { id, epoch, width, endedAt }: PastEntry): void {
  writeText(writer, id);
  writer.uint64(epoch).uint32(width).uint64(BigInt(endedAt));
}

function readPastEntry(reader: Reader): PastEntry {
  return { id: readText(reader), epoch: reader.uint64(), width: reader.uint32(), endedAt: Number(reader.uint64()) };
}

function writeStatus(writer: Writer, status: GroupStatus): void {
  writer.uint8(STATUS_KINDS.indexOf(status.kind));
  if (status.kind === 'reinitialised') writeProposal(writer, status.reinit);
}

function readStatus(reader: Reader): GroupStatus {
  const kind = STATUS_KINDS[reader.uint8()];
  if (kind === undefined) throw new MlsError('record', 'a stored group has an unknown status');
  return kind === 'reinitialised' ? { kind, reinit: readReinit(reader) } : { kind };
}

function writeText(writer: Writer, text: string): void {
  writer.vector(Uint8Array.from(text, (character) => character.charCodeAt(0)));
}

function readText(reader: Reader): string {
  return String.fromCharCode(...reader.vector());
}

function readReinit(reader: Reader): Extract<Proposal, { kind: 'reinit' }> {
  const proposal = readProposal(reader);
  if (proposal.kind !== 'reinit') throw new MlsError('record', 'a record has the wrong proposal');
  return proposal;
}
