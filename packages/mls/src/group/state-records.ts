import type { SuiteCrypto } from '../suite.ts';
import { decodeWhole } from '../codec/reader.ts';
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

/** An epoch that can be gone back to. */
export interface SnapshotEntry {
  readonly id: string;
  readonly epoch: bigint;
  /** Leaves that its tree had room for. */
  readonly width: number;
  /** Unix ms. */
  readonly endedAt: number;
  /** Of the commit that began it. */
  readonly digest: Uint8Array | null;
}

export interface PastEntry {
  readonly id: string;
  readonly epoch: bigint;
  readonly width: number;
  readonly endedAt: number;
}

/** An own commit that is not yet accepted. */
export interface PendingEpoch {
  readonly staged: Staged;
  readonly reinit: Extract<Proposal, { kind: 'reinit' }> | null;
}

/** The `group` record: which other records there are. */
export interface GroupIndex {
  readonly cipherSuite: number;
  readonly epochId: string;
  readonly nodeCount: number;
  readonly status: GroupStatus;
  readonly past: PastEntry[];
  readonly snapshots: SnapshotEntry[];
  readonly proposalRefs: string[];
  readonly pendingDigests: string[];
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

export function decodeProposal(crypto: SuiteCrypto, bytes: Uint8Array): KeptProposal {
  return decodeWhole(bytes, (reader) => ({
    ref: reader.vector(),
    content: readAuthenticatedContent(reader),
    ownUpdate: reader.optional((inner) => ({
      leafKey: crypto.importKey(inner.vector()),
      signer: crypto.importSigner(inner.vector()),
    })),
  }));
}

export function encodePending({ staged, reinit }: PendingEpoch, base: RatchetTree): Uint8Array {
  return new Writer(4096).optional(reinit, writeProposal).vector(encodeStaged(staged, base)).finish();
}

export function decodePending(crypto: SuiteCrypto, bytes: Uint8Array, base: RatchetTree): PendingEpoch {
  return decodeWhole(bytes, (reader) => {
    const reinit = reader.optional(readProposal);
    if (reinit !== null && reinit.kind !== 'reinit') throw new MlsError('record', 'a record has the wrong proposal');
    return { reinit, staged: decodeStaged(crypto, reader.vector(), base) };
  });
}

function writeText(writer: Writer, text: string): void {
  writer.vector(Uint8Array.from(text, (character) => character.charCodeAt(0)));
}

function readText(reader: Reader): string {
  return String.fromCharCode(...reader.vector());
}

export function encodeIndex(index: GroupIndex): Uint8Array {
  const writer = new Writer(256).uint8(RECORD_VERSION).uint16(index.cipherSuite);
  writeText(writer, index.epochId);
  writer.uint32(index.nodeCount).uint8(STATUS_KINDS.indexOf(index.status.kind));
  if (index.status.kind === 'reinitialised') writeProposal(writer, index.status.reinit);
  writer.list(index.past, (inner, { id, epoch, width, endedAt }) => {
    writeText(inner, id);
    inner.uint64(epoch).uint32(width).uint64(BigInt(endedAt));
  });
  writer.list(index.proposalRefs, writeText).list(index.pendingDigests, writeText);
  return writer
    .list(index.snapshots, (inner, { id, epoch, width, endedAt, digest }) => {
      writeText(inner, id);
      inner.uint64(epoch).uint32(width).uint64(BigInt(endedAt));
      inner.optional(digest, (nested, bytes) => nested.vector(bytes));
    })
    .finish();
}

export function readIndex(reader: Reader): GroupIndex {
  if (reader.uint8() !== RECORD_VERSION) throw new MlsError('record', 'a stored group has another format');
  const cipherSuite = reader.uint16();
  const epochId = readText(reader);
  const nodeCount = reader.uint32();
  const kind = STATUS_KINDS[reader.uint8()];
  if (kind === undefined) throw new MlsError('record', 'a stored group has an unknown status');
  return {
    cipherSuite,
    epochId,
    nodeCount,
    status: kind === 'reinitialised' ? { kind, reinit: readReinit(reader) } : { kind },
    past: reader.list((inner) => ({
      id: readText(inner),
      epoch: inner.uint64(),
      width: inner.uint32(),
      endedAt: Number(inner.uint64()),
    })),
    proposalRefs: reader.list(readText),
    pendingDigests: reader.list(readText),
    snapshots: reader.list((inner) => ({
      id: readText(inner),
      epoch: inner.uint64(),
      width: inner.uint32(),
      endedAt: Number(inner.uint64()),
      digest: inner.optional((nested) => nested.vector()),
    })),
  };
}

function readReinit(reader: Reader): Extract<Proposal, { kind: 'reinit' }> {
  const proposal = readProposal(reader);
  if (proposal.kind !== 'reinit') throw new MlsError('record', 'a stored group has the wrong proposal');
  return proposal;
}
