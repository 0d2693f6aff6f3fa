import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { accountId, deviceId } from '@sotto/wire';
import type { GroupRules } from '@sotto/wire';
import { judgeCommit, mayPropose } from '../src/groups/rules.ts';
import type { CommitFacts, Seat } from '../src/groups/rules.ts';

const seat = (account: number, device: number, leaf: number): Seat => ({
  leaf,
  account: accountId(new Uint8Array(32).fill(account)),
  device: deviceId(new Uint8Array(16).fill(10 * account + device)),
});

const owner = seat(1, 1, 0);
const owner2 = seat(2, 1, 1);
const admin = seat(3, 1, 2);
const admin2 = seat(4, 1, 3);
const member = seat(5, 1, 4);
const memberB = seat(5, 2, 5);
const other = seat(6, 1, 6);
const everyone = [owner, owner2, admin, admin2, member, memberB, other];
const stranger = seat(9, 1, 7);

const policy: GroupRules = {
  name: 'A name',
  description: '',
  pictureHash: null,
  log: { gateway: 'sotto://gateway.example:443/x', id: new Uint8Array(32) },
  protocol: 'mls',
  roles: [
    { account: owner.account, role: 'owner' },
    { account: owner2.account, role: 'owner' },
    { account: admin.account, role: 'admin' },
    { account: admin2.account, role: 'admin' },
  ],
  add: 'members',
  edit: 'admins',
  send: 'members',
  pin: 'admins',
  disappearSeconds: 0,
  rotateSeconds: 0,
  linkHash: null,
  linkNeedsApproval: false,
  createdAt: 1,
};

function facts(by: Seat, change: Partial<CommitFacts> = {}): CommitFacts {
  return {
    policy,
    members: () => everyone,
    committer: { kind: 'member', seat: by },
    added: [],
    removed: [],
    policyChange: null,
    unusual: false,
    waiting: [],
    ...change,
  };
}

const adds = (by: Seat, ...seats: Seat[]) => facts(by, { added: seats.map((one) => ({ seat: one, by })) });
const removes = (by: Seat, target: Seat, revoked = false) => facts(by, { removed: [{ seat: target, by, revoked }] });
const sets = (by: Seat, change: Partial<GroupRules>, more: Partial<CommitFacts> = {}) =>
  facts(by, { policyChange: { after: { ...(more.policy ?? policy), ...change }, by }, ...more });
const without = (...gone: Seat[]) => policy.roles.filter((role) => !gone.some((one) => one.account === role.account));
const external = (by: Seat, change: Partial<CommitFacts> = {}) =>
  facts(by, { ...change, committer: { kind: 'external', seat: by } });
/** Without owners, and without anybody who is more than a member. */
const orphaned = { ...policy, roles: without(owner, owner2) };
const leaderless = { ...policy, roles: [] };

