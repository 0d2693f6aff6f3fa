import { equalBytes } from '@sotto/wire';
import type { AccountId, GroupRules } from '@sotto/wire';
import type { GroupRole } from './types.ts';

/** Role of an account that is in the group. */
export function roleOf(rules: GroupRules, account: Uint8Array): GroupRole {
  return rules.roles.find((each) => equalBytes(each.account, account))?.role ?? 'member';
}

/** What a member may do beyond reading. */
export type GroupRight = 'add' | 'edit' | 'send' | 'pin' | 'rule' | 'link';

/** Whether the rules give a right to a role (docs/decisions/0004, "Rules"). */
export function may(rules: GroupRules, role: GroupRole, right: GroupRight): boolean {
  switch (right) {
    case 'add':
    case 'edit':
    case 'send':
    case 'pin':
      return rules[right] === 'members' || role !== 'member';
    case 'rule':
      return rank(role) >= rulingRank(rules);
    case 'link':
      return rank(role) >= Math.min(rulingRank(rules), 1);
  }
}

/** Whether a member may take out another account. */
export function mayRemove(by: GroupRole, target: GroupRole): boolean {
  if (target === 'owner') return false;
  return target === 'admin' ? by === 'owner' : by !== 'member';
}

const rank = (role: GroupRole): number => (role === 'owner' ? 2 : role === 'admin' ? 1 : 0);

/** The least rank that rules: owners; without owners admins; without either everyone. */
function rulingRank(rules: GroupRules): number {
  let most = 0;
  for (const { role } of rules.roles) most = Math.max(most, rank(role));
  return most;
}

/** The rules with another role for one account. */
export function withRole(rules: GroupRules, account: AccountId, role: GroupRole): GroupRules {
  const others = rules.roles.filter((each) => !equalBytes(each.account, account));
  return { ...rules, roles: role === 'member' ? others : [...others, { account, role }] };
}
