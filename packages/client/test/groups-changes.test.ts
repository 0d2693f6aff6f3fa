import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { GroupNotice } from '../src/index.ts';
import { agree, Circle, HOUR, MINUTE, notices, SECOND } from './support/circle.ts';
import { texts } from './support/people.ts';
import type { Person } from './support/people.ts';

const kinds = (all: readonly GroupNotice[]): string[] => all.map(({ change }) => change.kind);

suite('R-GRP-2 groups: what becomes of them', () => {
  test('who declines was never there for people, and is out of the tree', async () => {
    await using circle = await Circle.of(['alice', 'bob', 'carol']);
    const [alice, bob, carol] = circle.people as [Person, Person, Person];
    const accounts = [await circle.account(bob), await circle.account(carol)];
    const { id } = await alice.messenger.groups.create({ name: 'Club', accounts });
    await circle.pass(2 * SECOND);
    assert.equal((await bob.messenger.conversations()).filter((each) => each.kind === 'group').length, 0);
    await assert.rejects(bob.messenger.send(id, 'too early'), { code: 'not_found' });
    await carol.messenger.groups.accept(id);
    await bob.messenger.groups.decline(id);
    assert.equal((await bob.messenger.groups.get(id))?.state, 'left');
    assert.deepEqual(await bob.messenger.groups.invitations(), []);
    await circle.pass(30 * SECOND);
    const { members } = await alice.messenger.groups.members(id);
    assert.equal(members.length, 2);
    await alice.messenger.send(id, 'without bob');
    await circle.pass(5 * SECOND);
    assert.deepEqual(await texts(carol.messenger, id), ['without bob']);
    await assert.rejects(bob.messenger.history(id), { code: 'not_found' });
    await agree([alice, carol], id);
  });

  test('added, renamed, given roles, removed, left: all see the same, and the history tells of it', async () => {
    await using circle = await Circle.of(['alice', 'bob', 'carol', 'dave']);
    const [alice, bob, carol, dave] = circle.people as [Person, Person, Person, Person];
    const id = await circle.group('First', [bob, carol]);
    const groups = alice.messenger.groups;
    await groups.edit(id, { name: 'Second', description: 'What for' });
    await groups.setRole(id, await circle.account(bob), 'admin');
    await groups.setTimer(id, 3600);
    await circle.pass(5 * SECOND);
    assert.equal((await carol.messenger.groups.get(id))?.name, 'Second');
    assert.equal((await carol.messenger.conversation(id))?.timer, 3600);
    assert.equal((await bob.messenger.groups.get(id))?.role, 'admin');
    await assert.rejects(carol.messenger.groups.edit(id, { name: 'Third' }), { code: 'forbidden' });
    await assert.rejects(carol.messenger.groups.remove(id, [await circle.account(bob)]), { code: 'forbidden' });
    const invited = await groups.invite(id, [await circle.account(dave)]);
    await circle.pass(5 * SECOND);
    assert.equal(await invited.done(), 'done');
    await dave.messenger.groups.accept(id);
    await circle.pass(5 * SECOND);
    await dave.messenger.send(id, 'hello from dave');
    await circle.pass(5 * SECOND);
    const removal = await bob.messenger.groups.remove(id, [await circle.account(carol)]);
    await circle.pass(5 * SECOND);
    assert.equal(await removal.done(), 'done');
    assert.equal((await carol.messenger.groups.get(id))?.state, 'removed');
    await assert.rejects(carol.messenger.send(id, 'still here?'), { code: 'wrong_state' });
    assert.deepEqual(await texts(carol.messenger, id), ['hello from dave']);
    await agree([alice, bob, dave], id);
    const left = await dave.messenger.groups.leave(id);
    assert.equal((await dave.messenger.groups.get(id))?.state, 'left');
    await circle.pass(MINUTE);
    assert.equal(await left.done(), 'done');
    await agree([alice, bob], id);
    // Bob's begins with his own coming.
    assert.deepEqual((await notices(bob.messenger, id)).slice(1), (await notices(alice.messenger, id)).slice(2));
    assert.deepEqual(kinds(await notices(alice.messenger, id)), [
      'created',
      'added',
      'renamed',
      'described',
      'made-admin',
      'timer',
      'added',
      'removed',
      'left',
    ]);
  });

  test('permissions: only admins send, where the group says so', async () => {
    await using circle = await Circle.of(['alice', 'bob']);
    const [alice, bob] = circle.people as [Person, Person];
    const id = await circle.group();
    await alice.messenger.groups.setPermissions(id, { send: 'admins' });
    await circle.pass(5 * SECOND);
    await assert.rejects(bob.messenger.send(id, 'may I?'), { code: 'forbidden' });
    await assert.rejects(bob.messenger.groups.setPermissions(id, { send: 'members' }), { code: 'forbidden' });
    await alice.messenger.send(id, 'news');
    await circle.pass(5 * SECOND);
    assert.deepEqual(await texts(bob.messenger, id), ['news']);
  });

  test('a link: with approval an admin decides, without it whoever comes is in', async () => {
    await using circle = await Circle.of(['alice', 'bob']);
    const [alice, bob] = circle.people as [Person, Person];
    const id = await circle.group();
    const carol = await circle.add('carol');
    const dave = await circle.add('dave');
    const linking = alice.messenger.groups.link(id);
    await circle.pass(5 * SECOND);
    const link = await linking;
    await assert.rejects(bob.messenger.groups.link(id), { code: 'forbidden' });
    await assert.rejects(carol.messenger.groups.joinByLink(`${link.slice(0, -1)}${link.endsWith('a') ? 'b' : 'a'}`), {
      code: 'invalid_argument',
    });
    await carol.messenger.groups.joinByLink(link.toUpperCase());
    await circle.pass(MINUTE);
    const [request] = await alice.messenger.groups.joinRequests(id);
    assert.equal(request?.account, await circle.account(carol));
    assert.equal((await carol.messenger.groups.get(id))?.state, 'asking');
    await alice.messenger.groups.approve(id, await circle.account(carol));
    await circle.pass(10 * SECOND);
    assert.equal((await carol.messenger.groups.get(id))?.state, 'joined');

    await dave.messenger.groups.joinByLink(link);
    await circle.pass(MINUTE);
    await alice.messenger.groups.refuse(id, await circle.account(dave));
    await circle.pass(10 * SECOND);
    assert.equal((await dave.messenger.groups.get(id))?.reason, 'asking-refused');
    const opening = alice.messenger.groups.link(id, { approval: false, renew: true });
    await circle.pass(5 * SECOND);
    const open = await opening;
    assert.notEqual(open, link);
    await dave.messenger.groups.joinByLink(link);
    await circle.pass(10 * SECOND);
    assert.equal((await dave.messenger.groups.get(id))?.state, 'left');
    await dave.messenger.groups.joinByLink(open);
    await circle.pass(10 * SECOND);
    assert.equal((await dave.messenger.groups.get(id))?.state, 'joined');
    await dave.messenger.send(id, 'I am in');
    await circle.pass(5 * SECOND);
    await agree([alice, bob], id);
    assert.deepEqual(await texts(carol.messenger, id), ['I am in']);
  });

  test('keys are renewed by schedule, by everybody', async () => {
    await using circle = await Circle.of(['alice', 'bob']);
    const [alice, bob] = circle.people as [Person, Person];
    const { id } = await alice.messenger.groups.create({
      name: 'Fresh',
      accounts: [await circle.account(bob)],
      rotateSeconds: 3600,
    });
    await circle.pass(5 * SECOND);
    await bob.messenger.groups.accept(id);
    await circle.pass(5 * SECOND);
    const before = (await alice.messenger.groups.get(id))?.epoch ?? 0;
    await circle.pass(2 * HOUR);
    const after = (await alice.messenger.groups.get(id))?.epoch ?? 0;
    assert.ok(after >= before + 2, `${before} to ${after}`);
    const change = await bob.messenger.groups.rotate(id);
    await circle.pass(5 * SECOND);
    assert.equal(await change.done(), 'done');
    await agree([alice, bob], id);
  });
});
