import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@sotto/transport';
import type { Clock } from '@sotto/transport';
import { MemoryGateway } from './support/memory-gateway.ts';
import { befriend, Person, until } from './support/people.ts';

test('typing notices live by the clock of the gateway that takes them', { timeout: 60_000 }, async () => {
  // The gateway is an hour and a half ahead: what expires in a minute by the own clock has long expired there.
  const ahead: Clock = { now: () => systemClock.now() + 90 * 60_000, after: (ms, task) => systemClock.after(ms, task) };
  const gateway = new MemoryGateway(ahead);
  const effects = { openTransport: gateway.openTransport };
  await using alice = await Person.create('alice', gateway.address, { effects });
  await using bob = await Person.create('bob', gateway.address, { effects });
  const conversation = await befriend(alice, bob);
  await (await alice.messenger.send(conversation, 'hello')).delivered();
  let seen = 0;
  bob.messenger.events.on('typing', () => void seen++);
  await until(
    async () => {
      await alice.messenger.typing(conversation, true);
      await new Promise((resolve) => setTimeout(resolve, 20));
      return seen;
    },
    (count) => count > 0,
  );
  assert.ok(seen > 0);
});
