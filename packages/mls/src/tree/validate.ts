import { sameBytes } from '../bytes.ts';
import { MlsError } from '../error.ts';
import { LeafNode } from '../messages/leaf-node.ts';
import { leafSpan, left, right } from './math.ts';
import { ParentNode } from './node.ts';
import type { RatchetTree } from './ratchet-tree.ts';

/**
 * Checks a received tree's parents, RFC 9420 §7.9.2 and §12.4.3.1: each parent node was set by a leaf below it (parent
 * hashes chain down to a leaf), and unmerged leaves are non-blank, below their node, in order and listed all the way up
 * to it. Throws `parent_hash`, `unmerged_leaves`. Leaves are the caller's to check.
 */
export function validateParents(tree: RatchetTree): void {
  for (let index = 1; index < tree.nodeCount; index += 2) {
    const node = tree.parentNode(index);
    if (node === null) continue;
    validateUnmerged(tree, index, node);
    const hasChild =
      chainsTo(tree, index, node, left(index), right(index)) || chainsTo(tree, index, node, right(index), left(index));
    if (!hasChild) throw new MlsError('parent_hash', 'a parent node was set by no node below it');
  }
}

/** Whether some D below `child` names `node` as its parent, RFC 9420 §7.9.2. */
function chainsTo(tree: RatchetTree, index: number, node: ParentNode, child: number, copath: number): boolean {
  const [first, last] = leafSpan(child);
  const unmerged = new Set(node.unmergedLeaves.filter((leaf) => leaf >= first && leaf <= last).map((leaf) => 2 * leaf));
  const resolution = tree.resolution(child);
  // The resolution but D is exactly the unmerged leaves below child.
  if (resolution.length !== unmerged.size + 1) return false;
  const rest = resolution.filter((at) => !unmerged.has(at));
  const [at] = rest;
  if (at === undefined || rest.length !== 1) return false;
  const candidate = tree.node(at);
  const claimed =
    candidate instanceof ParentNode
      ? candidate.parentHash
      : candidate instanceof LeafNode && candidate.source.kind === 'commit'
        ? candidate.source.parentHash
        : null;
  return claimed !== null && sameBytes(claimed, tree.parentHash(index, copath));
}

function validateUnmerged(tree: RatchetTree, index: number, node: ParentNode): void {
  const [first, last] = leafSpan(index);
  let previous = -1;
  for (const leaf of node.unmergedLeaves) {
    const isPlaced = leaf > previous && leaf >= first && leaf <= last && tree.leaf(leaf) !== null;
    if (!isPlaced || !isUnmergedBelow(tree, index, leaf)) {
      throw new MlsError('unmerged_leaves', 'a list of unmerged leaves is not as it can be');
    }
    previous = leaf;
  }
}

/** Every non-blank node between a leaf and the node that lists it lists it too, RFC 9420 §12.4.3.1. */
function isUnmergedBelow(tree: RatchetTree, index: number, leaf: number): boolean {
  for (const at of tree.directPath(leaf)) {
    if (at === index) return true;
    const between = tree.parentNode(at);
    if (between !== null && !between.unmergedLeaves.includes(leaf)) return false;
  }
  return true;
}
