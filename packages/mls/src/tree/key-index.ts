import { keyOf, sameBytes } from '../bytes.ts';
import { LeafNode } from '../messages/leaf-node.ts';
import type { TreeNode } from './node.ts';

/** What a key index needs of a tree. */
interface Nodes {
  node(index: number): TreeNode | null;
}

/**
 * Where keys may be found in a tree. Entries are hints and every answer is checked against the tree that asks, so trees
 * copied from one another share one index: it must hold every key of each of them, and what is stale does no harm.
 */
export class KeyIndex {
  readonly #encryption = new Map<string, number | number[]>();
  readonly #signature = new Map<string, number | number[]>();

  /** True when another node was entered with one of the node's keys. */
  add(node: TreeNode | null, index: number): boolean {
    if (node === null) return false;
    const known = enter(this.#encryption, node.encryptionKey, index);
    if (!(node instanceof LeafNode)) return known;
    return enter(this.#signature, node.signatureKey, index) || known;
  }

  /** Whether a node of `tree` other than `index` has one of its keys. */
  hasOther(tree: Nodes, index: number): boolean {
    const node = tree.node(index);
    if (node === null) return false;
    const twin = entries(this.#encryption, node.encryptionKey).some((at) => {
      const other = at === index ? null : tree.node(at);
      return other !== null && sameBytes(other.encryptionKey, node.encryptionKey);
    });
    if (twin || !(node instanceof LeafNode)) return twin;
    return entries(this.#signature, node.signatureKey).some((at) => {
      const other = at === index ? null : tree.node(at);
      return other instanceof LeafNode && sameBytes(other.signatureKey, node.signatureKey);
    });
  }

  /** The node of `tree` with this encryption key. */
  find(tree: Nodes, encryptionKey: Uint8Array): number | null {
    const found = entries(this.#encryption, encryptionKey).find((at) => {
      const node = tree.node(at);
      return node !== null && sameBytes(node.encryptionKey, encryptionKey);
    });
    return found ?? null;
  }
}

function entries(map: ReadonlyMap<string, number | number[]>, key: Uint8Array): readonly number[] {
  const entry = map.get(hintOf(key));
  return entry === undefined ? [] : typeof entry === 'number' ? [entry] : entry;
}

function enter(map: Map<string, number | number[]>, key: Uint8Array, index: number): boolean {
  const name = hintOf(key);
  const entry = map.get(name);
  if (entry === undefined) {
    map.set(name, index);
    return false;
  }
  const known = typeof entry === 'number' ? [entry] : entry;
  if (!known.includes(index)) map.set(name, [...known, index]);
  return known.some((at) => at !== index);
}

/** Enough of a key to find it by; a hybrid key has 1216 bytes, and what is found is compared whole. */
function hintOf(key: Uint8Array): string {
  return key.length <= WHOLE ? keyOf(key) : keyOf(key.subarray(0, 16)) + keyOf(key.subarray(-16));
}

const WHOLE = 48;
