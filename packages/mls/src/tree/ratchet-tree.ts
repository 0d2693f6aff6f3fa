import { NO_BYTES } from '../bytes.ts';
import { Reader } from '../codec/reader.ts';
import { Writer } from '../codec/writer.ts';
import { MlsError } from '../error.ts';
import { CREDENTIAL_TYPES } from '../messages/credential.ts';
import { LeafNode } from '../messages/leaf-node.ts';
import type { SuiteCrypto } from '../suite.ts';
import { KeyIndex } from './key-index.ts';
import { directPath, fullWidth, leafSpan, left, MAX_LEAVES, nodeWidth, right, root } from './math.ts';
import { ParentNode, readNode, writeNode, writeParentNode } from './node.ts';
import type { TreeNode } from './node.ts';

/**
 * The public half of a group's keys, RFC 9420 §4.1 and §7. Nodes are immutable and tree hashes cached, so a copy costs
 * two array copies and an operation recomputes only the paths it changed.
 */
export class RatchetTree {
  readonly crypto: SuiteCrypto;
  /** Null is a blank node. */
  #nodes: (TreeNode | null)[];
  /** Null is not computed. */
  #hashes: (Uint8Array | null)[];
  /** No leaf before this one is blank. */
  #firstBlank = 0;
  /** Shared between copies: see there. */
  #keys: KeyIndex | null;
  /** What names this tree to its copies. */
  readonly #self = {};
  /** The tree that this one is a copy of, and the nodes that were written or whose hash went since. */
  #origin: { readonly tree: object; readonly written: Set<number> } | null = null;
  /** Members by credential type; null is not counted. */
  #credentials: Map<number, number> | null = null;

  constructor(
    crypto: SuiteCrypto,
    nodes: (TreeNode | null)[],
    hashes: (Uint8Array | null)[] = Array.from(nodes, () => null),
    keys: KeyIndex | null = null,
  ) {
    this.crypto = crypto;
    this.#nodes = nodes;
    this.#hashes = hashes;
    this.#keys = keys;
  }

