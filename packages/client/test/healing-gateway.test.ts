import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { createGatewayTransport } from '@sotto/gateway-api';
import type { Incoming } from '@sotto/transport';
import { decodeEnvelope } from '@sotto/wire';
import type { Effects } from '../src/index.ts';
import { damaged } from './support/damage.ts';
import { startTestGateway } from './support/gateway.ts';
import { befriend, Person, texts, until } from './support/people.ts';
import { residue } from './support/residue.ts';

suite('healing and disappearing over a real gateway', { timeout: 60_000 }, () => {
  test('what is damaged or lost between gateway and device comes back, in order, and is receipted once', async () => {
    await using gateway = await startTestGateway();
    let trouble: 'none' | 'damage' | 'loss' = 'none';
    const openTransport: Effects['openTransport'] = (options) => {
      const transport = createGatewayTransport(options);
      const receive = transport.receive.bind(transport);
      transport.receive = (sink, more) =>
        receive(async (incoming: Incoming) => {
          if (trouble === 'none' || decodeEnvelope(incoming.envelope).urgency !== 'high') return sink(incoming);
          if (trouble === 'loss') return undefined;
          return sink({ ...incoming, envelope: damaged(incoming.envelope) });
        }, more);
      return transport;
    };
    const settings = { askDelayMs: 200 };
    await using alice = await Person.create('alice', gateway.address, { settings });
    await using bob = await Person.create('bob', gateway.address, { settings, effects: { openTransport } });
    const conversation = await befriend(alice, bob);
    await (await alice.messenger.send(conversation, 'one')).delivered();
    trouble = 'damage';
    const awaited = bob.messenger.events.next('message-awaited');
    const healed = bob.messenger.events.next('message-healed');
    const two = await alice.messenger.send(conversation, 'two');
    assert.equal((await awaited).placeholder.author, (await alice.messenger.self()).account);
    trouble = 'none';
    assert.equal((await healed).message.id, two.id);
    await two.delivered();
    trouble = 'loss';
    const three = await alice.messenger.send(conversation, 'three');
    await three.accepted();
    await new Promise((resolve) => setTimeout(resolve, 300));
    trouble = 'none';
    await (await alice.messenger.send(conversation, 'four')).delivered();
    await three.delivered();
    assert.deepEqual(await texts(bob.messenger, conversation), ['one', 'two', 'three', 'four']);
    await bob.reopen();
    assert.deepEqual(await texts(bob.messenger, conversation), ['one', 'two', 'three', 'four']);
  });

  test('a message with a timer of two seconds is gone from both sides soon after it was read', async () => {
    await using gateway = await startTestGateway();
    await using alice = await Person.create('alice', gateway.address);
    await using bob = await Person.create('bob', gateway.address);
    const conversation = await befriend(alice, bob);
    await alice.messenger.send(conversation, { kind: 'timer', seconds: 2 });
    const sent = await alice.messenger.send(conversation, 'rendezvous at nine');
    await sent.delivered();
    await bob.messenger.markRead(conversation);
    for (const { messenger } of [alice, bob]) {
      await until(
        () => messenger.message(sent.id),
        (message) => message === null,
      );
    }
    await bob.messenger.close();
    assert.deepEqual(await residue(bob, 'rendezvous'), []);
    await bob.open();
  });
});
