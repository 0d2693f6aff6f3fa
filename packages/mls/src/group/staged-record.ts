import { Secret } from '@sotto/crypto';
import { decodeWhole } from '../codec/reader.ts';
import type { Reader } from '../codec/reader.ts';
import { Writer } from '../codec/writer.ts';
import { LeafNode } from '../messages/leaf-node.ts';
import { readParentNode, writeNode } from '../tree/node.ts';
import type { TreeNode } from '../tree/node.ts';
import { RatchetTree } from '../tree/ratchet-tree.ts';
import type { SuiteCrypto } from '../suite.ts';
import { encodeEpoch, encodeKeys, readEpoch, readKeys } from './epoch.ts';
import type { Staged } from './stage.ts';

/** A node of a tree with its tree hash, as a record of its own. */
export function encodeNode(tree: RatchetTree, index: number): Uint8Array {
  const writer = new Writer(256);
  writeNodeRecord(writer, tree, index);
  return writer.finish();
}

function writeNodeRecord(writer: Writer, tree: RatchetTree, index: number): void {
  writer.vector(tree.treeHash(index)).optional(tree.node(index), (inner, node) => {
    inner.nested(() => writeNode(inner, node));
  });
}

export interface NodeRecord {
  readonly hash: Uint8Array;
  readonly node: TreeNode | null;
}

/**
 * Leaves are not parsed: they were checked before they were stored. Nodes outlive the call in trees that are kept, and
 * whoever stores records overwrites those that go: so they own their bytes, which are no secrets.
 */
export function readNodeRecord(reader: Reader): NodeRecord {
  const hash = Uint8Array.from(reader.vector());
  const node = reader.optional((inner) => {
    const content = inner.nested();
    const isLeaf = content.uint8() === 1;
    const bytes = Uint8Array.from(content.take(content.remaining));
    return isLeaf ? new LeafNode(bytes) : decodeWhole(bytes, readParentNode);
  });
  return { hash, node };
}

/** Secret. An epoch with its keys, and of its tree what `base` lacks. */
export function encodeSnapshot(snapshot: Omit<Staged, 'encryption'>, base: RatchetTree): Uint8Array {
  const { tree } = snapshot;
  const writer = new Writer(4096).vector(encodeEpoch(snapshot.epoch)).vector(encodeKeys(snapshot.keys));
  return writer
    .uint32(tree.nodeCount)
    .list(tree.changedSince(base), (inner, index) => {
      inner.uint32(index);
      writeNodeRecord(inner, tree, index);
    })
    .finish();
}

/** Secret. What a staged epoch adds to `base`, the tree it is staged on. */
export function encodeStaged(staged: Staged, base: RatchetTree): Uint8Array {
  const snapshot = encodeSnapshot(staged, base);
  return new Writer(snapshot.length + 80).vector(staged.encryption.reveal()).raw(snapshot).finish();
}

export function decodeStaged(crypto: SuiteCrypto, bytes: Uint8Array, base: RatchetTree): Staged {
  return decodeWhole(bytes, (reader) => {
    const encryption = Secret.copy(reader.vector());
    return { encryption, ...readSnapshot(crypto, reader, base) };
  });
}

export function readSnapshot(crypto: SuiteCrypto, reader: Reader, base: RatchetTree): Omit<Staged, 'encryption'> {
  const epoch = decodeWhole(reader.vector(), (inner) => readEpoch(crypto, inner));
  const keys = decodeWhole(reader.vector(), (inner) => readKeys(crypto, inner));
  const nodes: (TreeNode | null)[] = [];
  const hashes: (Uint8Array | null)[] = [];
  const count = reader.uint32();
  for (let index = 0; index < count; index++) {
    nodes.push(base.node(index));
    hashes.push(base.cachedHash(index));
  }
  const inner = reader.nested();
  while (inner.remaining > 0) {
    const index = inner.uint32();
    const { node, hash } = readNodeRecord(inner);
    nodes[index] = node;
    hashes[index] = hash;
  }
  return { epoch, keys, tree: new RatchetTree(crypto, nodes, hashes) };
}