const TABLE: readonly [rule: string, expected: ReturnType<typeof judgeCommit>, given: CommitFacts][] = [
  ['nothing but fresh keys: anyone', null, facts(member)],

  ['adding an account, permission members: a member may', null, adds(member, stranger)],
  [
    'adding an account, permission admins: a member may not',
    'add',
    { ...adds(member, stranger), policy: { ...policy, add: 'admins' } },
  ],
  [
    'adding an account, permission admins: an admin may',
    null,
    { ...adds(admin, stranger), policy: { ...policy, add: 'admins' } },
  ],
  ['adding a device of an account in the group: one of that account', null, adds(member, seat(5, 3, 7))],
  ['adding a device of an account in the group: nobody else, an owner neither', 'add', adds(owner, seat(5, 3, 7))],
  ['a device twice', 'two-leaves', adds(member, seat(5, 2, 7))],
  ['a device twice in one commit', 'two-leaves', adds(member, stranger, { ...stranger, leaf: 8 })],
  [
    'a device in place of its own former leaf, by its account',
    null,
    { ...adds(member, seat(5, 2, 7)), removed: [{ seat: memberB, by: member, revoked: false }] },
  ],

  ['removing a device of the own account', null, removes(member, memberB)],
  ['removing a member: a member may not', 'remove', removes(member, other)],
  ['removing a member: an admin may', null, removes(admin, other)],
  ['removing a member: an owner may', null, removes(owner, other)],
  ['removing an admin: an admin may not', 'remove', { ...removes(admin, admin2) }],
  [
    'removing an admin: an owner may, and the role goes',
    null,
    sets(owner, { roles: without(admin) }, { removed: [{ seat: admin, by: owner, revoked: false }] }),
  ],
  ['removing an admin, and leaving the role there', 'policy-form', removes(owner, admin)],
  ['removing an owner: another owner may not', 'remove', removes(owner, owner2)],
  ['removing whoever is revoked: anyone', null, removes(other, memberB, true)],
  [
    'what somebody else proposed: by the right of who proposed it',
    null,
    facts(member, { removed: [{ seat: other, by: admin, revoked: false }] }),
  ],
  [
    'what somebody proposed who may not',
    'remove',
    facts(owner, { removed: [{ seat: other, by: member, revoked: false }] }),
  ],
  ['leaving out a removal that waits', 'removal-omitted', facts(admin, { waiting: [other.leaf] })],
  ['a commit by somebody whose removal waits', 'removal-omitted', facts(other, { waiting: [other.leaf] })],
  [
    'taking in a removal that waits',
    null,
    facts(member, { waiting: [6], removed: [{ seat: other, by: other, revoked: false }] }),
  ],
  [
    'the last owner leaves: the role goes by anyone’s hand',
    null,
    sets(
      member,
      { roles: without(owner, owner2) },
      { policy: { ...policy, roles: without(owner2) }, removed: [{ seat: owner, by: owner, revoked: false }] },
    ),
  ],
  [
    'with it goes no other role',
    'rule',
    sets(member, { roles: [] }, { removed: [{ seat: owner, by: owner, revoked: false }] }),
  ],

  ['name, permission admins: a member may not', 'edit', sets(member, { name: 'B' })],
  ['name, permission admins: an admin may', null, sets(admin, { name: 'B' })],
  [
    'name, permission members: a member may',
    null,
    sets(member, { name: 'B' }, { policy: { ...policy, edit: 'members' } }),
  ],
  ['description', 'edit', sets(member, { description: 'B' })],
  ['picture', 'edit', sets(member, { pictureHash: new Uint8Array(32) })],
  ['timer', 'edit', sets(member, { disappearSeconds: 60 })],
  [
    'name without anybody who is more than a member: everyone',
    null,
    sets(member, { name: 'B' }, { policy: leaderless }),
  ],

  ['roles: an owner may', null, sets(owner, { roles: without(admin) })],
  ['roles: an admin may not', 'rule', sets(admin, { roles: without(admin2) })],
  [
    'roles: an admin may not make itself an owner',
    'rule',
    sets(admin, { roles: [...without(admin), { account: admin.account, role: 'owner' }] }),
  ],
  ['roles: one’s own can be given up', null, sets(admin, { roles: without(admin) })],
  [
    'roles: without owners, an admin may',
    null,
    sets(admin, { roles: [{ account: admin.account, role: 'owner' }] }, { policy: orphaned }),
  ],
  [
    'roles: without owners, a member still may not',
    'rule',
    sets(member, { roles: [{ account: member.account, role: 'owner' }] }, { policy: orphaned }),
  ],
  [
    'roles: without either, everyone may',
    null,
    sets(member, { roles: [{ account: member.account, role: 'owner' }] }, { policy: leaderless }),
  ],
  [
    'roles: of nobody outside',
    'policy-form',
    sets(owner, { roles: [...policy.roles, { account: stranger.account, role: 'admin' }] }),
  ],
  [
    'roles: of somebody who comes with it',
    null,
    sets(
      owner,
      { roles: [...policy.roles, { account: stranger.account, role: 'admin' }] },
      { added: [{ seat: stranger, by: owner }] },
    ),
  ],
  ...(['add', 'edit', 'send', 'pin'] as const).flatMap((name) => {
    const value = policy[name] === 'admins' ? ('members' as const) : ('admins' as const);
    return [
      [`permission ${name}: an owner may`, null, sets(owner, { [name]: value })],
      [`permission ${name}: an admin may not`, 'rule', sets(admin, { [name]: value })],
    ] as [string, null | 'rule', CommitFacts][];
  }),
  ['log: an admin may not', 'rule', sets(admin, { log: { ...policy.log, id: new Uint8Array(32).fill(1) } })],
  ['log: an owner may', null, sets(owner, { log: { ...policy.log, id: new Uint8Array(32).fill(1) } })],
  ['protocol: nobody, it is for the life of a group', 'policy-form', sets(owner, { protocol: 'sender-keys' })],
  ['rotation: an admin may not', 'rule', sets(admin, { rotateSeconds: 60 })],
  ['link: an admin may', null, sets(admin, { linkHash: new Uint8Array(32) })],
  ['link: a member may not', 'rule', sets(member, { linkHash: new Uint8Array(32) })],
  ['approval: a member may not', 'rule', sets(member, { linkNeedsApproval: true })],
  ['when it was created: nobody', 'policy-form', sets(owner, { createdAt: 2 })],
  ['no policy', 'policy-form', facts(owner, { policyChange: { after: null, by: owner } })],
  ['what groups do not use', 'proposal-kind', facts(owner, { unusual: true })],

  [
    'from outside: a device in place of its former leaf',
    null,
    external({ ...memberB, leaf: 5 }, { removed: [{ seat: memberB, by: memberB, revoked: false }] }),
  ],
  ['from outside: a further device of a member', null, external(seat(5, 3, 7))],
  ['from outside: a stranger', 'external', external(stranger)],
  [
    'from outside: removing somebody else',
    'external',
    external(seat(5, 3, 7), { removed: [{ seat: memberB, by: member, revoked: false }] }),
  ],
  ['from outside: beside its former leaf', 'two-leaves', external({ ...memberB, leaf: 7 })],
  ['from outside: with a policy', 'external', external(seat(5, 3, 7), { policyChange: { after: policy, by: member } })],
  ['from outside: while a removal waits', 'removal-omitted', external(seat(5, 3, 7), { waiting: [other.leaf] })],
];

describe('rules of groups', () => {
  for (const [rule, expected, given] of TABLE) {
    it(rule, () => {
      assert.equal(judgeCommit(given), expected);
    });
  }

  it('a removal may be proposed by whom it may be made, but for revocations', () => {
    assert.ok(mayPropose(policy, member, member));
    assert.ok(mayPropose(policy, member, memberB));
    assert.ok(mayPropose(policy, admin, other));
    assert.ok(!mayPropose(policy, member, other));
    assert.ok(!mayPropose(policy, admin, admin2));
    assert.ok(!mayPropose(policy, owner, owner2));
  });
});
