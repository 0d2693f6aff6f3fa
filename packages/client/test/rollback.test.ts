import assert from 'node:assert/strict';
import { cpSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { systemClock } from '@sotto/transport';
import { testFolder } from './support/folders.ts';
import { startTestGateway } from './support/gateway.ts';
import { MemoryGateway } from './support/memory-gateway.ts';
import { befriend, Person, texts, until } from './support/people.ts';

const kinds = async (person: Person) => (await person.messenger.status()).incidents.map(({ kind }) => kind);

suite('design "Rollback"', { timeout: 60_000 }, () => {
  test('R-STO-2 a vault folder restored from a copy replaces its sessions before it sends; both sides understand each other', async () => {
    await using gateway = await startTestGateway();
    await using alice = await Person.create('alice', gateway.address);
    await using bob = await Person.create('bob', gateway.address);
    const conversation = await befriend(alice, bob);
    await (await alice.messenger.send(conversation, 'before the copy')).delivered();
    await (await bob.messenger.send(conversation, 'answer')).delivered();
    await alice.messenger.close();
    const copy = testFolder('copy');
    cpSync(join(alice.folder, 'vault'), join(copy, 'vault'), { recursive: true });

    await alice.open();
    for (const text of ['one', 'two', 'three']) {
      await (await alice.messenger.send(conversation, text)).delivered();
      await (await bob.messenger.send(conversation, `${text}?`)).delivered();
    }
    assert.deepEqual(await kinds(alice), []);
    await alice.messenger.close();
    renameSync(join(alice.folder, 'vault'), join(copy, 'original'));
    renameSync(join(copy, 'vault'), join(alice.folder, 'vault'));

    await alice.open();
    const seen: string[] = [];
    alice.messenger.events.on('rollback-detected', () => void seen.push('rollback'));
    alice.messenger.events.on('outbox-changed', ({ reason }) => void seen.push(reason));
    const sent = await alice.messenger.send(conversation, 'after the copy');
    await sent.delivered();
    assert.ok(seen.includes('rollback'));
    assert.ok(seen.indexOf('rollback') < seen.indexOf('sealed'), seen.join());
    assert.ok(seen.indexOf('session-started') < seen.indexOf('sealed'), seen.join());
    await (await bob.messenger.send(conversation, 'welcome back')).delivered();
    // What the copy never saw is a gap, held back for a moment.
    await until(
      () => texts(alice.messenger, conversation),
      (found) => found.at(-1) === 'welcome back',
    );
    const all = (await texts(bob.messenger, conversation)).filter((text) => !text.startsWith('gap'));
    assert.equal(all.length, 10);
    assert.equal(new Set(all).size, 10);
    assert.deepEqual(await kinds(alice), ['rollback-detected']);
    assert.deepEqual(await kinds(bob), []);

    // It is told once; from now on this is the vault that the gateway knows.
    await alice.reopen();
    await (await alice.messenger.send(conversation, 'once more')).delivered();
    assert.deepEqual(
      (await alice.messenger.status()).incidents.map(({ count }) => count),
      [1],
    );
    rmSync(copy, { recursive: true, force: true });
  });

  test('a copy that is used while the original goes on is noticed by the original', async () => {
    const gateway = new MemoryGateway(systemClock);
    const effects = { openTransport: gateway.openTransport };
    await using alice = await Person.create('alice', gateway.address, { effects });
    await using bob = await Person.create('bob', gateway.address, { effects });
    const conversation = await befriend(alice, bob);
    await (await alice.messenger.send(conversation, 'one')).delivered();
    await alice.messenger.close();
    const folder = testFolder('twin');
    cpSync(alice.folder, folder, { recursive: true });
    const twin = await Person.at('twin', folder, alice);
    await (await twin.messenger.send(conversation, 'the twin was here')).delivered();
    await twin.messenger.close();
    await alice.open();
    await until(
      () => kinds(alice),
      (found) => found.includes('rollback-detected'),
    );
    await (await alice.messenger.send(conversation, 'and so was I')).delivered();
    rmSync(folder, { recursive: true, force: true });
  });

  test('a device that only stops and starts, also in the middle of leaving its number, is never taken for one', async () => {
    const gateway = new MemoryGateway(systemClock);
    let lost = 0;
    const openTransport: MemoryGateway['openTransport'] = (options) => {
      const transport = gateway.openTransport(options);
      const replace = transport.device.replaceWitness.bind(transport.device);
      transport.device.replaceWitness = async (...call) => {
        // Every other answer is lost: sometimes the number was left, sometimes it was not.
        if (lost++ % 4 === 1) throw new (await import('@sotto/gateway-api')).GatewayApiError('unreachable', 'lost');
        await replace(...call);
        if (lost % 4 === 0) throw new (await import('@sotto/gateway-api')).GatewayApiError('unreachable', 'lost');
      };
      return transport;
    };
    await using alice = await Person.create('alice', gateway.address, { effects: { openTransport } });
    await using bob = await Person.create('bob', gateway.address, { effects: { openTransport } });
    const conversation = await befriend(alice, bob);
    for (let i = 0; i < 6; i++) {
      await (await alice.messenger.send(conversation, `message ${i}`)).delivered();
      await alice.reopen();
    }
    assert.ok(lost > 10);
    assert.deepEqual(await kinds(alice), []);
    assert.deepEqual(await kinds(bob), []);
  });
});
