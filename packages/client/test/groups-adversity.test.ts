import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { suite, test } from 'node:test';
import { agree, Circle, DAY, MINUTE, SECOND } from './support/circle.ts';
import { testFolder } from './support/folders.ts';
import { texts } from './support/people.ts';
import type { Person } from './support/people.ts';
import { addDevice } from './support/second-device.ts';

suite('R-GRP-3 groups live through what happens to devices and networks', () => {
  test('three admins change it at once: everything asked for is done, or says why not', async () => {
    await using circle = await Circle.of(['alice', 'bob', 'carol', 'dave', 'erin'], { all: true });
    const [alice, bob, carol, dave, erin] = circle.people as [Person, Person, Person, Person, Person];
    const id = await circle.group('Race', [bob, carol, dave]);
    for (const admin of [bob, carol]) await alice.messenger.groups.setRole(id, await circle.account(admin), 'admin');
    await circle.pass(10 * SECOND);
    const changes = await Promise.all([
      alice.messenger.groups.edit(id, { name: 'By alice' }),
      bob.messenger.groups.edit(id, { description: 'By bob' }),
      carol.messenger.groups.invite(id, [await circle.account(erin)]),
      bob.messenger.groups.remove(id, [await circle.account(dave)]),
      alice.messenger.groups.remove(id, [await circle.account(dave)]),
      carol.messenger.groups.setTimer(id, 60),
    ]);
    for (const person of [alice, bob, carol]) await person.messenger.send(id, `during, ${person.name}`);
    await circle.pass(MINUTE);
    const ends = await Promise.all(changes.map((change) => change.done()));
    assert.deepEqual(ends.slice(3, 5).toSorted(), ['already', 'done']);
    await erin.messenger.groups.accept(id);
    await circle.pass(10 * SECOND);
    await agree([alice, bob, carol], id);
    const view = await erin.messenger.groups.get(id);
    assert.equal(view?.name, 'By alice');
    assert.equal(view?.description, 'By bob');
    assert.equal(view?.members, 4);
    assert.equal((await texts(alice.messenger, id)).length, 3);
    assert.equal((await dave.messenger.groups.get(id))?.state, 'removed');
  });

  test('an invitee who is offline for days, and a member who is, miss nothing', async () => {
    await using circle = await Circle.of(['alice', 'bob', 'carol']);
    const [alice, bob, carol] = circle.people as [Person, Person, Person];
    const id = await circle.group('Patience', [bob]);
    circle.cut(bob);
    circle.cut(carol);
    await alice.messenger.groups.invite(id, [await circle.account(carol)]);
    await alice.messenger.send(id, 'one');
    await circle.sleep(DAY);
    await alice.messenger.groups.edit(id, { name: 'Patience 2' });
    await alice.messenger.groups.rotate(id);
    await alice.messenger.send(id, 'two');
    await bob.messenger.send(id, 'from far away');
    await circle.sleep(2 * DAY);
    circle.join(carol);
    circle.join(bob);
    await circle.pass(10 * MINUTE);
    await carol.messenger.groups.accept(id);
    await circle.pass(10 * MINUTE);
    assert.deepEqual((await texts(bob.messenger, id)).toSorted(), ['from far away', 'one', 'two']);
    await agree([alice, bob, carol], id);
  });

  test('two devices an account: both read, both write, and a new one comes in by itself', async () => {
    await using circle = await Circle.of(['alice', 'bob']);
    const [alice, bob] = circle.people as [Person, Person];
    const tablet = await addDevice(bob, 'tablet');
    circle.people.push(tablet);
    await circle.pass(MINUTE);
    const id = await circle.group('Both', [bob]);
    await circle.pass(10 * SECOND);
    assert.equal((await tablet.messenger.groups.get(id))?.state, 'joined');
    assert.equal((await alice.messenger.groups.get(id))?.devices, 3);
    await tablet.messenger.send(id, 'from the tablet');
    await alice.messenger.send(id, 'from alice');
    await circle.pass(5 * SECOND);
    await agree([alice, bob, tablet], id);
    assert.equal((await texts(bob.messenger, id)).length, 2);
    const laptop = await addDevice(alice, 'laptop');
    circle.people.push(laptop);
    await circle.pass(5 * MINUTE);
    assert.equal((await laptop.messenger.groups.get(id))?.state, 'joined');
    await laptop.messenger.send(id, 'from the laptop');
    await circle.pass(5 * SECOND);
    assert.ok((await texts(alice.messenger, id)).includes('from the laptop'));
    const { device } = await tablet.messenger.self();
    await bob.messenger.revokeDevice(device, 'lost');
    await circle.pass(5 * MINUTE);
    assert.equal((await alice.messenger.groups.get(id))?.devices, 3);
    await agree([alice, bob], id);
  });

  test('restarts at any time change nothing', async () => {
    await using circle = await Circle.of(['alice', 'bob']);
    const [alice, bob] = circle.people as [Person, Person];
    const id = await circle.group('Again');
    await alice.messenger.send(id, 'before');
    await alice.messenger.groups.edit(id, { name: 'Again and again' });
    await alice.reopen();
    await bob.reopen();
    await circle.pass(10 * SECOND);
    await bob.messenger.send(id, 'after');
    await bob.reopen();
    await circle.pass(10 * SECOND);
    await alice.reopen();
    await circle.pass(10 * SECOND);
    assert.deepEqual(await texts(alice.messenger, id), ['before', 'after']);
    await agree([alice, bob], id);
    assert.deepEqual(await alice.messenger.outbox(), []);
  });

  test('a device that cannot follow is brought back in, and reads on', async () => {
    await using circle = await Circle.of(['alice', 'bob', 'carol']);
    const [alice, bob] = circle.people as [Person, Person];
    const id = await circle.group('Back');
    await bob.messenger.groups.resync(id);
    await circle.pass(30 * SECOND);
    assert.equal((await bob.messenger.groups.get(id))?.state, 'joined');
    await bob.messenger.send(id, 'here again');
    await circle.pass(5 * SECOND);
    await alice.messenger.send(id, 'good');
    await circle.pass(5 * SECOND);
    await agree(circle.people, id);
    assert.deepEqual(await texts(bob.messenger, id), ['here again', 'good']);
  });

  test('a log that expired before it was read: brought back in', async () => {
    await using circle = await Circle.of(['alice', 'bob', 'carol']);
    const [alice, bob, carol] = circle.people as [Person, Person, Person];
    const id = await circle.group('Long gone');
    circle.cut(bob);
    await alice.messenger.groups.rotate(id);
    await alice.messenger.send(id, 'lost to bob');
    await circle.sleep(40 * DAY);
    await carol.messenger.send(id, 'kept');
    await circle.pass(10 * MINUTE);
    circle.join(bob);
    await circle.pass(30 * MINUTE);
    assert.equal((await bob.messenger.groups.get(id))?.state, 'joined');
    await alice.messenger.send(id, 'welcome back');
    await circle.pass(MINUTE);
    assert.ok((await texts(bob.messenger, id)).includes('welcome back'));
  });

  test('a vault that was set back comes in with a new leaf before it sends anything', async () => {
    await using circle = await Circle.of(['alice', 'bob', 'carol']);
    const [alice, bob] = circle.people as [Person, Person, Person];
    const id = await circle.group('Twice');
    await alice.messenger.send(id, 'kept');
    await circle.pass(MINUTE);
    await bob.messenger.close();
    const copy = testFolder('copy');
    cpSync(bob.folder, copy, { recursive: true });
    await bob.open();
    await bob.messenger.send(id, 'sent from what is lost');
    await circle.pass(10 * MINUTE);
    const before = (await alice.messenger.groups.get(id))?.epoch ?? 0;
    await bob.messenger.close();
    rmSync(bob.folder, { recursive: true, force: true });
    cpSync(copy, bob.folder, { recursive: true });
    rmSync(copy, { recursive: true, force: true });
    await bob.open();
    await bob.messenger.send(id, 'sent from the copy');
    await circle.pass(30 * MINUTE);
    assert.equal((await bob.messenger.groups.get(id))?.state, 'joined');
    assert.ok(((await alice.messenger.groups.get(id))?.epoch ?? 0) > before);
    const seen = await texts(alice.messenger, id);
    for (const text of ['kept', 'sent from what is lost', 'sent from the copy']) assert.ok(seen.includes(text), text);
    await bob.messenger.send(id, 'and on');
    await circle.pass(MINUTE);
    assert.ok((await texts(alice.messenger, id)).includes('and on'));
  });
});
