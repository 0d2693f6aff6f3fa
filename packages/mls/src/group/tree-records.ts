import { LeafNode } from '../messages/leaf-node.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { TreeNode } from '../tree/node.ts';
import { RatchetTree } from '../tree/ratchet-tree.ts';
import type { TreeCache } from '../tree/tree-cache.ts';
import type { Records } from './records.ts';
import { encodeNode, readNodeRecord } from './staged-record.ts';

/** The current epoch's tree: a record for each node. Single leaves are read without the rest. */
export class TreeRecords {
  readonly #crypto: SuiteCrypto;
  readonly #records: Records;
  readonly #cache: TreeCache | undefined;
  #count: number;
  #tree: RatchetTree | null;
  /** Leaves read without the tree. */
  readonly #leaves = new Map<number, LeafNode | null>();

  constructor(
    crypto: SuiteCrypto,
    records: Records,
    stored: { readonly count: number; readonly treeHash: Uint8Array; readonly cache: TreeCache | undefined },
  ) {
    this.#crypto = crypto;
    this.#records = records;
    this.#cache = stored.cache;
    this.#count = stored.count;
    this.#tree = stored.cache?.get(crypto.suite.id, stored.treeHash) ?? null;
  }

  /** Nodes, blank ones included. */
  get count(): number {
    return this.#count;
  }

  /** Reads every node when it is not in memory. */
  get tree(): RatchetTree {
    if (this.#tree === null) {
      this.#records.prepare(this.names());
      const nodes: (TreeNode | null)[] = [];
      const hashes: Uint8Array[] = [];
      for (let index = 0; index < this.#count; index++) {
        const { node, hash } = this.#records.get(nodeName(index), readNodeRecord);
        nodes.push(node);
        hashes.push(hash);
      }
      this.#tree = new RatchetTree(this.#crypto, nodes, hashes);
      this.#cache?.add(this.#crypto.suite.id, this.#tree.treeHash(), this.#tree);
      this.#leaves.clear();
    }
    return this.#tree;
  }

  /** Reads one record when the tree is not in memory. Null for a blank leaf and beyond the tree. */
  leaf(leaf: number): LeafNode | null {
    if (this.#tree !== null) return this.#tree.leaf(leaf);
    if (2 * leaf >= this.#count) return null;
    let node = this.#leaves.get(leaf);
    if (node === undefined) {
      const stored = this.#records.get(nodeName(2 * leaf), readNodeRecord).node;
      node = stored instanceof LeafNode ? stored : null;
      this.#leaves.set(leaf, node);
    }
    return node;
  }

  /** Records of all nodes, unless the tree is in memory. */
  names(): string[] {
    return this.#tree === null ? Array.from({ length: this.#count }, (_, index) => nodeName(index)) : [];
  }

  /** The record that `leaf` would read, if any. */
  leafNames(leaf: number): string[] {
    const isInMemory = this.#tree !== null || this.#leaves.has(leaf) || 2 * leaf >= this.#count;
    return isInMemory ? [] : [nodeName(2 * leaf)];
  }

  /** Takes the place of the tree; `base` is the one that is stored. */
  replace(tree: RatchetTree, base: RatchetTree | null): void {
    this.#tree = tree;
    this.#count = tree.nodeCount;
    this.#cache?.add(this.#crypto.suite.id, tree.treeHash(), tree);
    const changed =
      base === null ? Array.from({ length: tree.nodeCount }, (_, index) => index) : tree.changedSince(base);
    for (const index of changed) {
      this.#records.mark(nodeName(index), () => (index < this.#count ? encodeNode(this.tree, index) : null));
    }
    for (let index = tree.nodeCount; index < (base?.nodeCount ?? 0); index++) this.#records.delete(nodeName(index));
  }

  delete(): void {
    for (let index = 0; index < this.#count; index++) this.#records.delete(nodeName(index));
  }
}

function nodeName(index: number): string {
  return `node/${index}`;
}
