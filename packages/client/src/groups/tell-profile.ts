import type { VaultReader } from '@sotto/vault';
import { equalBytes } from '@sotto/wire';
import type { StoredGroup } from '@sotto/wire/stored';
import type { ConversationRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { conversationRef, deviceRef } from '../store/refs.ts';
import { accounts, groups, SELF } from '../store/tables.ts';
import { enqueueControl } from './enqueue.ts';
import { findMember, putGroup } from './rows.ts';
import type { WorkerParts } from './worker-parts.ts';

const LIFE_MS = 30 * 86_400_000;
/** In larger groups who comes brings what the inviter knows of the others, and names of strangers are not told. */
const MOST_TOLD = 256;

/** Members need not be contacts: whoever comes says what it is called, and says so again when that changes. */
export function isProfileDue({ core }: WorkerParts, read: VaultReader, group: StoredGroup): boolean {
  const { profile } = accounts.need(read, SELF);
  if (profile === undefined || profile.revision <= group.profileTold || group.accounts < 2) return false;
  if (group.accounts > MOST_TOLD) return false;
  // One device speaks for the account: its first one in the group.
  const leaves = findMember(read, conversationRef(group.id), core.self.account)?.leaves ?? [];
  const active = new Set([core.self.deviceRef, ...core.own.otherDevices()]);
  const speaker = leaves.find((leaf) => active.has(deviceRef(leaf.device)));
  return speaker !== undefined && equalBytes(speaker.device, core.self.device);
}

export function tellProfile(tx: Tx, { core }: WorkerParts, ref: ConversationRef): void {
  const group = groups.need(tx.write, ref);
  const { profile } = accounts.need(tx.write, SELF);
  if (profile === undefined) return;
  group.profileTold = profile.revision;
  putGroup(tx, group);
  enqueueControl(tx, core, group, { kind: 'profile', value: profile }, LIFE_MS);
}
