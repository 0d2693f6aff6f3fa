import { fromBinary } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import type { EngineCalls, GroupMember } from '@sotto/engine';
import { equalBytes, GroupInvitationSchema } from '@sotto/wire';
import type { Carried, GroupInvitation } from '@sotto/wire';
import { StoredGroup_State, StoredGroupMemberSchema } from '@sotto/wire/stored';
import type { StoredGroup, StoredGroupMember } from '@sotto/wire/stored';
import type { ConversationRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { accountRef, conversationRef } from '../store/refs.ts';
import { groups } from '../store/tables.ts';
import { beginConversation, followRules } from './beginning.ts';
import { noticeId, tell } from './notices.ts';
import { beginResync } from './begin-resync.ts';
import { noteUsed } from './key-packages.ts';
import { deleteMember, eachMember, putGroup, putMember, viewGroup } from './rows.ts';
import type { WorkerParts } from './worker-parts.ts';

/** Rounds of "these chains are missing, too". */
const MOST_ROUNDS = 8;

/** What came of trying to join. */
export type Joining =
  /** This device follows the group from here on, or asks to be brought in in another way. */
  | { readonly kind: 'over' }
  /** A chain is not to be had for the moment. */
  | { readonly kind: 'later' };

/** Joins a group by the invitation that is stored with it. Throws `GatewayApiError` for chains that cannot be asked for. */
export async function join(parts: WorkerParts, ref: ConversationRef, signal: AbortSignal): Promise<Joining> {
  const { core } = parts;
  const row = core.ledger.read((read) => groups.get(read, ref));
  const bytes = row?.invitation?.content ?? new Uint8Array(0);
  if (row === null || bytes.length === 0) return { kind: 'over' };
  const invitation = fromBinary(GroupInvitationSchema, bytes);
  const welcome = await opened(parts, invitation.welcome, signal);
  const tree = await opened(parts, invitation.tree, signal);
  const book = await opened(parts, invitation.accounts, signal);
  if (welcome === null || tree === null) return { kind: 'later' };
  if (book !== null) core.ledger.commit((tx) => parts.acquaintances.read(tx, book));
  const wanted = new Map<string, Uint8Array>();
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const request: EngineCalls['join-group']['request'] = {
      own: core.own.identity(),
      welcome,
      tree,
      chains: parts.chains.known(wanted.values()),
      now: core.clock.now(),
    };
    const outcome = await core.engine.performIf<'join-group', void>(
      {
        request: { kind: 'join-group', ...request },
        records: ['device/keys'],
        commit: (tx, result) => {
          if (result.kind === 'joined') settle(tx, parts, ref, invitation, result);
        },
      },
      // The Welcome is what counts: one to another group than the invitation names opens nothing.
      (result) => result.kind === 'joined' && equalBytes(result.head.group, row.id),
    );
    if (outcome.kind === 'committed') return { kind: 'over' };
    const { result } = outcome;
    if (result.kind === 'refused' || result.kind === 'joined') {
      core.ledger.commit((tx) => cannotJoin(tx, parts, ref));
      return { kind: 'over' };
    }
    for (const { account } of result.chains) wanted.set(accountRef(account), account);
    if (!(await parts.chains.find(result.chains, signal))) return { kind: 'later' };
  }
  return { kind: 'later' };
}

/** The parts of an invitation, from the content or from where they lie. Null: not to be had for the moment. */
export async function opened(
  parts: WorkerParts,
  carried: Carried | undefined,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  if (carried === undefined) return null;
  if (carried.inline.length > 0) return carried.inline;
  return parts.blobs.fetch(carried.blob, signal);
}

type Joined = Extract<EngineCalls['join-group']['result'], { kind: 'joined' }>;

function settle(
  tx: Tx,
  parts: WorkerParts,
  ref: ConversationRef,
  invitation: GroupInvitation,
  { head, members, ref: used, lastResort }: Joined,
): void {
  const { core } = parts;
  const group = groups.need(tx.write, ref);
  if (!lastResort) noteUsed(tx.write, used);
  group.policy = head.policy;
  group.epoch = BigInt(head.epoch);
  group.epochKey = head.epochKey;
  group.cursor = invitation.position;
  group.barrier = invitation.position;
  group.ownKeysAt = BigInt(core.clock.now());
  replaceMembers(tx, parts, group, members);
  if (group.state === StoredGroup_State.LEFT) {
    // Declined: it is in the tree, and goes.
    delete group.invitation;
    putGroup(tx, group);
    return;
  }
  group.state = StoredGroup_State.JOINED;
  group.reason = '';
  group.joinedAt = BigInt(core.clock.now());
  if (invitation.history !== undefined && invitation.history.message.length > 0) {
    group.history = invitation.history;
    group.horizon = invitation.history.height;
  }
  delete group.invitation;
  putGroup(tx, group);
  beginConversation(tx, core, group);
  const at = { position: Number(invitation.position), at: core.clock.now() };
  const byOwn = equalBytes(invitation.inviter, core.self.account);
  if (!byOwn) tell(tx, core, group, at, [{ kind: 'added', by: invitation.inviter, accounts: [core.self.account] }]);
  followRules(tx, group, noticeId(core, group.id, at.position, 0));
  const view = viewGroup(core, group);
  tx.last(() => tx.emit({ type: 'group-joined', group: view }));
}

/** The rows of all members anew. */
export function replaceMembers(
  tx: Tx,
  { core }: Pick<WorkerParts, 'core'>,
  group: StoredGroup,
  members: readonly GroupMember[],
): void {
  const ref = conversationRef(group.id);
  const since = new Map<string, bigint>();
  for (const member of eachMember(tx.write, ref)) {
    since.set(accountRef(member.account), member.since);
    deleteMember(tx, ref, member.account);
  }
  const rows = new Map<string, StoredGroupMember>();
  for (const { account, device, leaf } of members) {
    const key = accountRef(account);
    const row =
      rows.get(key) ??
      create(StoredGroupMemberSchema, {
        group: group.id,
        account,
        since: since.get(key) ?? BigInt(core.clock.now()),
      });
    row.leaves.push({ $typeName: 'sotto.client.v1.StoredGroupLeaf', index: leaf, device });
    rows.set(key, row);
  }
  for (const row of rows.values()) putMember(tx, row);
  group.accounts = rows.size;
  group.leaves = members.length;
}

/** The invitation does not open: this device is in the tree all the same, and comes in as one that lost its state. */
function cannotJoin(tx: Tx, parts: WorkerParts, ref: ConversationRef): void {
  const group = groups.need(tx.write, ref);
  if (group.invitation !== undefined) group.invitation.content = new Uint8Array(0);
  if (group.state === StoredGroup_State.LEFT) {
    putGroup(tx, group);
    return;
  }
  group.state = StoredGroup_State.JOINED;
  beginResync(tx, parts, group, 'cannot-follow');
  putGroup(tx, group);
}
