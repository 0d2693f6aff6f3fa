import type { CommitEffects, Group, SentProposal } from '@sotto/mls';
import { decodeGroupPolicy, equalBytes, GROUP_POLICY_EXTENSION, WireError } from '@sotto/wire';
import type { GroupRules, RevocationHead } from '@sotto/wire';
import { EngineError } from '../error.ts';
import type { GroupDevice, GroupProposal, GroupRemoval } from '../mls-calls.ts';
import { isRevokedAt, seatOf } from './credentials.ts';
import type { ChainSource } from './credentials.ts';
import { once } from './once.ts';
import { mayPropose } from './rules.ts';
import type { CommitFacts, Removal, Seat } from './rules.ts';

/** The serialised policy among a group's extensions; null: there is none, or something beside it. */
export function policyBytesIn(extensions: Group['extensions']): Uint8Array | null {
  const [policy, ...others] = extensions;
  return policy === undefined || others.length > 0 || policy.type !== GROUP_POLICY_EXTENSION ? null : policy.data;
}

/** Throws `EngineError` `damaged_record`: a group in records has a policy that was judged. */
export function policyOf(group: Group): { readonly bytes: Uint8Array; readonly rules: GroupRules } {
  const bytes = policyBytesIn(group.extensions);
  const rules = bytes === null ? null : readPolicy(bytes);
  if (bytes === null || rules === null) throw new EngineError('damaged_record', 'a group has no policy');
  return { bytes, rules };
}

