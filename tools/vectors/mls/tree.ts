import type { CryptoProvider } from '@sotto/crypto';
import { decodeWhole } from '../../../packages/mls/src/codec/reader.ts';
import { readProposal } from '../../../packages/mls/src/messages/proposal.ts';
import { left, level, nodeWidth, parent, right, root, sibling } from '../../../packages/mls/src/tree/math.ts';
import { decodeTree } from '../../../packages/mls/src/tree/ratchet-tree.ts';
import { validateParents } from '../../../packages/mls/src/tree/validate.ts';
import { bytesAt, numberAt } from '../fields.ts';
import type { Fields } from '../fields.ts';
import { compare } from '../outcome.ts';
import type { Difference } from '../outcome.ts';
import { suiteOf } from './suite.ts';

export function treeMath(fields: Fields): Difference {
  const leaves = numberAt(fields, 'n_leaves');
  const top = root(leaves);
  const expected = (name: string, node: number): unknown => (fields[name] as readonly unknown[])[node] ?? null;
  if (nodeWidth(leaves) !== numberAt(fields, 'n_nodes') || top !== numberAt(fields, 'root')) return 'the root differs';
  for (let node = 0; node < nodeWidth(leaves); node++) {
    const isLeaf = level(node) === 0;
    const actual = {
      left: isLeaf ? null : left(node),
      right: isLeaf ? null : right(node),
      parent: node === top ? null : parent(node),
      sibling: node === top ? null : sibling(node),
    };
    for (const [name, value] of Object.entries(actual)) {
      if (value !== expected(name, node)) return `${name} of node ${node} differs`;
    }
  }
  return null;
}

export function treeOperations(fields: Fields, provider: CryptoProvider): Difference {
  const tree = decodeTree(suiteOf(fields, provider), bytesAt(fields, 'tree_before'));
  const before = compare('tree_hash_before', tree.treeHash(), bytesAt(fields, 'tree_hash_before'));
  if (before !== null) return before;
  const proposal = decodeWhole(bytesAt(fields, 'proposal'), readProposal);
  const after = tree.copy();
  if (proposal.kind === 'add') after.addLeaf(proposal.keyPackage.leafNode);
  else if (proposal.kind === 'update') after.updateLeaf(numberAt(fields, 'proposal_sender'), proposal.leafNode);
  else if (proposal.kind === 'remove') after.removeLeaf(proposal.leaf);
  else return `a ${proposal.kind} does not change the tree`;
  return (
    compare('tree_after', after.encode(), bytesAt(fields, 'tree_after')) ??
    compare('tree_hash_after', after.treeHash(), bytesAt(fields, 'tree_hash_after')) ??
    compare('the tree copied from', tree.encode(), bytesAt(fields, 'tree_before'))
  );
}

export function treeValidation(fields: Fields, provider: CryptoProvider): Difference {
  const crypto = suiteOf(fields, provider);
  const tree = decodeTree(crypto, bytesAt(fields, 'tree'));
  const [resolutions, hashes] = [fields['resolutions'], fields['tree_hashes']];
  if (!Array.isArray(resolutions) || !Array.isArray(hashes)) throw new Error('the tree has no resolutions or hashes');
  for (let index = 0; index < resolutions.length; index++) {
    if (JSON.stringify(tree.resolution(index)) !== JSON.stringify(resolutions[index])) {
      return `the resolution of node ${index} differs`;
    }
    if (Buffer.from(tree.treeHash(index)).toString('hex') !== hashes[index]) return `tree hash ${index} differs`;
  }
  validateParents(tree);
  tree.requireAllUnique();
  for (const [leafIndex, leaf] of tree.leaves()) {
    leaf.verify(crypto, { groupId: bytesAt(fields, 'group_id'), leafIndex });
  }
  return compare('the encoding', tree.encode(), bytesAt(fields, 'tree'));
}
