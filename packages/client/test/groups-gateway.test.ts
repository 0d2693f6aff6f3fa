import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { startTestGateway } from './support/gateway.ts';
import { befriend, Person, texts, until } from './support/people.ts';

suite('R-GRP-1 groups at a real gateway', { timeout: 60_000 }, () => {
  test('made, accepted, written in, changed, and read to the end after the gateway was started again', async () => {
    const settings = { autoAcceptGroups: true, groupReceiptDelayMs: [0, 20] } as const;
    let gateway = await startTestGateway();
    const folder = gateway.folder;
    const port = Number(new URL(gateway.address.replace('sotto:', 'http:')).port);
    await using alice = await Person.create('alice', gateway.address, { settings });
    await using bob = await Person.create('bob', gateway.address, { settings });
    try {
      await befriend(alice, bob);
      const { account } = await bob.messenger.self();
      const { id } = await alice.messenger.groups.create({ name: 'Real', accounts: [account] });
      await until(
        () => bob.messenger.groups.get(id),
        (group) => group?.state === 'joined',
      );
      const sent = await alice.messenger.send(id, 'one');
      await sent.delivered();
      await gateway.gateway.close();
      await bob.messenger.send(id, 'while it was away');
      gateway = await startTestGateway({ folder, port });
      const change = await alice.messenger.groups.edit(id, { name: 'Realer' });
      await change.done();
      await until(
        async () => ({ seen: await texts(alice.messenger, id), there: await bob.messenger.groups.get(id) }),
        ({ seen, there }) => seen.includes('while it was away') && there?.name === 'Realer',
      );
      assert.deepEqual(await texts(alice.messenger, id), await texts(bob.messenger, id));
    } finally {
      await gateway[Symbol.asyncDispose]();
    }
  });
});
