import type { VaultReader } from '@sotto/vault';
import { decodeGroupPolicy, LogEntryKind } from '@sotto/wire';
import type { AccountId, GroupRules } from '@sotto/wire';
import { StoredGroup_State } from '@sotto/wire/stored';
import type { StoredGroup, StoredGroupIntent, StoredGroupMember, StoredGroupPost } from '@sotto/wire/stored';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import type { ConversationRef, MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { accountRef, conversationOf, conversationRef, messageRef } from '../store/refs.ts';
import { groupIntents, groupMembers, groupPosts, groups } from '../store/tables.ts';
import { groupReasons } from './reasons.ts';
import type { GroupReason } from './reasons.ts';
import { roleOf } from './rules.ts';
import type { Group, GroupNotice, GroupState } from './types.ts';

const states: Partial<Record<StoredGroup_State, GroupState>> = {
  [StoredGroup_State.FOUNDING]: 'founding',
  [StoredGroup_State.INVITED]: 'invited',
  [StoredGroup_State.JOINED]: 'joined',
  [StoredGroup_State.LEFT]: 'left',
  [StoredGroup_State.REMOVED]: 'removed',
  [StoredGroup_State.RESYNCING]: 'resyncing',
  [StoredGroup_State.ASKING]: 'asking',
};

function groupState(row: StoredGroup): GroupState {
  const state = states[row.state];
  if (state === undefined) throw new MessengerError('corrupt_store', 'a group is stored in an unknown state');
  return state;
}

export function findGroup(read: VaultReader, ref: ConversationRef): StoredGroup | null {
  return groups.get(read, ref);
}

/** Throws `not_found`, `invalid_argument`. */
export function requireGroup(read: VaultReader, ref: ConversationRef): StoredGroup {
  const row = groups.get(read, conversationRef(conversationOf(ref)));
  if (row === null) throw new MessengerError('not_found', 'no such group');
  return row;
}

/** A group in which this device can do something. Throws `not_found`, `wrong_state`. */
export function requireMember(read: VaultReader, ref: ConversationRef): StoredGroup {
  const row = requireGroup(read, ref);
  const state = groupState(row);
  if (state === 'invited') throw new MessengerError('wrong_state', 'the invitation is not accepted yet');
  if (state === 'asking') throw new MessengerError('wrong_state', 'this account is not let in yet');
  if (state === 'left') throw new MessengerError('wrong_state', 'this account left the group');
  if (state === 'removed') throw new MessengerError('wrong_state', 'this account was removed from the group');
  return row;
}

export function putGroup(tx: Tx, row: StoredGroup): void {
  groups.put(tx.write, conversationRef(row.id), row);
}

/** The rules in force; null: nothing of the group is known yet but an invitation. */
export function rulesOf(row: StoredGroup): GroupRules | null {
  return row.policy.length === 0 ? null : decodeGroupPolicy(row.policy);
}

/** Throws `wrong_state` before the group is known. */
export function requireRules(row: StoredGroup): GroupRules {
  const rules = rulesOf(row);
  if (rules === null) throw new MessengerError('wrong_state', 'nothing of the group is known yet');
  return rules;
}

export function reasonOfGroup(code: string): GroupReason | null {
  return Object.hasOwn(groupReasons, code) ? (code as GroupReason) : null;
}

/** A group as people see it. */
export function viewGroup(core: Pick<Core, 'self'>, row: StoredGroup): Group {
  const rules = rulesOf(row);
  const picture = rules?.pictureHash ?? null;
  return {
    id: conversationRef(row.id),
    state: groupState(row),
    name: rules?.name ?? row.invitation?.name ?? '',
    description: rules?.description ?? '',
    pictureHash: picture === null ? null : Buffer.from(picture).toString('hex'),
    role: rules === null ? 'member' : roleOf(rules, core.self.account),
    permissions: {
      add: rules?.add ?? 'members',
      edit: rules?.edit ?? 'admins',
      send: rules?.send ?? 'members',
      pin: rules?.pin ?? 'admins',
    },
    protocol: rules?.protocol ?? 'mls',
    members: rules === null ? (row.invitation?.members ?? 0) : row.accounts,
    devices: row.leaves,
    timerSeconds: rules?.disappearSeconds ?? 0,
    link: linkStateOf(rules),
    epoch: Number(row.epoch),
    reason: reasonOfGroup(row.reason),
    createdAt: rules?.createdAt ?? 0,
    joinedAt: row.joinedAt === 0n ? null : Number(row.joinedAt),
  };
}

function linkStateOf(rules: GroupRules | null): Group['link'] {
  if (rules === null || rules.linkHash === null) return { kind: 'none' };
  return { kind: rules.linkNeedsApproval ? 'approval' : 'open' };
}

/** Tells listeners, as the group is at the end of the event. */
export function tellGroup(tx: Tx, core: Core, group: ConversationRef, notice: GroupNotice | null = null): void {
  tx.last(({ write }) => {
    const row = groups.get(write, group);
    if (row !== null) tx.emit({ type: 'group-changed', group: viewGroup(core, row), notice });
  });
}

// Members.

const memberKey = (group: ConversationRef, account: Uint8Array): string => `${group}/${accountRef(account)}`;

export function findMember(read: VaultReader, group: ConversationRef, account: AccountId): StoredGroupMember | null {
  return groupMembers.get(read, memberKey(group, account));
}

export function putMember(tx: Tx, row: StoredGroupMember): void {
  const group = conversationRef(row.group);
  row.leaves = row.leaves.toSorted((a, b) => a.index - b.index);
  groupMembers.put(tx.write, memberKey(group, row.account), row, {
    order: { partition: group, ordinal: row.leaves[0]?.index ?? 0 },
    lookups: [['account', accountRef(row.account)]],
  });
}

export function deleteMember(tx: Tx, group: ConversationRef, account: Uint8Array): void {
  groupMembers.delete(tx.write, memberKey(group, account));
}

/** All, a page at a time. */
export function* eachMember(read: VaultReader, group: ConversationRef): Generator<StoredGroupMember> {
  for (let after = -1; ;) {
    const page = groupMembers.list(read, { partition: group, after, limit: 256 });
    for (const { row } of page) yield row;
    const last = page.at(-1);
    if (last === undefined || page.length < 256) return;
    after = last.ordinal;
  }
}

/** Groups that an account is in. */
export function groupsOf(read: VaultReader, account: AccountId): ConversationRef[] {
  return groupMembers.find(read, 'account', accountRef(account)).map(({ row }) => conversationRef(row.group));
}

// Intents and posts.

const numbered = (group: ConversationRef, number: bigint): string => `${group}/${String(number).padStart(16, '0')}`;

export function putIntent(tx: Tx, row: StoredGroupIntent): void {
  const group = conversationRef(row.group);
  groupIntents.put(tx.write, numbered(group, row.number), row, { lookups: [['group', group]] });
}

export function deleteIntent(tx: Tx, row: StoredGroupIntent): void {
  groupIntents.delete(tx.write, numbered(conversationRef(row.group), row.number));
}

/** In the order of asking. */
export function intentsOf(read: VaultReader, group: ConversationRef): StoredGroupIntent[] {
  const rows = groupIntents.find(read, 'group', group).map((entry) => entry.row);
  return rows.toSorted((a, b) => (a.number < b.number ? -1 : 1));
}

export function putPost(tx: Tx, row: StoredGroupPost): void {
  const group = conversationRef(row.group);
  const lookups: [string, string][] = [['group', group]];
  if (row.message.length > 0) lookups.push(['message', messageRef(row.message)]);
  if (row.kind !== LogEntryKind.MESSAGE) lookups.push(['decides', group]);
  if (row.entry.length > 0) lookups.push(['entry', Buffer.from(row.entry).toString('hex')]);
  // What the log has only waits to be read back: it is found by its entry and is in nobody's way.
  const order = row.accepted ? {} : { order: { partition: group, ordinal: Number(row.number) } };
  groupPosts.put(tx.write, numbered(group, row.number), row, { lookups, ...order });
}

export function deletePost(tx: Tx, row: StoredGroupPost): void {
  groupPosts.delete(tx.write, numbered(conversationRef(row.group), row.number));
}

/** What the log has not taken yet, in the order of posting; the first `limit`. */
export function waitingPosts(read: VaultReader, group: ConversationRef, limit: number): StoredGroupPost[] {
  return groupPosts.list(read, { partition: group, limit }).map((entry) => entry.row);
}

/** Everything posted or to be posted. */
export function postsOf(read: VaultReader, group: ConversationRef): StoredGroupPost[] {
  return groupPosts.find(read, 'group', group).map((entry) => entry.row);
}

/** Commits and proposals that the log has not decided yet. */
export function decisionsOf(read: VaultReader, group: ConversationRef): StoredGroupPost[] {
  return groupPosts.find(read, 'decides', group).map((entry) => entry.row);
}

export function postByEntry(read: VaultReader, entry: Uint8Array): StoredGroupPost | null {
  return groupPosts.find(read, 'entry', Buffer.from(entry).toString('hex'))[0]?.row ?? null;
}

/** A content that is not wanted any more leaves nothing to post; what is sealed already may be in the log. */
export function forgetPost(tx: Tx, message: MessageRef): void {
  for (const { row } of groupPosts.find(tx.write, 'message', message)) if (row.post.length === 0) deletePost(tx, row);
}

/** The conversation of a group this device no longer takes part in, or does not yet. */
export const isOver = (row: StoredGroup): boolean =>
  row.state === StoredGroup_State.LEFT || row.state === StoredGroup_State.REMOVED;
