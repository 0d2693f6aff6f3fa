import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { suite, test } from 'node:test';
import { systemClock } from '@sotto/transport';
import { idFromText, idHex, parseGatewayAddress } from '@sotto/wire';
import { ownDevices } from '../src/store/tables.ts';
import { testFolder } from './support/folders.ts';
import { startTestGateway } from './support/gateway.ts';
import { liarOf } from './support/liar.ts';
import { MemoryGateway } from './support/memory-gateway.ts';
import { befriend, Person, texts, until } from './support/people.ts';
import { addDevice } from './support/second-device.ts';

const states = async ({ messenger }: Person) =>
  (await messenger.devices()).map(({ name, state }) => `${name} ${state}`).slice(1);

suite('R-ID-3 two own devices at once', { timeout: 90_000 }, () => {
  test('both sign at the same place: whoever is slower signs again on top, nobody is refused, contacts see one chain', async () => {
    const folder = testFolder('gateway');
    const first = await startTestGateway({ folder });
    await using alice = await Person.create('alice', first.address);
    await using bob = await Person.create('bob', first.address);
    const conversation = await befriend(alice, bob);
    await using second = await addDevice(alice, 'second');
    await using third = await addDevice(alice, 'third');
    await using fourth = await addDevice(alice, 'fourth');
    const { account } = await alice.messenger.self();
    for (const each of [alice, second]) {
      await until(
        () => each.messenger.devices(),
        (all) => all.length === 4,
      );
    }
    const [thirdRef, fourthRef] = [(await third.messenger.self()).device, (await fourth.messenger.self()).device];
    await third.messenger.close();
    await fourth.messenger.close();
    await first[Symbol.asyncDispose]();
    await assert.rejects(alice.messenger.revokeDevice(thirdRef, 'lost'), { code: 'unreachable' });
    await assert.rejects(second.messenger.revokeDevice(fourthRef, 'removed'), { code: 'unreachable' });
    const problems: string[] = [];
    for (const { messenger } of [alice, second, bob]) {
      messenger.events.on('problem', ({ error }) => void problems.push(error.code));
      messenger.events.on('identity-changed', ({ change }) => {
        if (change.kind.endsWith('chain')) problems.push(change.kind);
      });
    }
    await using gateway = await startTestGateway({ folder, port: parseGatewayAddress(first.address).port });
    const expected = ['second active', 'third revoked', 'fourth revoked'];
    for (const each of [alice, second]) {
      await until(
        () => states(each),
        (found) => found.join() === expected.join(),
      );
    }
    await (await alice.messenger.send(conversation, 'from the first')).delivered();
    await (await second.messenger.send(conversation, 'from the second')).delivered();
    await until(
      () => bob.messenger.contactDevices(account),
      (all) => all.filter(({ state }) => state === 'revoked').length === 2,
    );
    assert.deepEqual((await texts(bob.messenger, conversation)).toSorted(), ['from the first', 'from the second']);
    assert.deepEqual(
      problems.filter((code) => code !== 'unreachable'),
      [],
    );
    assert.equal((await bob.messenger.contact(account))?.forkedAt, null);
    assert.equal(gateway.address, first.address);
    await gateway[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test('one accepts a contact while the other blocks it: blocked on both, and nothing that either gave is open', async () => {
    const gateway = new MemoryGateway(systemClock);
    const effects = { openTransport: gateway.openTransport };
    await using alice = await Person.create('alice', gateway.address, { effects });
    await using bob = await Person.create('bob', gateway.address, { effects });
    await using second = await addDevice(alice, 'second');
    const link = await alice.messenger.contactLink();
    const { account: bobs } = await bob.messenger.self();
    const devices = [await deviceHex(alice), await deviceHex(second)];
    await bob.messenger.addContact(link);
    for (const { messenger } of [alice, second]) {
      await until(
        () => messenger.contact(bobs),
        (contact) => contact?.state === 'incoming',
      );
    }
    for (const device of devices) gateway.isolate(device);
    await second.messenger.acceptRequest(bobs);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await alice.messenger.block(bobs);
    gateway.cutOff.delete(devices[1]!);
    const accepted = await until(
      () => bob.messenger.contacts(),
      ([contact]) => contact?.state === 'accepted',
    );
    gateway.cutOff.delete(devices[0]!);
    for (const { messenger } of [alice, second]) {
      await until(
        () => messenger.contact(bobs),
        (contact) => contact?.state === 'blocked',
      );
    }
    const { id } = await bob.messenger.send(accepted[0]!.conversation, 'hello?');
    await until(
      () => bob.messenger.message(id),
      (message) => message?.reason === 'address-refused',
    );
    // What is left open is what the two gave each other.
    await until(
      () => Promise.resolve(gateway.openTo(devices)),
      (open) => open === 2,
    );
  });

  test('a new device is introduced by whoever is there: contacts are told of it and it of them, once', async () => {
    const gateway = new MemoryGateway(systemClock);
    const effects = { openTransport: gateway.openTransport };
    // Longer than a loaded machine takes for what is done at once.
    const turnMs = 1500;
    await using alice = await Person.create('alice', gateway.address, { effects, settings: { turnMs } });
    await using bob = await Person.create('bob', gateway.address, { effects });
    const conversation = await befriend(alice, bob);
    await using second = await addDevice(alice, 'second');
    await until(
      () => second.messenger.contacts(),
      ([contact]) => contact?.state === 'accepted',
    );
    const { account } = await alice.messenger.self();
    await until(
      () => bob.messenger.contactDevices(account),
      (all) => all.length === 2,
    );
    // The most senior is away.
    const first = await deviceHex(alice);
    gateway.isolate(first);
    await using third = await addDevice(alice, 'third');
    await until(
      () => third.messenger.contacts(),
      ([contact]) => contact?.state === 'accepted',
    );
    await bob.messenger.send(conversation, 'to all of you');
    await until(
      () => texts(third.messenger, conversation),
      (found) => found.includes('to all of you'),
    );

    gateway.cutOff.delete(first);
    await until(
      () => texts(alice.messenger, conversation),
      (found) => found.includes('to all of you'),
    );
    // With everybody there the most senior speaks, and says that nobody else has to.
    await second.reopen({ turnMs: 3_600_000 });
    await using fourth = await addDevice(alice, 'fourth');
    await until(
      () => fourth.messenger.contacts(),
      ([contact]) => contact?.state === 'accepted',
    );
    const { device } = await fourth.messenger.self();
    await using patient = await liarOf(second);
    await until(
      () => Promise.resolve(patient.rooms.core.ledger.read((read) => ownDevices.get(read, device))),
      (row) => row?.introduced === true,
    );
  });
});

async function deviceHex({ messenger }: Person): Promise<string> {
  return idHex(idFromText('DeviceId', (await messenger.self()).device));
}