  /** Independent of this tree, whose nodes and hashes it starts with. */
  copy(): RatchetTree {
    const keys = this.#keyIndex();
    const copy = new RatchetTree(this.crypto, this.#nodes.slice(), this.#hashes.slice(), keys);
    copy.#firstBlank = this.#firstBlank;
    copy.#origin = { tree: this.#self, written: new Set() };
    copy.#credentials = this.#credentials === null ? null : new Map(this.#credentials);
    return copy;
  }

  /** Leaves there is room for: a power of two. */
  get width(): number {
    return (this.#nodes.length + 1) / 2;
  }

  get nodeCount(): number {
    return this.#nodes.length;
  }

  get root(): number {
    return root(this.width);
  }

  /** Null for blank nodes and beyond the tree. */
  node(index: number): TreeNode | null {
    return this.#nodes[index] ?? null;
  }

  leaf(leaf: number): LeafNode | null {
    const node = this.node(2 * leaf);
    return node instanceof LeafNode ? node : null;
  }

  parentNode(index: number): ParentNode | null {
    const node = this.node(index);
    return node instanceof ParentNode ? node : null;
  }

  /** Nodes that may differ from those of `base`, themselves or in their hash, ascending; none beyond this tree. */
  changedSince(base: RatchetTree): number[] {
    if (this.#origin?.tree === base.#self) {
      return [...this.#origin.written].filter((index) => index < this.nodeCount).sort((a, b) => a - b);
    }
    const changed: number[] = [];
    for (let index = 0; index < this.nodeCount; index++) {
      const isSame = base.node(index) === this.node(index) && base.cachedHash(index) === this.cachedHash(index);
      if (!isSame || index >= base.nodeCount) changed.push(index);
    }
    return changed;
  }

  /** The hash if it is cached. */
  cachedHash(index: number): Uint8Array | null {
    return this.#hashes[index] ?? null;
  }

  /** Members, in the order of leaves. */
  *leaves(): Generator<readonly [leaf: number, node: LeafNode]> {
    for (let index = 0; index < this.#nodes.length; index += 2) {
      const node = this.#nodes[index];
      if (node instanceof LeafNode) yield [index / 2, node];
    }
  }

  /** Credential types in use, with how many members use each. */
  credentialTypes(): ReadonlyMap<number, number> {
    if (this.#credentials === null) {
      this.#credentials = new Map();
      for (const [, leaf] of this.leaves()) count(this.#credentials, leaf, 1);
    }
    return this.#credentials;
  }

  directPath(leaf: number): number[] {
    return directPath(2 * leaf, this.width);
  }

  /** Replaces a leaf and blanks what is above it (Update, RFC 9420 §12.1.2). */
  updateLeaf(leaf: number, node: LeafNode): void {
    this.#blankPath(leaf);
    this.#set(2 * leaf, node);
  }

  /** Puts a leaf into the leftmost blank place, RFC 9420 §12.1.1. Throws `too_large`. */
  addLeaf(node: LeafNode): number {
    let leaf = this.#firstBlank;
    while (leaf < this.width && this.leaf(leaf) !== null) leaf++;
    this.#firstBlank = leaf + 1;
    if (leaf === this.width) this.#extend();
    this.#set(2 * leaf, node);
    for (const index of this.directPath(leaf)) {
      this.#forgetHash(index);
      const above = this.parentNode(index);
      if (above === null) continue;
      const unmerged = [...above.unmergedLeaves, leaf];
      if ((above.unmergedLeaves.at(-1) ?? -1) > leaf) unmerged.sort((a, b) => a - b);
      this.#nodes[index] = above.withUnmerged(unmerged);
    }
    return leaf;
  }

  /** Blanks a leaf and what is above it, and drops an empty right half, RFC 9420 §12.1.3. */
  removeLeaf(leaf: number): void {
    this.#blankPath(leaf);
    this.#set(2 * leaf, null);
    this.#firstBlank = Math.min(this.#firstBlank, leaf);
    let last = this.width - 1;
    while (last > 0 && this.leaf(last) === null) last--;
    const length = nodeWidth(fullWidth(last + 1));
    if (length < this.#nodes.length) {
      this.#nodes.length = length;
      this.#hashes.length = length;
    }
  }

  /** Puts a committer's new nodes in place, after blanking its path; `path` as `filteredPath` gives it. */
  setPath(leaf: number, path: readonly PathNode[]): void {
    this.#blankPath(leaf);
    for (const { index, node } of path) this.#set(index, node);
  }

  setLeaf(leaf: number, node: LeafNode): void {
    this.#set(2 * leaf, node);
    this.#invalidate(leaf);
  }

  /** The nodes that stand for everyone below `index`, RFC 9420 §4.1.1. */
  resolution(index: number): number[] {
    const found: number[] = [];
    this.#resolve(index, found);
    return found;
  }

  /** The direct path without nodes whose other child resolves to nothing, RFC 9420 §4.1.2, from the bottom up. */
  filteredPath(leaf: number): PathStep[] {
    const steps: PathStep[] = [];
    let below = 2 * leaf;
    for (const index of this.directPath(leaf)) {
      const copath = below < index ? right(index) : left(index);
      if (!this.isEmpty(copath)) steps.push({ index, copath });
      below = index;
    }
    return steps;
  }

  /** Whether a node resolves to nothing. */
  isEmpty(index: number): boolean {
    if (this.node(index) !== null) return false;
    if (index % 2 === 0) return true;
    return this.isEmpty(left(index)) && this.isEmpty(right(index));
  }

  /** RFC 9420 §7.8. */
  treeHash(index: number = this.root): Uint8Array {
    let hash = this.#hashes[index] ?? null;
    if (hash === null) {
      const above = this.parentNode(index);
      hash =
        index % 2 === 0
          ? this.#hashLeaf(index, this.leaf(index / 2))
          : this.#hashParent(
              above,
              above?.unmergedLeaves ?? [],
              this.treeHash(left(index)),
              this.treeHash(right(index)),
            );
      this.#hashes[index] = hash;
    }
    return hash;
  }

  /** The tree hash of `index` as if `absent` leaves were not there, RFC 9420 §7.9. */
  originalTreeHash(index: number, absent: readonly number[]): Uint8Array {
    const [first, last] = leafSpan(index);
    if (!absent.some((leaf) => leaf >= first && leaf <= last)) return this.treeHash(index);
    if (index % 2 === 0) return this.#hashLeaf(index, null);
    const above = this.parentNode(index);
    return this.#hashParent(
      above,
      above === null ? [] : above.unmergedLeaves.filter((leaf) => !absent.includes(leaf)),
      this.originalTreeHash(left(index), absent),
      this.originalTreeHash(right(index), absent),
    );
  }

  /** The parent hash that a child of `index` on the other side of `copath` carries, RFC 9420 §7.9. */
  parentHash(index: number, copath: number): Uint8Array {
    const node = this.parentNode(index);
    return node === null ? NO_BYTES : this.parentHashOf(node, copath);
  }

  /** The same for a node that is not yet in the tree. */
  parentHashOf(node: ParentNode, copath: number): Uint8Array {
    const writer = new Writer(256).vector(node.encryptionKey).vector(node.parentHash);
    return this.crypto.hash(writer.vector(this.originalTreeHash(copath, node.unmergedLeaves)).finish());
  }

  /** Throws `duplicate_key` when one of these nodes has a key that another node has. */
  requireUniqueKeys(changed: Iterable<number>): void {
    const keys = this.#keyIndex();
    const nodes = [...changed].filter((index) => this.node(index) !== null);
    for (const index of nodes) keys.add(this.node(index), index);
    for (const index of nodes) {
      if (keys.hasOther(this, index)) throw new MlsError('duplicate_key', 'two nodes of the tree have the same key');
    }
  }

  /** Throws `duplicate_key` when any key is there twice. */
  requireAllUnique(): void {
    const keys = new KeyIndex();
    for (let index = 0; index < this.#nodes.length; index++) {
      const node = this.node(index);
      if (keys.add(node, index)) throw new MlsError('duplicate_key', 'two nodes of the tree have the same key');
    }
    this.#keys = keys;
  }

  /** The leaf with this encryption key, if any. */
  findLeaf(encryptionKey: Uint8Array): number | null {
    const index = this.#keyIndex().find(this, encryptionKey);
    return index === null || index % 2 === 1 ? null : index / 2;
  }

  /** As the ratchet_tree extension carries it, RFC 9420 §12.4.3.3. */
  encode(): Uint8Array {
    let end = this.#nodes.length;
    while (end > 0 && this.node(end - 1) === null) end--;
    const nodes = this.#nodes.slice(0, end);
    return new Writer(nodes.length * 200 + 64).list(nodes, (inner, node) => inner.optional(node, writeNode)).finish();
  }

  #keyIndex(): KeyIndex {
    if (this.#keys === null) {
      this.#keys = new KeyIndex();
      for (let index = 0; index < this.#nodes.length; index++) this.#keys.add(this.node(index), index);
    }
    return this.#keys;
  }

  #set(index: number, node: TreeNode | null): void {
    if (this.#credentials !== null) {
      const old = this.#nodes[index];
      if (old instanceof LeafNode) count(this.#credentials, old, -1);
      if (node instanceof LeafNode) count(this.#credentials, node, 1);
    }
    this.#nodes[index] = node;
    this.#forgetHash(index);
  }

  #forgetHash(index: number): void {
    this.#hashes[index] = null;
    this.#origin?.written.add(index);
  }

  #invalidate(leaf: number): void {
    for (const index of this.directPath(leaf)) this.#forgetHash(index);
  }

  #blankPath(leaf: number): void {
    for (const index of this.directPath(leaf)) this.#set(index, null);
  }

