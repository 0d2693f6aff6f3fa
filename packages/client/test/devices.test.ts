import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { systemClock } from '@sotto/transport';
import { idFromText, idHex } from '@sotto/wire';
import { MemoryGateway } from './support/memory-gateway.ts';
import { befriend, Person, texts, until } from './support/people.ts';
import { addDevice } from './support/second-device.ts';

async function couple() {
  const gateway = new MemoryGateway(systemClock);
  const effects = { openTransport: gateway.openTransport };
  const alice = await Person.create('alice', gateway.address, { effects });
  const bob = await Person.create('bob', gateway.address, { effects });
  const conversation = await befriend(alice, bob);
  const all = [alice, bob];
  return {
    gateway,
    alice,
    bob,
    conversation,
    async second(person: Person): Promise<Person> {
      const device = await addDevice(person, 'second');
      all.push(device);
      return device;
    },
    async [Symbol.asyncDispose]() {
      for (const person of all) await person[Symbol.asyncDispose]();
    },
  };
}

const has = (person: Person, conversation: Parameters<typeof texts>[1], ...expected: string[]) =>
  until(
    () => texts(person.messenger, conversation).catch((): string[] => []),
    (found) => expected.every((text) => found.includes(text)),
  );

suite('several devices of one account', { timeout: 60_000 }, () => {
  test('a new device learns the contacts, and contacts learn of it, with an alarm', async () => {
    await using scene = await couple();
    const alarm = scene.bob.messenger.events.next('identity-changed');
    const second = await scene.second(scene.alice);
    const [contact] = await until(
      () => second.messenger.contacts(),
      (all) => all[0]?.state === 'accepted',
    );
    assert.equal(contact?.name, 'bob');
    assert.equal((await second.messenger.devices()).length, 2);
    // Bob hears of it with the next message of the first device, if not before.
    await scene.alice.messenger.send(scene.conversation, 'I have a new phone');
    const { change } = await alarm;
    assert.equal(change.kind, 'device-added');
    const { account } = await scene.alice.messenger.self();
    await until(
      () => scene.bob.messenger.contactDevices(account),
      (all) => all.length === 2,
    );
  });

  test('a request that one device has accepted stays accepted when a device that was away takes the request', async () => {
    const gateway = new MemoryGateway(systemClock);
    const effects = { openTransport: gateway.openTransport };
    await using alice = await Person.create('alice', gateway.address, { effects });
    await using bob = await Person.create('bob', gateway.address, { effects });
    await using second = await addDevice(bob, 'second');
    await until(
      () => second.messenger.status(),
      ({ registered }) => registered,
    );
    await second.messenger.close();
    const conversation = await befriend(alice, bob);
    await second.open();
    const { account } = await alice.messenger.self();
    const state = async (person: Person) => (await person.messenger.contact(account))?.state;
    await until(
      () => state(second),
      (found) => found === 'accepted',
    );
    await alice.messenger.send(conversation, 'to both');
    for (const each of [bob, second]) await has(each, conversation, 'to both');
    assert.deepEqual([await state(bob), await state(second)], ['accepted', 'accepted']);
  });

  test('2 × 2 devices: each message reaches all four, in one order, and receipts reach both of its author', async () => {
    await using scene = await couple();
    const { alice, bob, conversation } = scene;
    const alice2 = await scene.second(alice);
    const bob2 = await scene.second(bob);
    const four = [alice, alice2, bob, bob2];
    await alice.messenger.send(conversation, 'from the first of alice');
    await has(bob, conversation, 'from the first of alice');
    await bob.messenger.send(conversation, 'from the first of bob');
    for (const each of four) await has(each, conversation, 'from the first of bob');
    const sent = await alice2.messenger.send(conversation, 'from the second of alice');
    for (const each of four) await has(each, conversation, 'from the second of alice');
    await bob2.messenger.send(conversation, 'from the second of bob');
    for (const each of four) await has(each, conversation, 'from the second of bob');
    await sent.delivered();
    await until(
      () => alice.messenger.message(sent.id),
      (message) => message?.state === 'delivered',
    );

    // Read on one device of bob: seen on his other one, and told to both of alice.
    await bob2.messenger.markRead(conversation);
    await sent.read();
    await until(
      () => alice.messenger.message(sent.id),
      (message) => message?.state === 'read',
    );
    // His other one may have a message from before the first knew of it, which stays unread there.
    await until(
      () => bob.messenger.message(sent.id),
      (message) => message?.state === 'read',
    );

    for (const each of four)
      await until(
        () => each.messenger.outbox(),
        (waiting) => waiting.length === 0,
      );
    const shared = ['from the first of bob', 'from the second of alice', 'from the second of bob'];
    for (const each of four) {
      const order = (await texts(each.messenger, conversation)).filter((text) => shared.includes(text));
      assert.deepEqual(order, shared, each.name);
    }
  });

  test('decisions about contacts follow on the other device', async () => {
    await using scene = await couple();
    const second = await scene.second(scene.alice);
    const [contact] = await until(
      () => second.messenger.contacts(),
      (all) => all.length === 1,
    );
    await second.messenger.setNickname(contact!.account, 'Bobby');
    await until(
      () => scene.alice.messenger.contact(contact!.account),
      (found) => found?.name === 'Bobby',
    );
    await scene.alice.messenger.verifyContact(contact!.account, true);
    await until(
      () => second.messenger.contact(contact!.account),
      (found) => found?.verification === 'verified',
    );
    await scene.alice.messenger.setProfile({ name: 'Alice at work' });
    await until(
      () => second.messenger.self(),
      (self) => self.profile.name === 'Alice at work',
    );
    await second.messenger.block(contact!.account);
    await until(
      () => scene.alice.messenger.contact(contact!.account),
      (found) => found?.state === 'blocked',
    );
  });

  test('a revoked device: nothing is sent to it, what it sends is refused, and it closes', async () => {
    await using scene = await couple();
    const { alice, bob, conversation } = scene;
    const second = await scene.second(alice);
    await until(
      () => second.messenger.contacts(),
      (all) => all[0]?.state === 'accepted',
    );
    await alice.messenger.send(conversation, 'hello');
    await until(
      async () => (await bob.messenger.contactDevices((await alice.messenger.self()).account)).length,
      (n) => n === 2,
    );
    await bob.messenger.send(conversation, 'to both');
    await has(second, conversation, 'to both');

    const { device } = await second.messenger.self();
    const alarm = bob.messenger.events.next('identity-changed', {
      where: (each) => each.change.kind === 'device-revoked',
    });
    const gone = second.messenger.events.next('closed');
    await alice.messenger.revokeDevice(device, 'lost');
    assert.equal((await gone).why, 'revoked');
    await (await alice.messenger.send(conversation, 'my phone was stolen')).delivered();
    await alarm;
    const before = scene.gateway.posted.length;
    await (await bob.messenger.send(conversation, 'for the first only')).delivered();
    const { mailbox } = scene.gateway.devices.get(idHex(idFromText('DeviceId', device)))!;
    const later = scene.gateway.posted.slice(before).map((each) => each.mailbox);
    assert.ok(!later.includes(idHex(mailbox)));
    assert.equal(
      (await bob.messenger.contactDevices((await alice.messenger.self()).account)).filter(
        (each) => each.state === 'active',
      ).length,
      1,
    );
  });
});
