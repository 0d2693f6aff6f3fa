import type { PublicKey } from '@sotto/crypto';
import type { Reader } from '../codec/reader.ts';
import type { Writer } from '../codec/writer.ts';
import { MlsError } from '../error.ts';
import { readLeafNode, writeLeafNode } from '../messages/leaf-node.ts';
import { LeafNode } from '../messages/leaf-node.ts';
import type { SuiteCrypto } from '../suite.ts';

/** RFC 9420 §7.1. Immutable. */
export class ParentNode {
  readonly encryptionKey: Uint8Array;
  readonly parentHash: Uint8Array;
  /** Leaf indices, ascending. */
  readonly unmergedLeaves: readonly number[];
  #public: PublicKey | undefined;

  constructor(encryptionKey: Uint8Array, parentHash: Uint8Array, unmergedLeaves: readonly number[]) {
    this.encryptionKey = encryptionKey;
    this.parentHash = parentHash;
    this.unmergedLeaves = unmergedLeaves;
  }

  /** Throws `bad_key`. */
  publicKey(crypto: SuiteCrypto): PublicKey {
    this.#public ??= crypto.importPublicKey(this.encryptionKey);
    return this.#public;
  }

  withUnmerged(unmergedLeaves: readonly number[]): ParentNode {
    const node = new ParentNode(this.encryptionKey, this.parentHash, unmergedLeaves);
    node.#public = this.#public;
    return node;
  }
}

export type TreeNode = LeafNode | ParentNode;

const LEAF = 1;
const PARENT = 2;

export function writeNode(writer: Writer, node: TreeNode): void {
  if (node instanceof LeafNode) {
    writer.uint8(LEAF);
    writeLeafNode(writer, node);
  } else {
    writer.uint8(PARENT);
    writeParentNode(writer, node);
  }
}

export function readNode(reader: Reader): TreeNode {
  switch (reader.uint8()) {
    case LEAF:
      return readLeafNode(reader);
    case PARENT:
      return readParentNode(reader);
    default:
      throw new MlsError('malformed', 'a tree has a node of an unknown kind');
  }
}

export function writeParentNode(writer: Writer, node: ParentNode, unmerged = node.unmergedLeaves): void {
  writer.vector(node.encryptionKey).vector(node.parentHash);
  writer.list(unmerged, (inner, leaf) => inner.uint32(leaf));
}

export function readParentNode(reader: Reader): ParentNode {
  return new ParentNode(
    reader.vector(),
    reader.vector(),
    reader.list((inner) => inner.uint32()),
  );
}
