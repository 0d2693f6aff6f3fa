import type { Reader } from '../codec/reader.ts';
import type { Writer } from '../codec/writer.ts';
import { MlsError } from '../error.ts';
import { readCommit, writeCommit } from './commit.ts';
import type { Commit } from './commit.ts';
import { readProposal, writeProposal } from './proposal.ts';
import type { Proposal } from './proposal.ts';

/** RFC 9420 §6. */
export type Sender =
  | { readonly kind: 'member'; readonly leaf: number }
  /** An index into the external_senders extension, §12.1.8.1. */
  | { readonly kind: 'external'; readonly index: number }
  | { readonly kind: 'new_member_proposal' }
  | { readonly kind: 'new_member_commit' };

export type Content =
  | { readonly kind: 'application'; readonly data: Uint8Array }
  | { readonly kind: 'proposal'; readonly proposal: Proposal }
  | { readonly kind: 'commit'; readonly commit: Commit };

export type ContentKind = Content['kind'];

const SENDER_KINDS = ['member', 'external', 'new_member_proposal', 'new_member_commit'] as const;
const CONTENT_KINDS = ['application', 'proposal', 'commit'] as const;

/** FramedContent, RFC 9420 §6. */
export interface FramedContent {
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  readonly sender: Sender;
  readonly authenticatedData: Uint8Array;
  readonly content: Content;
}

export function writeFramedContent(writer: Writer, framed: FramedContent): void {
  writer.vector(framed.groupId).uint64(framed.epoch);
  writeSender(writer, framed.sender);
  writer.vector(framed.authenticatedData).uint8(CONTENT_KINDS.indexOf(framed.content.kind) + 1);
  writeContent(writer, framed.content);
}

export function readFramedContent(reader: Reader): FramedContent {
  return {
    groupId: reader.vector(),
    epoch: reader.uint64(),
    sender: readSender(reader),
    authenticatedData: reader.vector(),
    content: readContent(reader, readContentKind(reader)),
  };
}

export function writeContentKind(writer: Writer, kind: ContentKind): void {
  writer.uint8(CONTENT_KINDS.indexOf(kind) + 1);
}

export function readContentKind(reader: Reader): ContentKind {
  const kind = CONTENT_KINDS[reader.uint8() - 1];
  if (kind === undefined) throw new MlsError('malformed', 'a message has an unknown kind of content');
  return kind;
}

export function writeContent(writer: Writer, content: Content): void {
  switch (content.kind) {
    case 'application':
      writer.vector(content.data);
      break;
    case 'proposal':
      writeProposal(writer, content.proposal);
      break;
    case 'commit':
      writeCommit(writer, content.commit);
      break;
  }
}

export function readContent(reader: Reader, kind: ContentKind): Content {
  switch (kind) {
    case 'application':
      return { kind, data: reader.vector() };
    case 'proposal':
      return { kind, proposal: readProposal(reader) };
    case 'commit':
      return { kind, commit: readCommit(reader) };
  }
}

function writeSender(writer: Writer, sender: Sender): void {
  writer.uint8(SENDER_KINDS.indexOf(sender.kind) + 1);
  if (sender.kind === 'member') writer.uint32(sender.leaf);
  if (sender.kind === 'external') writer.uint32(sender.index);
}

function readSender(reader: Reader): Sender {
  const kind = SENDER_KINDS[reader.uint8() - 1];
  switch (kind) {
    case 'member':
      return { kind, leaf: reader.uint32() };
    case 'external':
      return { kind, index: reader.uint32() };
    case 'new_member_proposal':
    case 'new_member_commit':
      return { kind };
    case undefined:
      break;
  }
  throw new MlsError('malformed', 'a message has an unknown kind of sender');
}
