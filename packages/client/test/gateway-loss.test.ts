import assert from 'node:assert/strict';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { parseGatewayAddress } from '@sotto/wire';
import type { Messenger, MessengerEvents } from '../src/index.ts';
import { testFolder } from './support/folders.ts';
import { startTestGateway } from './support/gateway.ts';
import type { TestGateway } from './support/gateway.ts';
import { befriend, Person, texts, until } from './support/people.ts';
import { addDevice } from './support/second-device.ts';

/** Everything but what makes the gateway itself. */
function loseData(folder: string): void {
  for (const name of ['gateway.db', 'gateway.db-wal', 'gateway.db-shm']) rmSync(join(folder, name), { force: true });
}

async function restart(gateway: TestGateway, meanwhile: () => void): Promise<TestGateway> {
  await gateway[Symbol.asyncDispose]();
  meanwhile();
  return startTestGateway({ folder: gateway.folder, port: parseGatewayAddress(gateway.address).port });
}

function lost(messenger: Messenger): Promise<MessengerEvents['gateway-lost-data']> {
  return messenger.events.next('gateway-lost-data');
}

suite('R-GW-2 a gateway that lost its data', { timeout: 120_000 }, () => {
  test('everybody registers again by themselves; what waited and what it had accepted arrives, once; names come back', async () => {
    const folder = testFolder('gateway');
    const first = await startTestGateway({ folder });
    await using alice = await Person.create('alice', first.address, { create: { accountName: 'alice' } });
    await using bob = await Person.create('bob', first.address, { create: { accountName: 'bob' } });
    const conversation = await befriend(alice, bob);
    await (await alice.messenger.send(conversation, 'before')).delivered();

    // Accepted by the gateway, never fetched: only Alice still holds it.
    await bob.messenger.close();
    const swallowed = await alice.messenger.send(conversation, 'swallowed');
    await swallowed.accepted();
    const told = lost(alice.messenger);
    const second = await restart(first, () => loseData(folder));
    assert.equal(second.address, first.address);
    assert.equal((await told).kind, 'device-forgotten');
    const after = await alice.messenger.send(conversation, 'after');
    await bob.open();
    await Promise.all([swallowed.delivered(), after.delivered()]);
    await (await bob.messenger.send(conversation, 'and back')).delivered();
    const expected = ['before', 'swallowed', 'after', 'and back'];
    for (const { messenger } of [alice, bob]) {
      assert.deepEqual((await texts(messenger, conversation)).toSorted(), expected.toSorted());
      assert.deepEqual(
        (await messenger.status()).incidents.map(({ kind }) => kind),
        ['gateway-forgot-device'],
      );
    }
    await using eve = await Person.create('eve', second.address);
    await until(
      () => eve.messenger.addContact('alice').catch(() => null),
      (contact) => contact !== null,
    );
    const steps = (await alice.messenger.explain(swallowed.id)).steps.map(({ code }) => code);
    assert.ok(steps.includes('gateway-lost-data'), steps.join());
    await second[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test('an old copy of its data: missing statements are published, prekeys replaced, messages flow, none doubled', async () => {
    const folder = testFolder('gateway');
    const copy = testFolder('gateway-copy');
    let gateway = await startTestGateway({ folder });
    await using alice = await Person.create('alice', gateway.address);
    await using bob = await Person.create('bob', gateway.address);
    const conversation = await befriend(alice, bob);
    await (await alice.messenger.send(conversation, 'one')).delivered();
    gateway = await restart(gateway, () => cpSync(folder, copy, { recursive: true }));

    await using second = await addDevice(alice, 'second');
    await until(
      () => second.messenger.contacts(),
      (all) => all[0]?.state === 'accepted',
    );
    const fromSecond = await second.messenger.send(conversation, 'from the second device');
    await fromSecond.delivered();
    await (await bob.messenger.send(conversation, 'to both')).delivered();
    await until(
      () => texts(second.messenger, conversation),
      (found) => found.includes('to both'),
    );
    const people = [alice, bob, second];
    const told = people.map(({ messenger }) => lost(messenger));
    gateway = await restart(gateway, () => {
      rmSync(folder, { recursive: true, force: true });
      cpSync(copy, folder, { recursive: true });
    });
    assert.deepEqual((await Promise.all(told)).map(({ kind }) => kind).toSorted(), [
      'device-forgotten',
      'set-back',
      'set-back',
    ]);
    await (await alice.messenger.send(conversation, 'after, from the first')).delivered();
    await (await second.messenger.send(conversation, 'after, from the second')).delivered();
    await (await bob.messenger.send(conversation, 'after, from Bob')).delivered();
    const expected = [
      'one',
      'from the second device',
      'to both',
      'after, from the first',
      'after, from the second',
      'after, from Bob',
    ];
    for (const { messenger } of people) {
      const wanted = messenger === second.messenger ? expected.slice(1) : expected;
      const found = await until(
        () => texts(messenger, conversation),
        (all) => all.length >= wanted.length,
      );
      assert.deepEqual(found.filter((text) => !text.startsWith('gap')).toSorted(), wanted.toSorted());
    }
    await gateway[Symbol.asyncDispose]();
    for (const each of [folder, copy]) rmSync(each, { recursive: true, force: true });
  });

  test('a device that was revoked does not come back through it', async () => {
    const folder = testFolder('gateway');
    const first = await startTestGateway({ folder });
    await using alice = await Person.create('alice', first.address);
    await using second = await addDevice(alice, 'second');
    const { device } = await second.messenger.self();
    await until(
      () => alice.messenger.devices(),
      (all) => all.length === 2,
    );
    const ended = second.messenger.events.next('closed');
    await alice.messenger.revokeDevice(device, 'lost');
    assert.equal((await ended).why, 'revoked');
    const link = await alice.messenger.contactLink();
    await alice.messenger.close();
    const gateway = await restart(first, () => loseData(folder));
    await second.open();
    await assert.rejects(second.messenger.events.next('peer-connected'), { code: 'closed' });
    // Nobody has registered the account since.
    await using eve = await Person.create('eve', gateway.address);
    await assert.rejects(eve.messenger.addContact(link), { code: 'not_found' });
    await gateway[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });
});
