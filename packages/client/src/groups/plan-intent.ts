import type { VaultReader } from '@sotto/vault';
import {
  accountId,
  compareBytes,
  decodeGroupPolicy,
  encodeGroupPolicy,
  equalBytes,
  GroupPermission,
} from '@sotto/wire';
import { GroupRole_Role, WireError } from '@sotto/wire';
import type { AccountId, DeviceId, GroupPermissionName, GroupRules } from '@sotto/wire';
import type { IntentPolicy, StoredGroup, StoredGroupIntent } from '@sotto/wire/stored';
import { sha256 } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { conversationRef } from '../store/refs.ts';
import type { Acquaintances } from './acquaintances.ts';
import { linkHash } from './link.ts';
import type { GroupReason } from './reasons.ts';
import { findMember, isOver, requireRules } from './rows.ts';
import { may, mayRemove, roleOf, withRole } from './rules.ts';
import type { GroupRight } from './rules.ts';
import type { GroupRole } from './types.ts';

/** A device that a commit may add. */
export interface Candidate {
  readonly account: AccountId;
  readonly device: DeviceId;
}

/** What an intent means for the group as it is now. */
export type IntentPlan =
  | {
      readonly kind: 'commit';
      readonly add: readonly Candidate[];
      /** Leaves. */
      readonly remove: readonly number[];
      /** Serialised; null: stays. */
      readonly policy: Uint8Array | null;
      readonly update: boolean;
    }
  | { readonly kind: 'propose-leave' }
  /** Nobody else is there to take it in. */
  | { readonly kind: 'end' }
  /** It is so already. */
  | { readonly kind: 'satisfied' }
  | { readonly kind: 'wait'; readonly reason: GroupReason }
  | { readonly kind: 'refused'; readonly reason: GroupReason };

const commit = { kind: 'commit', add: [], remove: [], policy: null, update: false } as const;

/** Looks at an intent on the state of the moment. */
export function planIntent(
  read: VaultReader,
  core: Core,
  acquaintances: Acquaintances,
  group: StoredGroup,
  intent: StoredGroupIntent,
): IntentPlan {
  const { kind } = intent;
  if (kind.case === 'leave') {
    if (group.epoch === 0n && group.policy.length === 0) return { kind: 'wait', reason: 'stored' };
    if (group.accounts <= 1) return { kind: 'end' };
    return kind.value.proposed ? { kind: 'wait', reason: 'waiting-committer' } : { kind: 'propose-leave' };
  }
  if (isOver(group)) return { kind: 'refused', reason: 'group-over' };
  const rules = requireRules(group);
  const role = roleOf(rules, core.self.account);
  switch (kind.case) {
    case 'add':
      return planAdd(read, acquaintances, group, { rules, role }, kind.value.accounts.map(accountId));
    case 'remove':
      return planRemove(read, group, { rules, role }, kind.value.accounts.map(accountId));
    case 'policy':
      return planPolicy(read, core, group, { rules, role }, kind.value);
    case 'rotate':
      return { ...commit, update: true };
    case undefined:
      return { kind: 'satisfied' };
  }
}

interface Standing {
  readonly rules: GroupRules;
  readonly role: GroupRole;
}

function planAdd(
  read: VaultReader,
  acquaintances: Acquaintances,
  group: StoredGroup,
  { rules, role }: Standing,
  accounts: readonly AccountId[],
): IntentPlan {
  const ref = conversationRef(group.id);
  const outside = accounts.filter((account) => findMember(read, ref, account) === null);
  if (outside.length === 0) return { kind: 'satisfied' };
  if (!may(rules, role, 'add')) return { kind: 'refused', reason: 'forbidden' };
  const add: Candidate[] = [];
  let unknown = false;
  for (const account of outside) {
    const devices = acquaintances.activeDevices(read, account);
    if (devices === null) unknown = true;
    for (const device of devices ?? []) add.push({ account, device });
  }
  if (add.length > 0) return { ...commit, add };
  return unknown ? { kind: 'wait', reason: 'waiting-identity' } : { kind: 'refused', reason: 'no-device' };
}

