import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { suite, test } from 'node:test';
import { parseGatewayAddress } from '@sotto/wire';
import { testFolder } from './support/folders.ts';
import { startTestGateway } from './support/gateway.ts';
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
});
