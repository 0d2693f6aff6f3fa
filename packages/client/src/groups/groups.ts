import { create } from '@bufbuild/protobuf';
import type { GatewayTransport } from '@sotto/gateway-api';
import {
  accountId,
  encodeGroupPolicy,
  equalBytes,
  formatContactLink,
  GroupPermission,
  GroupRole_Role,
} from '@sotto/wire';
import { parseGatewayAddress } from '@sotto/wire';
import type { AccountId, ConversationId, GroupRules } from '@sotto/wire';
import { StoredGroup_State, StoredGroupIntentSchema, StoredGroupSchema } from '@sotto/wire/stored';
import type { IntentPolicy, StoredGroup, StoredGroupIntent } from '@sotto/wire/stored';
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { findContact, stateOf } from '../contacts/rows.ts';
import { sha256 } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import type { AccountRef, ConversationRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { accountOf, accountRef, conversationRef } from '../store/refs.ts';
import { conversations, groupJoinRequests, groupMembers, groups } from '../store/tables.ts';
import { beginConversation, followRules } from './beginning.ts';
import { beginResync } from './begin-resync.ts';
import { changeRef } from './changes.ts';
import { checkDescription, checkName, checkPicture, checkRotation, checkTimer } from './check.ts';
import { decideInvitation } from './decide.ts';
import { refuseJoin } from './join-request.ts';
import { formatGroupLink, linkHash, LINK_SECRET_BYTES } from './link.ts';
import { noticeId, tell } from './notices.ts';
import { planIntent } from './plan-intent.ts';
import {
  findMember,
  intentsOf,
  putGroup,
  putMember,
  reasonOfGroup,
  requireGroup,
  requireMember,
  requireRules,
  viewGroup,
} from './rows.ts';
import { may, roleOf } from './rules.ts';
import type {
  CreateGroupOptions,
  Group,
  GroupChange,
  GroupEdit,
  GroupInvitation,
  GroupJoinRequest,
  GroupLinkOptions,
  GroupMember,
  GroupMemberCursor,
  GroupMemberOptions,
  GroupMemberPage,
  GroupPermission as Permission,
  GroupPermissions,
  GroupRole,
  Groups as Surface,
  PendingGroupChange,
} from './types.ts';
import { viewInvitation } from './view-invitation.ts';
import type { WorkerParts } from './worker-parts.ts';
import { StoredGroupMemberSchema } from '@sotto/wire/stored';

const ID_BYTES = 32;
const INTENT_BYTES = 16;
const MEMBERS_DEFAULT = 100;
const MEMBERS_MOST = 1000;

const permissionOf: Record<Permission, GroupPermission> = {
  members: GroupPermission.MEMBERS,
  admins: GroupPermission.ADMINS,
};

const roleNumbers: Record<GroupRole, GroupRole_Role> = {
  member: GroupRole_Role.UNSPECIFIED,
  admin: GroupRole_Role.ADMIN,
  owner: GroupRole_Role.OWNER,
};

type Kind = Exclude<NonNullable<MessageInitShape<typeof StoredGroupIntentSchema>['kind']>, { case: undefined }>;

/** What people do with groups: stored here, carried out by the group's worker. */
export class Groups implements Omit<Surface, 'joinByLink'> {
  readonly #parts: WorkerParts;
  readonly #core: Core;

  constructor(parts: WorkerParts & { readonly transport: GatewayTransport }) {
    this.#parts = parts;
    this.#core = parts.core;
  }

  async create(options: CreateGroupOptions): Promise<Group> {
    const core = this.#core;
    const name = checkName(options.name);
    const description = checkDescription(options.description ?? '');
    const accounts = core.ledger.read((read) => this.#invitable(read, options.accounts ?? []));
    const { account } = core.self;
    const log = core.provider.random(ID_BYTES);
    const group = core.provider.random(ID_BYTES) as ConversationId;
    const rules: GroupRules = {
      name,
      description,
      pictureHash: null,
      log: { gateway: core.own.gateway, id: log },
      protocol: 'mls',
      roles: [{ account, role: 'owner' }],
      add: options.permissions?.add ?? 'members',
      edit: options.permissions?.edit ?? 'admins',
      send: options.permissions?.send ?? 'members',
      pin: options.permissions?.pin ?? 'admins',
      disappearSeconds: checkTimer(options.timerSeconds ?? 0),
      rotateSeconds: options.rotateSeconds === undefined ? 0 : checkRotation(options.rotateSeconds),
      linkHash: null,
      linkNeedsApproval: false,
      createdAt: core.clock.now(),
    };
    return core.engine.perform<'create-group', Group>({
      request: {
        kind: 'create-group',
        own: core.own.identity(),
        gateway: core.own.gateway,
        group,
        policy: encodeGroupPolicy(rules),
        now: core.clock.now(),
      },
      records: ['device/keys'],
      commit: (tx, { head }) => {
        const now = BigInt(core.clock.now());
        const row = create(StoredGroupSchema, {
          id: group,
          state: StoredGroup_State.FOUNDING,
          log: { gateway: rules.log.gateway, log },
          policy: head.policy,
          epoch: BigInt(head.epoch),
          epochKey: head.epochKey,
          accounts: 1,
          leaves: 1,
          joinedAt: now,
          ownKeysAt: now,
          reason: 'stored',
        });
        // The conversation begins with the notice that tells of it.
        const created = noticeId(core, group, 0, 0);
        row.history = { $typeName: 'sotto.wire.v1.HistoryPoint', message: created, height: 1n };
        putGroup(tx, row);
        putMember(
          tx,
          create(StoredGroupMemberSchema, {
            group,
            account,
            leaves: [{ index: head.ownLeaf, device: core.self.device }],
            since: now,
          }),
        );
        tell(tx, core, row, { position: 0, at: core.clock.now() }, [{ kind: 'created', by: account }]);
        beginConversation(tx, core, row);
        followRules(tx, row, created);
        if (accounts.length > 0) this.#ask(tx, row, { case: 'add', value: { accounts } });
        tx.ring('group', conversationRef(group));
        return viewGroup(core, row);
      },
    });
  }

  list(): Promise<readonly Group[]> {
    return this.#read((read) => {
      const active = (row: StoredGroup): bigint => conversations.get(read, conversationRef(row.id))?.activeAt ?? 0n;
      return groups
        .all(read)
        .map(({ row }) => ({ row, at: active(row) }))
        .toSorted((a, b) => Number(b.at - a.at))
        .map(({ row }) => viewGroup(this.#core, row));
    });
  }

  get(group: ConversationRef): Promise<Group | null> {
    return this.#read((read) => {
      const row = groups.get(read, group);
      return row === null ? null : viewGroup(this.#core, row);
    });
  }

  members(group: ConversationRef, options: GroupMemberOptions = {}): Promise<GroupMemberPage> {
    return this.#read((read) => {
      const row = requireGroup(read, group);
      if (row.policy.length === 0) return { members: [], after: null };
      const rules = requireRules(row);
      const asked = options.limit ?? MEMBERS_DEFAULT;
      if (!Number.isInteger(asked) || asked < 1) {
        throw new MessengerError('invalid_argument', 'a page has at least one entry');
      }
      const limit = Math.min(asked, MEMBERS_MOST);
      const found = groupMembers.list(read, { partition: group, after: options.after ?? -1, limit: limit + 1 });
      const page = found.slice(0, limit);
      const last = page.at(-1);
      const members = page.map(({ row: member }): GroupMember => {
        const account = accountId(member.account);
        return {
          account: accountRef(account),
          name: this.#parts.acquaintances.nameOf(read, account),
          role: roleOf(rules, account),
          devices: member.leaves.length,
          own: equalBytes(account, this.#core.self.account),
        };
      });
      return {
        members,
        after: found.length > limit && last !== undefined ? (last.ordinal as GroupMemberCursor) : null,
      };
    });
  }

  invitations(): Promise<readonly GroupInvitation[]> {
    return this.#read((read) =>
      groups
        .all(read)
        .flatMap(({ row }) => viewInvitation(row) ?? [])
        .toSorted((a, b) => a.invitedAt - b.invitedAt),
    );
  }

  accept(group: ConversationRef): Promise<Group> {
    return this.#commit((tx) => {
      decideInvitation(tx, this.#core, this.#invited(tx, group), true, 'here');
      return viewGroup(this.#core, requireGroup(tx.write, group));
    });
  }

  decline(group: ConversationRef): Promise<void> {
    return this.#commit((tx) => {
      const row = this.#invited(tx, group);
      decideInvitation(tx, this.#core, row, false, 'here');
      this.#ask(tx, requireGroup(tx.write, group), { case: 'leave', value: {} }, false);
    });
  }

  invite(group: ConversationRef, accounts: readonly AccountRef[]): Promise<GroupChange> {
    return this.#commit((tx) => {
      const row = requireMember(tx.write, group);
      if (accounts.length === 0) throw new MessengerError('invalid_argument', 'nobody is invited');
      return this.#want(tx, row, { case: 'add', value: { accounts: this.#invitable(tx.write, accounts) } });
    });
  }

  remove(group: ConversationRef, accounts: readonly AccountRef[]): Promise<GroupChange> {
    return this.#commit((tx) => {
      const row = requireMember(tx.write, group);
      const ids = accounts.map(accountOf);
      if (ids.length === 0) throw new MessengerError('invalid_argument', 'nobody is removed');
      if (ids.some((id) => equalBytes(id, this.#core.self.account))) {
        throw new MessengerError('invalid_argument', 'the own account leaves: groups.leave');
      }
      for (const id of ids) this.#requireIn(tx.write, row, id);
      return this.#want(tx, row, { case: 'remove', value: { accounts: ids } });
    });
  }

  leave(group: ConversationRef): Promise<GroupChange> {
    return this.#commit((tx) => {
      const row = requireMember(tx.write, group);
      row.state = StoredGroup_State.LEFT;
      row.reason = 'left-here';
      putGroup(tx, row);
      const change = this.#ask(tx, row, { case: 'leave', value: {} });
      const view = viewGroup(this.#core, row);
      tx.last(() => tx.emit({ type: 'group-left', group: view, reason: 'left-here' }));
      return change;
    });
  }

  edit(group: ConversationRef, edit: GroupEdit): Promise<GroupChange> {
    const changes: IntentPolicy['change'][] = [];
    return this.#commit((tx) => {
      if (edit.name !== undefined) changes.push({ case: 'name', value: checkName(edit.name) });
      if (edit.description !== undefined) {
        changes.push({ case: 'description', value: checkDescription(edit.description) });
      }
      if (edit.pictureHash !== undefined) changes.push({ case: 'pictureHash', value: checkPicture(edit.pictureHash) });
      const [first, ...others] = changes;
      if (first === undefined) throw new MessengerError('invalid_argument', 'nothing is changed');
      const row = requireMember(tx.write, group);
      // One after the other; the last one stands for all.
      let change = this.#change(tx, row, first);
      for (const other of others) change = this.#change(tx, row, other);
      return change;
    });
  }

  setRole(group: ConversationRef, account: AccountRef, role: GroupRole): Promise<GroupChange> {
    return this.#commit((tx) => {
      const row = requireMember(tx.write, group);
      const id = accountOf(account);
      this.#requireIn(tx.write, row, id);
      const value = { $typeName: 'sotto.wire.v1.GroupRole', account: id, role: roleNumbers[role] } as const;
      return this.#change(tx, row, { case: 'role', value });
    });
  }

  setPermissions(group: ConversationRef, permissions: Partial<GroupPermissions>): Promise<GroupChange> {
    return this.#commit((tx) => {
      const { add, edit, send, pin } = permissions;
      const value = {
        $typeName: 'sotto.client.v1.IntentPermissions',
        add: permissionNumber(add),
        edit: permissionNumber(edit),
        send: permissionNumber(send),
        pin: permissionNumber(pin),
      } as const;
      return this.#change(tx, requireMember(tx.write, group), { case: 'permissions', value });
    });
  }

  setTimer(group: ConversationRef, seconds: number): Promise<GroupChange> {
    return this.#commit((tx) =>
      this.#change(tx, requireMember(tx.write, group), { case: 'disappearSeconds', value: checkTimer(seconds) }),
    );
  }

  async link(group: ConversationRef, options: GroupLinkOptions = {}): Promise<string> {
    const core = this.#core;
    const approval = options.approval ?? true;
    const made = await this.#commit((tx) => {
      const row = requireMember(tx.write, group);
      const rules = requireRules(row);
      if (!may(rules, roleOf(rules, core.self.account), 'link')) {
        throw new MessengerError('forbidden', "the group's rules do not allow it");
      }
      const usable = rules.linkHash !== null && row.linkSecret.length > 0 && this.#isLink(row, rules);
      if (usable && options.renew !== true && rules.linkNeedsApproval === approval) return null;
      const secret = usable && options.renew !== true ? row.linkSecret : core.provider.random(LINK_SECRET_BYTES);
      row.linkSecret = secret;
      putGroup(tx, row);
      const value = { $typeName: 'sotto.client.v1.IntentLink', secret, needsApproval: approval } as const;
      return this.#change(tx, row, { case: 'link', value });
    });
    await made?.done({ signal: core.background.signal });
    const row = core.ledger.read((read) => requireGroup(read, group));
    const { gateway, accountName } = core.own.row();
    const contact = formatContactLink({
      account: core.self.account,
      gateway: parseGatewayAddress(gateway),
      accountName: accountName === '' ? null : (accountName as Parameters<typeof formatContactLink>[0]['accountName']),
    });
    return formatGroupLink({ contact, group: row.id as ConversationId, secret: row.linkSecret }, (...all) =>
      sha256(core, ...all),
    );
  }

  endLink(group: ConversationRef): Promise<GroupChange> {
    return this.#commit((tx) => {
      const value = {
        $typeName: 'sotto.client.v1.IntentLink',
        secret: new Uint8Array(0),
        needsApproval: false,
      } as const;
      return this.#change(tx, requireMember(tx.write, group), { case: 'link', value });
    });
  }

  joinRequests(group?: ConversationRef): Promise<readonly GroupJoinRequest[]> {
    return this.#read((read) =>
      groupJoinRequests
        .all(read)
        .map(({ row }) => ({
          group: conversationRef(row.group),
          account: accountRef(row.account),
          name: this.#parts.acquaintances.nameOf(read, accountId(row.account)),
          askedAt: Number(row.askedAt),
        }))
        .filter((request) => group === undefined || request.group === group)
        .toSorted((a, b) => a.askedAt - b.askedAt),
    );
  }

  approve(group: ConversationRef, account: AccountRef): Promise<GroupChange> {
    return this.#commit((tx) => {
      const row = requireMember(tx.write, group);
      this.#takeRequest(tx, group, account);
      return this.#want(tx, row, { case: 'add', value: { accounts: [accountOf(account)] } });
    });
  }

  refuse(group: ConversationRef, account: AccountRef): Promise<void> {
    return this.#commit((tx) => {
      const row = requireGroup(tx.write, group);
      this.#takeRequest(tx, group, account);
      refuseJoin(tx, this.#core, row, accountOf(account));
    });
  }

  rotate(group: ConversationRef): Promise<GroupChange> {
    return this.#commit((tx) => this.#want(tx, requireMember(tx.write, group), { case: 'rotate', value: {} }));
  }

  resync(group: ConversationRef): Promise<void> {
    return this.#commit((tx) => {
      const row = requireMember(tx.write, group);
      if (row.state === StoredGroup_State.FOUNDING)
        throw new MessengerError('wrong_state', 'the group is not open yet');
      row.resyncAt = 0n;
      beginResync(tx, this.#parts, row, 'resync-asked');
      putGroup(tx, row);
      tx.ring('group', group);
    });
  }

  pending(group: ConversationRef): Promise<readonly PendingGroupChange[]> {
    return this.#read((read) =>
      intentsOf(read, conversationRef(requireGroup(read, group).id)).map((intent) => ({
        id: changeRef(intent.id),
        kind: kindOf(intent),
        createdAt: Number(intent.createdAt),
        reason: reasonOfGroup(intent.reason) ?? 'stored',
      })),
    );
  }

  // Inside.

  /** Stores an intent, after looking whether the rules of the moment allow it. Throws `forbidden`. */
  #want(tx: Tx, row: StoredGroup, kind: Kind): GroupChange {
    const intent = this.#intent(row, kind, true);
    const plan = planIntent(tx.write, this.#core, this.#parts.acquaintances, row, intent);
    if (plan.kind === 'refused' && plan.reason === 'forbidden') {
      throw new MessengerError('forbidden', "the group's rules do not allow it");
    }
    return this.#parts.changes.ask(tx, intent);
  }

  #ask(tx: Tx, row: StoredGroup, kind: Kind, asked = true): GroupChange {
    return this.#parts.changes.ask(tx, this.#intent(row, kind, asked));
  }

  #intent(row: StoredGroup, kind: Kind, asked: boolean): StoredGroupIntent {
    const core = this.#core;
    return create(StoredGroupIntentSchema, {
      id: core.provider.random(INTENT_BYTES),
      group: row.id,
      createdAt: BigInt(core.clock.now()),
      number: core.nextNumber(),
      kind,
      reason: 'stored',
      asked,
    });
  }

  #change(tx: Tx, row: StoredGroup, change: IntentPolicy['change']): GroupChange {
    return this.#want(tx, row, { case: 'policy', value: { change } });
  }

  #invitable(read: VaultReader, refs: readonly AccountRef[]): AccountId[] {
    const accounts = new Map(refs.map((ref) => [ref, accountOf(ref)]));
    for (const account of accounts.values()) {
      if (equalBytes(account, this.#core.self.account)) {
        throw new MessengerError('invalid_argument', 'the own account is in it anyway');
      }
      const contact = findContact(read, account);
      if (contact === null) throw new MessengerError('not_found', 'no such contact');
      if (stateOf(contact) !== 'accepted')
        throw new MessengerError('wrong_state', 'only accepted contacts can be invited');
    }
    return [...accounts.values()];
  }

  #requireIn(read: VaultReader, row: StoredGroup, account: AccountId): void {
    if (findMember(read, conversationRef(row.id), account) === null) {
      throw new MessengerError('not_found', 'no such member');
    }
  }

  #invited(tx: Tx, group: ConversationRef): StoredGroup {
    const row = requireGroup(tx.write, group);
    if (row.state !== StoredGroup_State.INVITED || row.invitation?.accepted === true) {
      throw new MessengerError('wrong_state', 'no invitation waits for an answer');
    }
    return row;
  }

  #takeRequest(tx: Tx, group: ConversationRef, account: AccountRef): void {
    const key = `${group}/${account}`;
    if (groupJoinRequests.get(tx.write, key) === null) throw new MessengerError('not_found', 'nobody asks that');
    groupJoinRequests.delete(tx.write, key);
  }

  #isLink(row: StoredGroup, rules: GroupRules): boolean {
    const hash = linkHash(row.linkSecret, (...all) => sha256(this.#core, ...all));
    return rules.linkHash !== null && equalBytes(rules.linkHash, hash);
  }

  async #read<T>(view: (read: VaultReader) => T): Promise<T> {
    return Promise.resolve(this.#core.ledger.read(view));
  }

  async #commit<T>(event: (tx: Tx) => T): Promise<T> {
    return Promise.resolve(this.#core.ledger.commit(event));
  }
}

function permissionNumber(permission: Permission | undefined): GroupPermission {
  return permission === undefined ? GroupPermission.UNSPECIFIED : permissionOf[permission];
}

function kindOf(intent: StoredGroupIntent): PendingGroupChange['kind'] {
  switch (intent.kind.case) {
    case 'add':
      return 'invite';
    case 'remove':
      return 'remove';
    case 'leave':
      return 'leave';
    case 'rotate':
      return 'rotate';
    case 'policy':
    case undefined:
      return 'edit';
  }
}
