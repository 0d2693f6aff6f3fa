import type { CryptoProvider } from '@sotto/crypto';
import { concatBytes, equalBytes } from '@sotto/wire';
import { PREKEY_LEAF, PREKEY_NODE } from '../labels.ts';

/** Fills the leaves up to a power of two. Nobody knows a leaf with this hash. */
const EMPTY = new Uint8Array(32);
const HASH = 32;

/** Hashes in a proof among `count` leaves: ⌈log2 count⌉. */
export function proofLength(count: number): number {
  return count <= 1 ? 0 : 32 - Math.clz32(count - 1);
}

function hashLeaf(provider: CryptoProvider, leaf: Uint8Array): Uint8Array {
  return provider.hash('sha256', concatBytes(PREKEY_LEAF, leaf));
}

const LEFT = PREKEY_NODE.length;

/** `node` is the label and room for two hashes, used again for every node. */
function hashNode(provider: CryptoProvider, node: Uint8Array, left: Uint8Array, right: Uint8Array): Uint8Array {
  node.set(left, LEFT);
  node.set(right, LEFT + HASH);
  return provider.hash('sha256', node);
}

function newNode(): Uint8Array {
  const node = new Uint8Array(LEFT + 2 * HASH);
  node.set(PREKEY_NODE);
  return node;
}

/** Levels of the tree over serialised leaves, the leaf hashes first, the root alone in the last. */
export function merkleTree(provider: CryptoProvider, leaves: readonly Uint8Array[]): Uint8Array[][] {
  const width = 2 ** proofLength(leaves.length);
  const node = newNode();
  const levels = [Array.from({ length: width }, (_, i) => leafHash(provider, leaves[i]))];
  for (let level = levels[0] ?? []; level.length > 1;) {
    const below = level;
    level = Array.from({ length: below.length / 2 }, (_, i) =>
      hashNode(provider, node, below[2 * i] ?? EMPTY, below[2 * i + 1] ?? EMPTY),
    );
    levels.push(level);
  }
  return levels;
}

function leafHash(provider: CryptoProvider, leaf: Uint8Array | undefined): Uint8Array {
  return leaf === undefined ? EMPTY : hashLeaf(provider, leaf);
}

/** The siblings of leaf `index` from the leaf upwards. */
export function merkleProof(levels: readonly (readonly Uint8Array[])[], index: number): Uint8Array[] {
  return levels.slice(0, -1).map((level, depth) => level[Math.floor(index / 2 ** depth) ^ 1] ?? EMPTY);
}

/** Whether `leaf` stands at `index` among `count` leaves under `root`; the proof must have its exact length. */
export function verifyMerkleProof(
  provider: CryptoProvider,
  claim: { readonly root: Uint8Array; readonly count: number; readonly index: number; readonly leaf: Uint8Array },
  proof: readonly Uint8Array[],
): boolean {
  const { root, count, index, leaf } = claim;
  if (index >= count || proof.length !== proofLength(count)) return false;
  let hash = hashLeaf(provider, leaf);
  let position = index;
  const node = newNode();
  for (const sibling of proof) {
    if (sibling.length !== HASH) return false;
    hash = position % 2 === 0 ? hashNode(provider, node, hash, sibling) : hashNode(provider, node, sibling, hash);
    position = Math.floor(position / 2);
  }
  return equalBytes(hash, root);
}
