import { sameBytes } from '../bytes.ts';
import { MlsError } from '../error.ts';
import type { Extension } from '../messages/extension.ts';
import type { KeyPackage } from '../messages/key-package.ts';
import type { Proposal } from '../messages/proposal.ts';
import type { PskId } from '../messages/psk.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { RatchetTree } from '../tree/ratchet-tree.ts';
import { requireSuccessor, validateKeyPackage, validateLeaf } from './leaf-rules.ts';
import type { Surroundings } from './options.ts';
import { updatedLeaf } from './proposal-list.ts';
import type { SentProposal } from './proposal-list.ts';

export interface Applied {
  readonly added: readonly { readonly leaf: number; readonly keyPackage: KeyPackage }[];
  readonly removed: readonly number[];
  readonly updated: readonly number[];
  readonly psks: readonly PskId[];
  readonly extensions: readonly Extension[];
  readonly extensionsChanged: boolean;
  readonly reinit: Extract<Proposal, { kind: 'reinit' }> | null;
  readonly externalInit: Uint8Array | null;
}

/**
 * Applies a valid list to `tree` in RFC 9420 §12.3's order, checking each new leaf by itself. Compatibility with other
 * members and unique keys are the caller's to check when the path is in place too.
 */
export function applyProposals(
  crypto: SuiteCrypto,
  tree: RatchetTree,
  proposals: readonly SentProposal[],
  input: { readonly groupId: Uint8Array; readonly extensions: readonly Extension[]; readonly around: Surroundings },
): Applied {
  const { around } = input;
  let { extensions } = input;
  let extensionsChanged = false;
  const updated: number[] = [];
  const removed: number[] = [];
  const added: { leaf: number; keyPackage: KeyPackage }[] = [];
  for (const { proposal, sender } of proposals) {
    if (proposal.kind === 'group_context_extensions') {
      ({ extensions } = proposal);
      extensionsChanged = true;
    }
    if (proposal.kind !== 'update') continue;
    const leaf = updatedLeaf(sender);
    const old = tree.leaf(leaf);
    if (old === null) throw new MlsError('unknown_member', 'an update is not from a member');
    const place = { groupId: input.groupId, leafIndex: leaf };
    validateLeaf(crypto, proposal.leafNode, { source: 'update', place, around });
    requireNewKey(old.encryptionKey, proposal.leafNode.encryptionKey);
    requireSuccessor(old.credential, proposal.leafNode.credential, around);
    tree.updateLeaf(leaf, proposal.leafNode);
    updated.push(leaf);
  }
  for (const { proposal } of proposals) {
    if (proposal.kind !== 'remove') continue;
    tree.removeLeaf(proposal.leaf);
    removed.push(proposal.leaf);
  }
  for (const { proposal } of proposals) {
    if (proposal.kind !== 'add') continue;
    validateKeyPackage(crypto, proposal.keyPackage, around);
    added.push({ leaf: tree.addLeaf(proposal.keyPackage.leafNode), keyPackage: proposal.keyPackage });
    if (tree.width > around.policy.maxLeaves) throw new MlsError('too_large', 'a group would get too many members');
  }
  return {
    added,
    removed,
    updated,
    extensions,
    extensionsChanged,
    psks: proposals.flatMap(({ proposal }) => (proposal.kind === 'psk' ? [proposal.psk] : [])),
    reinit: proposals.map(({ proposal }) => proposal).find((proposal) => proposal.kind === 'reinit') ?? null,
    externalInit:
      proposals.map(({ proposal }) => proposal).find((proposal) => proposal.kind === 'external_init')?.kemOutput ??
      null,
  };
}

/** RFC 9420 §12.1.2 and §7.5: whoever changes a leaf changes its key. Throws `stale_key`. */
export function requireNewKey(previous: Uint8Array, next: Uint8Array): void {
  if (sameBytes(previous, next)) throw new MlsError('stale_key', 'a leaf was changed without a new encryption key');
}
