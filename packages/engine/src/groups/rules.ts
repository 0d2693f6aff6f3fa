import type { AccountId, DeviceId, GroupRank, GroupRules } from '@sotto/wire';
import { equalBytes, idHex } from '@sotto/wire';
import type { GroupRoleName, GroupRule } from '../mls-calls.ts';

/** A device in a group. */
export interface Seat {
  readonly leaf: number;
  readonly account: AccountId;
  readonly device: DeviceId;
}

/** Why a removal may be: `revoked` when the commit shows that the device is. */
export interface Removal {
  readonly seat: Seat;
  /** Who wants it: the proposer, or the committer. */
  readonly by: Seat;
  readonly revoked: boolean;
}

/** What a commit does, as MLS and the chains that it carries say. */
export interface CommitFacts {
  /** In force before it. */
  readonly policy: GroupRules;
  /** Everybody before it; asked for only where a rule is about them all. */
  readonly members: () => readonly Seat[];
  readonly committer: { readonly kind: 'member' | 'external'; readonly seat: Seat };
  readonly added: readonly { readonly seat: Seat; readonly by: Seat }[];
  readonly removed: readonly Removal[];
  /** `after` is null when what it sets is no policy. */
  readonly policyChange: { readonly after: GroupRules | null; readonly by: Seat } | null;
  /** Something that groups do not use: PSKs, re-inits, other extensions, external senders. */
  readonly unusual: boolean;
  /** Leaves whose removal was proposed before it, and validly. */
  readonly waiting: readonly number[];
}

/**
 * Whether a commit may be, by docs/decisions/0004-groups-over-a-gateway.md: null, or the rule that it breaks. All members
 * judge by this function and by nothing that only some of them know.
 */
export function judgeCommit(facts: CommitFacts): GroupRule | null {
  const { policy, committer, added, removed, policyChange } = facts;
  if (facts.unusual) return 'proposal-kind';
  if (committer.kind === 'external') return judgeExternal(facts);
  const gone = new Set(removed.map(({ seat }) => seat.leaf));
  if (facts.waiting.some((leaf) => !gone.has(leaf))) return 'removal-omitted';
  for (const removal of removed) if (!mayRemove(policy, removal)) return 'remove';
  if (added.length > 0) {
    const members = facts.members();
    if (hasDeviceTwice([...members.filter(({ leaf }) => !gone.has(leaf)), ...added.map(({ seat }) => seat)])) {
      return 'two-leaves';
    }
    const accounts = accountsOf(members);
    for (const { seat, by } of added) if (!mayAdd(policy, accounts, by, seat.account)) return 'add';
  }
  if (policyChange === null) return losesRole(facts) ? 'policy-form' : null;
  return policyChange.after === null ? 'policy-form' : judgePolicy(facts, policyChange.after, policyChange.by);
}

/** Whether a removal may be proposed. It is judged once, as it comes: a policy stays for the whole epoch. */
export function mayPropose(policy: GroupRules, from: Seat, target: Seat): boolean {
  return mayRemove(policy, { seat: target, by: from, revoked: false });
}

export function roleOf(policy: GroupRules, account: Uint8Array): GroupRoleName {
  return policy.roles.find((role) => equalBytes(role.account, account))?.role ?? 'member';
}

/** Accounts of which nothing is left in the group after a commit. */
export function leavingAccounts(
  members: readonly Seat[],
  removed: readonly Seat[],
  added: readonly Seat[],
): ReadonlySet<string> {
  const gone = new Set(removed.map(({ leaf }) => leaf));
  const staying = accountsOf([...members.filter(({ leaf }) => !gone.has(leaf)), ...added]);
  return new Set([...accountsOf(removed)].filter((account) => !staying.has(account)));
}

/** A device of a member's account comes back in, or in for the first time: in place of its own former leaf, at most. */
function judgeExternal({ committer, members, added, removed, policyChange, waiting }: CommitFacts): GroupRule | null {
  const { seat } = committer;
  if (policyChange !== null || added.length > 0) return 'external';
  if (waiting.length > 0) return 'removal-omitted';
  const before = members();
  if (!accountsOf(before).has(idHex(seat.account))) return 'external';
  if (removed.some((removal) => !sameDevice(removal.seat, seat))) return 'external';
  const gone = new Set(removed.map((removal) => removal.seat.leaf));
  return before.some((other) => sameDevice(other, seat) && !gone.has(other.leaf)) ? 'two-leaves' : null;
}

function mayAdd(policy: GroupRules, accounts: ReadonlySet<string>, by: Seat, account: AccountId): boolean {
  if (accounts.has(idHex(account))) return equalBytes(by.account, account);
  return policy.add === 'members' || roleOf(policy, by.account) !== 'member';
}

