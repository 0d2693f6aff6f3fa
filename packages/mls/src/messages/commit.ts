import type { HpkeSealed } from '@sotto/crypto';
import type { Reader } from '../codec/reader.ts';
import type { Writer } from '../codec/writer.ts';
import { MlsError } from '../error.ts';
import { readLeafNode, writeLeafNode } from './leaf-node.ts';
import type { LeafNode } from './leaf-node.ts';
import { readProposal, writeProposal } from './proposal.ts';
import type { Proposal } from './proposal.ts';

/** A proposal in a commit, by value or by ProposalRef, RFC 9420 §12.4. */
export type ProposalOrRef =
  | { readonly kind: 'proposal'; readonly proposal: Proposal }
  | { readonly kind: 'reference'; readonly ref: Uint8Array };

/** New keys on a committer's direct path, RFC 9420 §7.6. */
export interface UpdatePath {
  readonly leafNode: LeafNode;
  readonly nodes: readonly UpdatePathNode[];
}

export interface UpdatePathNode {
  readonly encryptionKey: Uint8Array;
  /** One for each node of the copath node's resolution. */
  readonly encryptedPathSecrets: readonly HpkeSealed[];
}

export interface Commit {
  readonly proposals: readonly ProposalOrRef[];
  readonly path: UpdatePath | null;
}

export function writeCommit(writer: Writer, commit: Commit): void {
  writer.list(commit.proposals, writeProposalOrRef).optional(commit.path, writeUpdatePath);
}

export function readCommit(reader: Reader): Commit {
  return { proposals: reader.list(readProposalOrRef), path: reader.optional(readUpdatePath) };
}

function writeProposalOrRef(writer: Writer, item: ProposalOrRef): void {
  if (item.kind === 'reference') {
    writer.uint8(2).vector(item.ref);
  } else {
    writer.uint8(1);
    writeProposal(writer, item.proposal);
  }
}

function readProposalOrRef(reader: Reader): ProposalOrRef {
  switch (reader.uint8()) {
    case 1:
      return { kind: 'proposal', proposal: readProposal(reader) };
    case 2:
      return { kind: 'reference', ref: reader.vector() };
    default:
      throw new MlsError('malformed', 'a commit has neither a proposal nor a reference');
  }
}

function writeUpdatePath(writer: Writer, path: UpdatePath): void {
  writeLeafNode(writer, path.leafNode);
  writer.list(path.nodes, (inner, node) => {
    inner.vector(node.encryptionKey).list(node.encryptedPathSecrets, writeCiphertext);
  });
}

export function readUpdatePath(reader: Reader): UpdatePath {
  return {
    leafNode: readLeafNode(reader),
    nodes: reader.list((inner) => ({
      encryptionKey: inner.vector(),
      encryptedPathSecrets: inner.list(readCiphertext),
    })),
  };
}

/** HPKECiphertext, RFC 9420 §7.6. */
export function writeCiphertext(writer: Writer, sealed: HpkeSealed): void {
  writer.vector(sealed.encapsulated).vector(sealed.ciphertext);
}

export function readCiphertext(reader: Reader): HpkeSealed {
  return { encapsulated: reader.vector(), ciphertext: reader.vector() };
}
