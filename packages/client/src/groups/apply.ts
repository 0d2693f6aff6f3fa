import { create } from '@bufbuild/protobuf';
import type { GroupChange, GroupDevice } from '@sotto/engine';
import { replayAccount } from './chain-account.ts';
import { accountId, compareBytes, decodeGroupPolicy, equalBytes } from '@sotto/wire';
import { StoredGroup_State, StoredGroupMemberSchema } from '@sotto/wire/stored';
import type { StoredGroup } from '@sotto/wire/stored';
import type { Core } from '../core/core.ts';
import type { Tx } from '../store/ledger.ts';
import { accountRef, conversationRef } from '../store/refs.ts';
import type { Acquaintances } from './acquaintances.ts';
import { followRules } from './beginning.ts';
import { ruleChanges, tell } from './notices.ts';
import type { Told } from './notices.ts';
import { deleteMember, findMember, putMember, requireRules, tellGroup, viewGroup } from './rows.ts';

interface Where {
  readonly position: number;
  /** Unix ms by the gateway's clock. */
  readonly at: number;
}

/**
 * Follows a commit that counts: epoch, rules, members, and what the history tells of it. The row is changed and left to
 * the caller to store; posts and intents are the caller's, too.
 */
export function applyChange(
  tx: Tx,
  core: Core,
  acquaintances: Acquaintances,
  group: StoredGroup,
  change: GroupChange,
  where: Where,
): void {
  const ref = conversationRef(group.id);
  const before = requireRules(group);
  for (const chain of change.chains) {
    const account = replayAccount(core, chain);
    if (account !== null) acquaintances.learn(tx, account, chain);
  }
  group.epoch = BigInt(change.epoch);
  group.epochKey = change.epochKey;
  group.missed = new Uint8Array(0);
  if (change.policy !== null) group.policy = change.policy.after;
  const moved = moveMembers(tx, core, group, change);
  if ([...change.updated, ...(change.own ? [change.by] : [])].some((each) => isSelf(core, each))) {
    group.ownKeysAt = BigInt(core.clock.now());
  }
  const told = [...moved.told];
  if (change.policy !== null) {
    told.push(...ruleChanges(before, decodeGroupPolicy(change.policy.after), change.by.account, moved.left));
  }
  // A device that has left tells its history nothing more.
  const silent = group.state === StoredGroup_State.LEFT || group.state === StoredGroup_State.INVITED;
  const ids = silent ? [] : tell(tx, core, group, where, told);
  const timer = told.findIndex((each) => each.kind === 'timer');
  const setBy = ids[timer];
  if (setBy !== undefined) followRules(tx, group, setBy);
  tx.emit({ type: 'group-commit', group: ref, epoch: change.epoch, own: change.own });
  if (told.length === 0 && !silent) tellGroup(tx, core, ref);
  if (change.removedSelf) end(tx, core, group, change);
}

const isSelf = (core: Core, { account, device }: GroupDevice): boolean =>
  equalBytes(account, core.self.account) && equalBytes(device, core.self.device);

/** Brings the rows of members in step. Gives back what is told, and the accounts that are not in the group any more. */
function moveMembers(
  tx: Tx,
  core: Core,
  group: StoredGroup,
  change: GroupChange,
): { readonly told: readonly Told[]; readonly left: readonly Uint8Array[] } {
  const ref = conversationRef(group.id);
  const was = new Map<string, boolean>();
  const touched = new Map<string, Uint8Array>();
  const touch = (account: Uint8Array): void => {
    const key = accountRef(account);
    if (touched.has(key)) return;
    touched.set(key, account);
    was.set(key, findMember(tx.write, ref, accountId(account)) !== null);
  };
  for (const removal of change.removed) {
    touch(removal.account);
    const member = findMember(tx.write, ref, accountId(removal.account));
    if (member === null) continue;
    member.leaves = member.leaves.filter((leaf) => leaf.index !== removal.leaf);
    group.leaves--;
    if (member.leaves.length > 0) putMember(tx, member);
    else {
      deleteMember(tx, ref, removal.account);
      group.accounts--;
    }
  }
  for (const added of change.added) {
    touch(added.account);
    const known = findMember(tx.write, ref, accountId(added.account));
    const member =
      known ??
      create(StoredGroupMemberSchema, {
        group: group.id,
        account: added.account,
        since: BigInt(core.clock.now()),
      });
    if (known === null) group.accounts++;
    member.leaves = [
      ...member.leaves,
      { $typeName: 'sotto.client.v1.StoredGroupLeaf', index: added.leaf, device: added.device },
    ];
    group.leaves++;
    putMember(tx, member);
  }
  return sortOut(tx, group, change, touched, was);
}

function sortOut(
  tx: Tx,
  group: StoredGroup,
  change: GroupChange,
  touched: ReadonlyMap<string, Uint8Array>,
  was: ReadonlyMap<string, boolean>,
): { readonly told: readonly Told[]; readonly left: readonly Uint8Array[] } {
  const ref = conversationRef(group.id);
  const by = change.by.account;
  const added: Uint8Array[] = [];
  const devices: Uint8Array[] = [];
  const left: Uint8Array[] = [];
  const removed = new Map<string, { readonly by: Uint8Array; readonly accounts: Uint8Array[] }>();
  const gone: Uint8Array[] = [];
  for (const [key, account] of [...touched].toSorted((a, b) => compareBytes(a[1], b[1]))) {
    const is = findMember(tx.write, ref, accountId(account)) !== null;
    if (is && was.get(key) === false) added.push(account);
    else if (is) {
      // A device that came back in by itself is no news.
      const rejoined = change.external && change.removed.every((each) => each.why === 'rejoined');
      if (!rejoined || change.removed.length === 0) devices.push(account);
    } else if (was.get(key) === true) {
      gone.push(account);
      const removal = change.removed.find((each) => equalBytes(each.account, account));
      const remover = removal?.by.account ?? by;
      if (equalBytes(remover, account)) left.push(account);
      else {
        const entry = removed.get(accountRef(remover)) ?? { by: remover, accounts: [] };
        entry.accounts.push(account);
        removed.set(accountRef(remover), entry);
      }
    }
  }
  const told: Told[] = [];
  if (added.length > 0) told.push({ kind: 'added', by, accounts: added });
  for (const each of removed.values()) told.push({ kind: 'removed', by: each.by, accounts: each.accounts });
  for (const account of left) told.push({ kind: 'left', by: account, accounts: [account] });
  if (devices.length > 0) told.push({ kind: 'devices', by, accounts: devices });
  return { told, left: gone };
}

/** This device is out. */
function end(tx: Tx, core: Core, group: StoredGroup, change: GroupChange): void {
  const wasLeaving = group.state === StoredGroup_State.LEFT;
  const removal = change.removed.find((each) => isSelf(core, each));
  const bySelf = removal === undefined || equalBytes(removal.by.account, core.self.account);
  if (!wasLeaving) {
    group.state = bySelf ? StoredGroup_State.LEFT : StoredGroup_State.REMOVED;
    group.reason = bySelf ? 'left-here' : 'removed-by-member';
    const reason = bySelf ? 'left-here' : 'removed-by-member';
    const view = viewGroup(core, group);
    tx.last(() => tx.emit({ type: 'group-left', group: view, reason }));
  }
}