function planRemove(
  read: VaultReader,
  group: StoredGroup,
  { rules, role }: Standing,
  accounts: readonly AccountId[],
): IntentPlan {
  const ref = conversationRef(group.id);
  const members = accounts.flatMap((account) => findMember(read, ref, account) ?? []);
  if (members.length === 0) return { kind: 'satisfied' };
  const allowed = members.every((member) => mayRemove(role, roleOf(rules, member.account)));
  if (!allowed) return { kind: 'refused', reason: 'forbidden' };
  return { ...commit, remove: members.flatMap((member) => member.leaves.map((leaf) => leaf.index)) };
}

function planPolicy(
  read: VaultReader,
  core: Core,
  group: StoredGroup,
  { rules, role }: Standing,
  { change }: IntentPolicy,
): IntentPlan {
  const wanted = changedRules(core, rules, change);
  if (wanted === null) return { kind: 'satisfied' };
  if (change.case === 'role') {
    const account = accountId(change.value.account);
    if (findMember(read, conversationRef(group.id), account) === null) {
      return { kind: 'refused', reason: 'not-a-member' };
    }
  }
  let policy: Uint8Array;
  try {
    policy = encodeGroupPolicy({
      ...wanted,
      roles: wanted.roles.toSorted((a, b) => compareBytes(a.account, b.account)),
    });
  } catch (cause) {
    if (cause instanceof WireError) return { kind: 'refused', reason: 'forbidden' };
    throw cause;
  }
  if (equalBytes(policy, encodeGroupPolicy(decodeGroupPolicy(group.policy)))) return { kind: 'satisfied' };
  if (!may(rules, role, rightFor(change))) return { kind: 'refused', reason: 'forbidden' };
  return { ...commit, policy };
}

function rightFor(change: IntentPolicy['change']): GroupRight {
  switch (change.case) {
    case 'role':
    case 'permissions':
    case 'rotateSeconds':
      return 'rule';
    case 'link':
      return 'link';
    case 'name':
    case 'description':
    case 'pictureHash':
    case 'disappearSeconds':
    case undefined:
      return 'edit';
  }
}

const permissionNames: Readonly<Record<GroupPermission, GroupPermissionName | null>> = {
  [GroupPermission.UNSPECIFIED]: null,
  [GroupPermission.ADMINS]: 'admins',
  [GroupPermission.MEMBERS]: 'members',
};

const roleNames: Readonly<Record<GroupRole_Role, GroupRole>> = {
  [GroupRole_Role.UNSPECIFIED]: 'member',
  [GroupRole_Role.ADMIN]: 'admin',
  [GroupRole_Role.OWNER]: 'owner',
};

/** The rules with one change; null: nothing is to be changed. */
function changedRules(core: Core, rules: GroupRules, change: IntentPolicy['change']): GroupRules | null {
  switch (change.case) {
    case 'name':
      return { ...rules, name: change.value };
    case 'description':
      return { ...rules, description: change.value };
    case 'pictureHash':
      return { ...rules, pictureHash: change.value.length === 0 ? null : change.value };
    case 'disappearSeconds':
      return { ...rules, disappearSeconds: change.value };
    case 'rotateSeconds':
      return { ...rules, rotateSeconds: change.value };
    case 'role':
      return withRole(rules, accountId(change.value.account), roleNames[change.value.role] ?? 'member');
    case 'permissions': {
      const { add, edit, send, pin } = change.value;
      return {
        ...rules,
        add: permissionNames[add] ?? rules.add,
        edit: permissionNames[edit] ?? rules.edit,
        send: permissionNames[send] ?? rules.send,
        pin: permissionNames[pin] ?? rules.pin,
      };
    }
    case 'link': {
      const { secret, needsApproval } = change.value;
      const hash = secret.length === 0 ? null : linkHash(secret, (...parts) => sha256(core, ...parts));
      return { ...rules, linkHash: hash, linkNeedsApproval: hash !== null && needsApproval };
    }
    case undefined:
      return null;
  }
}