function mayRemove(policy: GroupRules, { seat, by, revoked }: Removal): boolean {
  if (revoked || equalBytes(seat.account, by.account)) return true;
  const own = roleOf(policy, by.account);
  switch (roleOf(policy, seat.account)) {
    case 'member':
      return own !== 'member';
    case 'admin':
      return own === 'owner';
    case 'owner':
      return false;
  }
}

/** A role goes with the last device of its account. */
function losesRole({ policy, members, added, removed }: CommitFacts): boolean {
  if (!removed.some(({ seat }) => roleOf(policy, seat.account) !== 'member')) return false;
  const leaving = leavingAccounts(members(), seatsOf(removed), seatsOf(added));
  return policy.roles.some(({ account }) => leaving.has(idHex(account)));
}

function judgePolicy(facts: CommitFacts, after: GroupRules, by: Seat): GroupRule | null {
  const { policy: before, added, removed } = facts;
  if (after.createdAt !== before.createdAt || after.protocol !== before.protocol) return 'policy-form';
  const members = facts.members();
  const leaving = leavingAccounts(members, seatsOf(removed), seatsOf(added));
  const present = accountsOf([...members, ...seatsOf(added)]);
  if (after.roles.some(({ account }) => leaving.has(idHex(account)) || !present.has(idHex(account)))) {
    return 'policy-form';
  }
  if (changesLooks(before, after) && !mayEdit(before, by)) return 'edit';
  if (changesLink(before, after) && rankOf(before, by) < Math.min(topRank(before), RANKS.admin)) return 'rule';
  if (changesRules(before, after) && rankOf(before, by) < topRank(before)) return 'rule';
  if (!mayChangeRoles(before, after, by, leaving)) return 'rule';
  return null;
}

function mayEdit(policy: GroupRules, by: Seat): boolean {
  return policy.edit === 'members' || rankOf(policy, by) >= Math.min(topRank(policy), RANKS.admin);
}

function changesLooks(before: GroupRules, after: GroupRules): boolean {
  return (
    before.name !== after.name ||
    before.description !== after.description ||
    before.disappearSeconds !== after.disappearSeconds ||
    !sameHash(before.pictureHash, after.pictureHash)
  );
}

function changesLink(before: GroupRules, after: GroupRules): boolean {
  return before.linkNeedsApproval !== after.linkNeedsApproval || !sameHash(before.linkHash, after.linkHash);
}

function changesRules(before: GroupRules, after: GroupRules): boolean {
  return (
    before.add !== after.add ||
    before.edit !== after.edit ||
    before.send !== after.send ||
    before.pin !== after.pin ||
    before.rotateSeconds !== after.rotateSeconds ||
    before.log.gateway !== after.log.gateway ||
    !equalBytes(before.log.id, after.log.id)
  );
}

/** Those who leave lose theirs by anyone's hand; one's own may always be given up; all else is for the highest rank. */
function mayChangeRoles(before: GroupRules, after: GroupRules, by: Seat, leaving: ReadonlySet<string>): boolean {
  if (rankOf(before, by) >= topRank(before)) return true;
  const accounts = [...before.roles, ...after.roles].map(({ account }) => account);
  return accounts.every((account) => {
    const [was, is] = [RANKS[roleOf(before, account)], RANKS[roleOf(after, account)]];
    return was === is || leaving.has(idHex(account)) || (is < was && equalBytes(account, by.account));
  });
}

const RANKS: { readonly [Role in GroupRoleName]: number } = { member: 0, admin: 1, owner: 2 };

function rankOf(policy: GroupRules, { account }: Seat): number {
  return RANKS[roleOf(policy, account)];
}

/** The highest rank that somebody in the group has. Roles name members only. */
function topRank(policy: GroupRules): number {
  return Math.max(RANKS.member, ...policy.roles.map(({ role }: { readonly role: GroupRank }) => RANKS[role]));
}

function sameHash(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : equalBytes(a, b);
}

function sameDevice(a: Seat, b: Seat): boolean {
  return equalBytes(a.account, b.account) && equalBytes(a.device, b.device);
}

function hasDeviceTwice(seats: readonly Seat[]): boolean {
  return new Set(seats.map(({ account, device }) => idHex(account) + idHex(device))).size < seats.length;
}

function accountsOf(seats: readonly Seat[]): Set<string> {
  return new Set(seats.map(({ account }) => idHex(account)));
}

function seatsOf(items: readonly { readonly seat: Seat }[]): Seat[] {
  return items.map(({ seat }) => seat);
}
