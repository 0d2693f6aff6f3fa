import type { Extension } from '../messages/extension.ts';
import type { Proposal } from '../messages/proposal.ts';
import type { PskId } from '../messages/psk.ts';
import type { RatchetTree } from '../tree/ratchet-tree.ts';
import type { Applied } from './apply.ts';
import { memberOf } from './member.ts';
import type { Member } from './member.ts';
import type { Committer, SentProposal } from './proposal-list.ts';

/** What a commit does to a group. */
export interface CommitEffects {
  readonly committer: Committer;
  /** Its place in the new epoch. */
  readonly committerLeaf: number;
  /** All proposals that the commit covers, with who sent each. */
  readonly proposals: readonly SentProposal[];
  /** New members, an external joiner among them, in the order of addition. */
  readonly added: readonly Member[];
  /** As they were. */
  readonly removed: readonly Member[];
  /** Members with another leaf than before, by an Update or as committer; the one in both is the same `leaf`. */
  readonly updated: readonly { readonly before: Member; readonly after: Member }[];
  readonly psks: readonly PskId[];
  /** GroupContext extensions of the new epoch. */
  readonly extensions: readonly Extension[];
  readonly extensionsChanged: boolean;
  readonly reinit: Extract<Proposal, { kind: 'reinit' }> | null;
}

/** `before` and `after` are the trees of the two epochs. */
export function effectsOf(
  applied: Applied,
  commit: {
    readonly committer: Committer;
    readonly committerLeaf: number;
    readonly hasPath: boolean;
    readonly proposals: readonly SentProposal[];
    readonly before: RatchetTree;
    readonly after: RatchetTree;
  },
): CommitEffects {
  const { committer, committerLeaf, proposals, before, after } = commit;
  const { psks, extensions, extensionsChanged, reinit } = applied;
  const added = applied.added.map(({ leaf }) => leaf);
  if (committer.kind !== 'member') added.push(committerLeaf);
  const updated = [...applied.updated];
  if (committer.kind === 'member' && commit.hasPath) updated.push(committerLeaf);
  return {
    committer,
    committerLeaf,
    proposals,
    added: added.flatMap((leaf) => memberIn(after, leaf)),
    removed: applied.removed.flatMap((leaf) => memberIn(before, leaf)),
    updated: updated.flatMap((leaf) => {
      const [old] = memberIn(before, leaf);
      const [next] = memberIn(after, leaf);
      return old === undefined || next === undefined ? [] : [{ before: old, after: next }];
    }),
    psks,
    extensions,
    extensionsChanged,
    reinit,
  };
}

function memberIn(tree: RatchetTree, leaf: number): Member[] {
  const node = tree.leaf(leaf);
  return node === null ? [] : [memberOf(leaf, node)];
}