  #extend(): void {
    if (this.width >= MAX_LEAVES) throw new MlsError('too_large', 'a tree has no room for more leaves');
    const length = nodeWidth(2 * this.width);
    for (let index = this.#nodes.length; index < length; index++) {
      this.#nodes.push(null);
      this.#hashes.push(null);
      this.#origin?.written.add(index);
    }
  }

  #resolve(index: number, found: number[]): void {
    const node = this.node(index);
    if (node === null) {
      if (index % 2 === 0) return;
      this.#resolve(left(index), found);
      this.#resolve(right(index), found);
      return;
    }
    found.push(index);
    if (node instanceof ParentNode) for (const leaf of node.unmergedLeaves) found.push(2 * leaf);
  }

  #hashLeaf(index: number, leaf: LeafNode | null): Uint8Array {
    const writer = new Writer((leaf?.bytes.length ?? 0) + 8).uint8(1).uint32(index / 2);
    return this.crypto.hash(writer.optional(leaf, (inner, { bytes }) => inner.raw(bytes)).finish());
  }

  #hashParent(
    node: ParentNode | null,
    unmerged: readonly number[],
    leftHash: Uint8Array,
    rightHash: Uint8Array,
  ): Uint8Array {
    const writer = new Writer(256).uint8(2);
    writer.optional(node, (inner, present) => writeParentNode(inner, present, unmerged));
    return this.crypto.hash(writer.vector(leftHash).vector(rightHash).finish());
  }
}

function count(types: Map<number, number>, leaf: LeafNode, change: number): void {
  const type = CREDENTIAL_TYPES[leaf.credential.kind];
  const total = (types.get(type) ?? 0) + change;
  if (total === 0) types.delete(type);
  else types.set(type, total);
}

/** A node of a filtered direct path and the child of it that the path does not go through. */
export interface PathStep {
  readonly index: number;
  readonly copath: number;
}

export interface PathNode {
  readonly index: number;
  readonly node: ParentNode;
}

/**
 * A ratchet_tree extension's content, RFC 9420 §12.4.3.3. Throws `malformed`, and `too_large` beyond `maxLeaves`.
 * Nothing but the form is checked: see `validateTree`.
 */
export function decodeTree(crypto: SuiteCrypto, bytes: Uint8Array, maxLeaves: number = MAX_LEAVES): RatchetTree {
  const reader = new Reader(bytes);
  const nodes: (TreeNode | null)[] = [];
  const inner = reader.nested();
  while (inner.remaining > 0) {
    if (nodes.length >= nodeWidth(maxLeaves))
      throw new MlsError('too_large', 'a tree has more leaves than are allowed');
    const node = inner.optional(readNode);
    if (node !== null && node instanceof LeafNode !== (nodes.length % 2 === 0)) {
      throw new MlsError('malformed', 'a tree has a node of the wrong kind');
    }
    nodes.push(node);
  }
  reader.end();
  if ((nodes.at(-1) ?? null) === null) throw new MlsError('malformed', 'a tree ends in a blank node');
  const length = nodeWidth(fullWidth(Math.floor(nodes.length / 2) + 1));
  while (nodes.length < length) nodes.push(null);
  return new RatchetTree(crypto, nodes);
}

/** A tree of one member. */
export function treeOf(crypto: SuiteCrypto, leaf: LeafNode): RatchetTree {
  return new RatchetTree(crypto, [leaf]);
}
