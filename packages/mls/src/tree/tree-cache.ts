import { hex } from '../bytes.ts';
import type { RatchetTree } from './ratchet-tree.ts';

/**
 * Ratchet trees by tree hash, to share between groups that are loaded again and again: a tree that is here is not read
 * from records. Holds public data only; losing it costs time. One for each CryptoProvider.
 */
export class TreeCache {
  readonly #capacity: number;
  readonly #trees = new Map<string, RatchetTree>();
  #nodes = 0;

  /** `nodes`: of all trees together, about 1.5 KiB each with X-Wing keys. */
  constructor({ nodes }: { readonly nodes: number }) {
    this.#capacity = nodes;
  }

  clear(): void {
    this.#trees.clear();
    this.#nodes = 0;
  }

  /** @internal */
  get(suite: number, treeHash: Uint8Array): RatchetTree | null {
    const key = keyOf(suite, treeHash);
    const tree = this.#trees.get(key);
    if (tree === undefined) return null;
    this.#trees.delete(key);
    this.#trees.set(key, tree);
    return tree;
  }

  /** @internal A tree that nobody changes any more. */
  add(suite: number, treeHash: Uint8Array, tree: RatchetTree): void {
    const key = keyOf(suite, treeHash);
    if (this.#trees.has(key) || tree.nodeCount > this.#capacity) return;
    this.#trees.set(key, tree);
    this.#nodes += tree.nodeCount;
    for (const [oldest, { nodeCount }] of this.#trees) {
      if (this.#nodes <= this.#capacity) break;
      this.#trees.delete(oldest);
      this.#nodes -= nodeCount;
    }
  }
}

function keyOf(suite: number, treeHash: Uint8Array): string {
  return `${suite}/${hex(treeHash)}`;
}
