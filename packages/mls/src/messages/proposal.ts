import type { Reader } from '../codec/reader.ts';
import type { Writer } from '../codec/writer.ts';
import { MlsError } from '../error.ts';
import { readExtensions, writeExtensions } from './extension.ts';
import type { Extension } from './extension.ts';
import { readKeyPackage, writeKeyPackage } from './key-package.ts';
import type { KeyPackage } from './key-package.ts';
import { readLeafNode, writeLeafNode } from './leaf-node.ts';
import type { LeafNode } from './leaf-node.ts';
import { readPskId, writePskId } from './psk.ts';
import type { PskId } from './psk.ts';

/** RFC 9420 §12.1. */
export type Proposal =
  | { readonly kind: 'add'; readonly keyPackage: KeyPackage }
  | { readonly kind: 'update'; readonly leafNode: LeafNode }
  | { readonly kind: 'remove'; readonly leaf: number }
  | { readonly kind: 'psk'; readonly psk: PskId }
  | {
      readonly kind: 'reinit';
      readonly groupId: Uint8Array;
      readonly version: number;
      readonly cipherSuite: number;
      readonly extensions: readonly Extension[];
    }
  | { readonly kind: 'external_init'; readonly kemOutput: Uint8Array }
  | { readonly kind: 'group_context_extensions'; readonly extensions: readonly Extension[] };

export type ProposalKind = Proposal['kind'];

/** RFC 9420 §17.4. */
const PROPOSAL_TYPES: { readonly [Kind in ProposalKind]: number } = {
  add: 1,
  update: 2,
  remove: 3,
  psk: 4,
  reinit: 5,
  external_init: 6,
  group_context_extensions: 7,
};

const LAST_DEFAULT_TYPE = 7;

/** Types that every client understands and that capabilities never list. */
export function isDefaultProposal(type: number): boolean {
  return type >= 1 && type <= LAST_DEFAULT_TYPE;
}

export function writeProposal(writer: Writer, proposal: Proposal): void {
  writer.uint16(PROPOSAL_TYPES[proposal.kind]);
  switch (proposal.kind) {
    case 'add':
      writeKeyPackage(writer, proposal.keyPackage);
      break;
    case 'update':
      writeLeafNode(writer, proposal.leafNode);
      break;
    case 'remove':
      writer.uint32(proposal.leaf);
      break;
    case 'psk':
      writePskId(writer, proposal.psk);
      break;
    case 'reinit':
      writer.vector(proposal.groupId).uint16(proposal.version).uint16(proposal.cipherSuite);
      writeExtensions(writer, proposal.extensions);
      break;
    case 'external_init':
      writer.vector(proposal.kemOutput);
      break;
    case 'group_context_extensions':
      writeExtensions(writer, proposal.extensions);
      break;
  }
}

/** A proposal carries no length: one of an unknown type cannot be skipped, and is refused. */
export function readProposal(reader: Reader): Proposal {
  switch (reader.uint16()) {
    case PROPOSAL_TYPES.add:
      return { kind: 'add', keyPackage: readKeyPackage(reader) };
    case PROPOSAL_TYPES.update:
      return { kind: 'update', leafNode: readLeafNode(reader) };
    case PROPOSAL_TYPES.remove:
      return { kind: 'remove', leaf: reader.uint32() };
    case PROPOSAL_TYPES.psk:
      return { kind: 'psk', psk: readPskId(reader) };
    case PROPOSAL_TYPES.reinit:
      return {
        kind: 'reinit',
        groupId: reader.vector(),
        version: reader.uint16(),
        cipherSuite: reader.uint16(),
        extensions: readExtensions(reader),
      };
    case PROPOSAL_TYPES.external_init:
      return { kind: 'external_init', kemOutput: reader.vector() };
    case PROPOSAL_TYPES.group_context_extensions:
      return { kind: 'group_context_extensions', extensions: readExtensions(reader) };
    default:
      throw new MlsError('unsupported_proposal', 'a proposal has a type that is not known');
  }
}
