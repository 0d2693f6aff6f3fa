import { create } from '@bufbuild/protobuf';
import { equalBytes } from '@sotto/wire';
import type { AccountId, ConversationId, GroupJoinRequest } from '@sotto/wire';
import {
  StoredGroup_State,
  StoredGroupIntentSchema,
  StoredGroupJoinRequestSchema,
  StoredOutbound_Audience,
  StoredOutbound_Until,
} from '@sotto/wire/stored';
import type { StoredGroup } from '@sotto/wire/stored';
import { viewContact, findContact } from '../contacts/rows.ts';
import { composeControl } from '../conversations/compose.ts';
import { sha256 } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { enqueue } from '../outbox/rows.ts';
import type { Tx } from '../store/ledger.ts';
import { accountRef, conversationRef } from '../store/refs.ts';
import { groupJoinRequests, groups } from '../store/tables.ts';
import { linkHash } from './link.ts';
import { findMember, putGroup, putIntent, requireRules, viewGroup } from './rows.ts';
import { may, roleOf } from './rules.ts';

const INTENT_BYTES = 16;

/** Tells an account about a group, on all its devices. */
function tellAccount(
  tx: Tx,
  core: Core,
  account: AccountId,
  group: Uint8Array,
  body: Parameters<typeof composeControl>[2],
): void {
  const { id, bytes } = composeControl(core, group as ConversationId, body);
  enqueue(tx, core, {
    id,
    bytes,
    conversation: null,
    recipient: account,
    audience: StoredOutbound_Audience.RECIPIENT,
    until: StoredOutbound_Until.DELIVERED,
    urgent: true,
    afterAcceptance: true,
  });
}

/** Asks the maker of a link to be let in; it waits until they are contacts. */
export function askIn(tx: Tx, core: Core, account: AccountId, group: ConversationId, secret: Uint8Array): void {
  tellAccount(tx, core, account, group, { kind: 'groupJoinRequest', value: { group, secret } });
}

/** Says no to somebody who asked. */
export function refuseJoin(tx: Tx, core: Core, group: StoredGroup, account: AccountId): void {
  tellAccount(tx, core, account, group.id, { kind: 'groupJoinRefusal', value: { group: group.id } });
}

/** A contact asks to be let in: at once where the link says so, else a person is asked. */
export function takeJoinRequest(tx: Tx, core: Core, account: AccountId, request: GroupJoinRequest): void {
  const ref = conversationRef(request.group);
  const row = groups.get(tx.write, ref);
  if (row === null || row.state !== StoredGroup_State.JOINED) return;
  if (findMember(tx.write, ref, account) !== null) return;
  const rules = requireRules(row);
  const role = roleOf(rules, core.self.account);
  const hash = linkHash(request.secret, (...all) => sha256(core, ...all));
  const valid = rules.linkHash !== null && equalBytes(hash, rules.linkHash) && may(rules, role, 'add');
  if (!valid) {
    refuseJoin(tx, core, row, account);
    return;
  }
  if (!rules.linkNeedsApproval) {
    putIntent(
      tx,
      create(StoredGroupIntentSchema, {
        id: core.provider.random(INTENT_BYTES),
        group: row.id,
        createdAt: BigInt(core.clock.now()),
        number: core.nextNumber(),
        kind: { case: 'add', value: { accounts: [account] } },
        reason: 'stored',
      }),
    );
    tx.ring('group', ref);
    return;
  }
  const key = `${ref}/${accountRef(account)}`;
  if (groupJoinRequests.get(tx.write, key) !== null) return;
  const stored = create(StoredGroupJoinRequestSchema, { group: row.id, account, askedAt: BigInt(core.clock.now()) });
  groupJoinRequests.put(tx.write, key, stored);
  const contact = findContact(tx.write, account);
  const name = contact === null ? accountRef(account).slice(0, 8) : viewContact(core, contact).name;
  tx.emit({
    type: 'group-join-requested',
    request: { group: ref, account: accountRef(account), name, askedAt: Number(stored.askedAt) },
  });
}

/** The answer is no. It counts only from who was asked. */
export function takeJoinRefusal(tx: Tx, core: Core, account: AccountId, group: Uint8Array): void {
  const row = groups.get(tx.write, conversationRef(group));
  if (row === null || row.state !== StoredGroup_State.ASKING) return;
  if (row.invitation === undefined || !equalBytes(row.invitation.inviter, account)) return;
  row.state = StoredGroup_State.LEFT;
  row.reason = 'asking-refused';
  putGroup(tx, row);
  const view = viewGroup(core, row);
  tx.last(() => tx.emit({ type: 'group-left', group: view, reason: 'asking-refused' }));
}
