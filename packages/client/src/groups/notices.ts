import { create } from '@bufbuild/protobuf';
import { asciiBytes, concatBytes, equalBytes, messageId } from '@sotto/wire';
import type { GroupRules } from '@sotto/wire';
import { StoredGroupNoticeSchema, StoredMessage_State, StoredMessageSchema } from '@sotto/wire/stored';
import type { StoredGroup, StoredMessage } from '@sotto/wire/stored';
import { insertLine } from '../conversations/placing.ts';
import { conversationRow, putConversation } from '../conversations/rows.ts';
import { sha256 } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import type { Tx } from '../store/ledger.ts';
import { accountRef, conversationOf, conversationRef, messageRef } from '../store/refs.ts';
import { messages } from '../store/tables.ts';
import { roleOf } from './rules.ts';
import { tellGroup } from './rows.ts';
import type { GroupNotice, GroupNoticeChange } from './types.ts';

type Kind = GroupNoticeChange['kind'];

/** A change that the history tells of. */
export interface Told {
  readonly kind: Kind;
  /** AccountId of who did it. */
  readonly by: Uint8Array;
  readonly accounts?: readonly Uint8Array[];
  readonly text?: string;
}

/** What became of a group's rules, as its history tells it; roles of those who left with them are not worth a word. */
export function ruleChanges(
  before: GroupRules,
  after: GroupRules,
  by: Uint8Array,
  left: readonly Uint8Array[],
): Told[] {
  const told: Told[] = [];
  if (after.name !== before.name) told.push({ kind: 'renamed', by, text: after.name });
  if (after.description !== before.description) told.push({ kind: 'described', by, text: after.description });
  if (!sameBytes(before.pictureHash, after.pictureHash)) told.push({ kind: 'picture', by });
  if (after.disappearSeconds !== before.disappearSeconds) {
    told.push({ kind: 'timer', by, text: String(after.disappearSeconds) });
  }
  const permissions = ['add', 'edit', 'send', 'pin'] as const;
  if (permissions.some((each) => before[each] !== after[each])) told.push({ kind: 'permissions', by });
  if (!sameBytes(before.linkHash, after.linkHash) || before.linkNeedsApproval !== after.linkNeedsApproval) {
    told.push({ kind: 'link', by });
  }
  const accounts = [...before.roles, ...after.roles].map((role) => role.account);
  for (const kind of ['owner', 'admin', 'member'] as const) {
    const changed = accounts.filter(
      (account, i) =>
        accounts.findIndex((other) => equalBytes(other, account)) === i &&
        roleOf(after, account) === kind &&
        roleOf(before, account) !== kind &&
        !left.some((gone) => equalBytes(gone, account)),
    );
    if (changed.length > 0) told.push({ kind: `made-${kind}`, by, accounts: changed });
  }
  return told;
}

const sameBytes = (a: Uint8Array | null, b: Uint8Array | null): boolean =>
  a === null || b === null ? a === b : equalBytes(a, b);

const NOTICE_ID = asciiBytes('sotto/v1/group-notice');

/**
 * The id under which a notice stands in the history: after everything of its height, in the order of the log, and the
 * same at every device.
 */
export function noticeId(core: Pick<Core, 'provider'>, group: Uint8Array, position: number, index: number): Uint8Array {
  const place = new Uint8Array(10);
  const view = new DataView(place.buffer);
  // What a hash begins with but once in 2^32, so that it stands behind what was written before.
  view.setUint32(0, 0xffffffff);
  view.setUint32(4, position);
  view.setUint16(8, index & 0xffff);
  return concatBytes(place, sha256(core, NOTICE_ID, group, place).subarray(0, 22));
}

/** Writes notices of one log entry into the history, and tells listeners. Gives back the id of each. */
export function tell(
  tx: Tx,
  core: Core,
  group: StoredGroup,
  at: { readonly position: number; readonly at: number },
  told: readonly Told[],
): Uint8Array[] {
  const ref = conversationRef(group.id);
  const ids: Uint8Array[] = [];
  for (const [index, each] of told.entries()) {
    const id = noticeId(core, group.id, at.position, index);
    ids.push(id);
    if (messages.get(tx.write, messageRef(id)) !== null) continue;
    const row = create(StoredMessageSchema, {
      id: messageId(id),
      conversation: group.id,
      author: each.by,
      height: group.history?.height ?? 0n,
      storedAt: BigInt(core.clock.now()),
      state: StoredMessage_State.READ,
      notice: create(StoredGroupNoticeSchema, {
        code: each.kind,
        accounts: [...(each.accounts ?? [])],
        text: each.text ?? '',
        position: BigInt(at.position),
        at: BigInt(at.at),
      }),
    });
    insertLine(tx, row);
    tellGroup(tx, core, ref, viewNotice(row));
  }
  if (told.length > 0) {
    const conversation = conversationRow(tx.write, conversationOf(ref), null);
    conversation.activeAt = BigInt(core.clock.now());
    putConversation(tx, conversation);
  }
  return ids;
}

/** A stored notice as people see it; null: of a kind that this version does not know, or no notice. */
export function viewNotice(row: StoredMessage): GroupNotice | null {
  const { notice } = row;
  if (notice === undefined) return null;
  const change = changeOf(notice.code, notice.accounts, notice.text);
  return change === null ? null : { change, by: accountRef(row.author), at: Number(notice.at) };
}

function changeOf(code: string, accounts: readonly Uint8Array[], text: string): GroupNoticeChange | null {
  switch (code) {
    case 'created':
    case 'picture':
    case 'permissions':
    case 'link':
      return { kind: code };
    case 'added':
    case 'removed':
    case 'left':
    case 'made-owner':
    case 'made-admin':
    case 'made-member':
    case 'devices':
      return { kind: code, accounts: accounts.map(accountRef) };
    case 'renamed':
    case 'described':
      return { kind: code, text };
    case 'timer':
      return { kind: 'timer', seconds: Number(text) };
    default:
      return null;
  }
}