/** Null for what is no policy. */
export function readPolicy(bytes: Uint8Array): GroupRules | null {
  try {
    return decodeGroupPolicy(bytes);
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
}

/** What a commit on `group`'s epoch does, as the rules look at it. `group` is as it was before. */
export function factsOf(
  group: Group,
  effects: CommitEffects,
  shown: { readonly revocations: readonly RevocationHead[]; readonly carried: ChainSource },
): CommitFacts {
  const committer = committerOf(group, effects);
  const { rules: policy } = policyOf(group);
  const members = once(() => group.members().map(seatOf));
  const senderOf = (sent: SentProposal | undefined): Seat => {
    if (sent === undefined || sent.ref === null || sent.sender.kind !== 'member') return committer.seat;
    return seatAt(group, sent.sender.leaf);
  };
  const { proposals } = effects;
  const added = effects.added.filter(({ leaf }) => committer.kind === 'member' || leaf !== effects.committerLeaf);
  const adds = proposals.filter(({ proposal }) => proposal.kind === 'add');
  return {
    policy,
    members,
    committer,
    added: added.map((member, i) => ({ seat: seatOf(member), by: senderOf(adds[i]) })),
    removed: effects.removed.map((member): Removal => {
      const seat = seatOf(member);
      const sent = proposals.find(({ proposal }) => proposal.kind === 'remove' && proposal.leaf === member.leaf);
      return { seat, by: senderOf(sent), revoked: isRevokedAt(seat, shown.revocations, shown.carried) };
    }),
    policyChange: policyChangeOf(group, effects, committer.seat),
    unusual: isUnusual(effects),
    waiting: waitingRemovals(group),
  };
}

/** Leaves whose removal is proposed in this epoch. What stands among a group's proposals was judged as it came. */
export function waitingRemovals(group: Group): number[] {
  return group.proposals().flatMap(({ proposal }) => (proposal.kind === 'remove' ? [proposal.leaf] : []));
}

/** Null for proposals that do not stand in groups. */
export function proposalOf(
  group: Group,
  { proposal, sender }: Pick<SentProposal, 'proposal' | 'sender'>,
): GroupProposal | null {
  if (sender.kind !== 'member') return null;
  const from = seatAt(group, sender.leaf);
  if (proposal.kind === 'update') return { kind: 'update', from };
  if (proposal.kind !== 'remove') return null;
  const target = group.member(proposal.leaf);
  return target === null ? null : { kind: 'remove', from, target: seatOf(target) };
}

/** The rule that a proposal breaks by itself, or null. */
export function judgeProposal(
  group: Group,
  sent: Pick<SentProposal, 'proposal' | 'sender'>,
): 'proposal-kind' | 'remove' | 'credential' | null {
  const proposal = proposalOf(group, sent);
  if (proposal === null) return 'proposal-kind';
  if (proposal.kind === 'remove') {
    return mayPropose(policyOf(group).rules, proposal.from as Seat, proposal.target as Seat) ? null : 'remove';
  }
  const before = group.member(proposal.from.leaf);
  const after = sent.proposal.kind === 'update' ? sent.proposal.leafNode.credential : null;
  const isSame =
    before?.credential.kind === 'basic' &&
    after?.kind === 'basic' &&
    equalBytes(before.credential.identity, after.identity);
  return isSame ? null : 'credential';
}

/** Whether there is one already of its kind about the same device, which is as many as count. */
export function isRepeated(
  { proposal, sender }: Pick<SentProposal, 'proposal' | 'sender'>,
  among: readonly SentProposal[],
): boolean {
  return among.some((other) =>
    proposal.kind === 'remove'
      ? other.proposal.kind === 'remove' && other.proposal.leaf === proposal.leaf
      : other.proposal.kind === proposal.kind && sameSender(other.sender, sender),
  );
}

function sameSender(a: SentProposal['sender'], b: SentProposal['sender']): boolean {
  return a.kind === 'member' && b.kind === 'member' && a.leaf === b.leaf;
}

/** A commit's removals, each with what entitled to it. */
export function removalsOf({ committer, removed, policy }: CommitFacts): GroupRemoval[] {
  return removed.map(({ seat, by }) => {
    if (committer.kind === 'external') return { ...seat, by, why: 'rejoined' };
    if (equalBytes(seat.account, by.account)) return { ...seat, by, why: 'own-account' };
    return { ...seat, by, why: mayPropose(policy, by, seat) ? 'role' : 'revoked' };
  });
}

export function updatedOf(effects: CommitEffects): GroupDevice[] {
  return effects.updated.map(({ after }) => seatOf(after));
}

function seatAt(group: Group, leaf: number): Seat {
  const member = group.member(leaf);
  if (member === null) throw new EngineError('damaged_record', 'a sender is no member of the group');
  return seatOf(member);
}

function committerOf(group: Group, { committer, committerLeaf, added }: CommitEffects): CommitFacts['committer'] {
  if (committer.kind === 'member') return { kind: 'member', seat: seatAt(group, committer.leaf) };
  const joined = added.find(({ leaf }) => leaf === committerLeaf);
  if (joined === undefined) throw new EngineError('damaged_record', 'an external commit adds nobody');
  return { kind: 'external', seat: seatOf(joined) };
}

function policyChangeOf(
  group: Group,
  { extensions, extensionsChanged }: CommitEffects,
  by: Seat,
): CommitFacts['policyChange'] {
  if (!extensionsChanged) return null;
  const after = policyBytesIn(extensions);
  if (after !== null && equalBytes(after, policyOf(group).bytes)) return null;
  return { after: after === null ? null : readPolicy(after), by };
}

function isUnusual({ psks, reinit, extensions, proposals, committer }: CommitEffects): boolean {
  const kinds = committer.kind === 'member' ? MEMBER_KINDS : EXTERNAL_KINDS;
  return (
    psks.length > 0 ||
    reinit !== null ||
    policyBytesIn(extensions) === null ||
    proposals.some(({ proposal }) => !kinds.has(proposal.kind))
  );
}

const MEMBER_KINDS: ReadonlySet<string> = new Set(['add', 'remove', 'update', 'group_context_extensions']);
const EXTERNAL_KINDS: ReadonlySet<string> = new Set(['external_init', 'remove']);
