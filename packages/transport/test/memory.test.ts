import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { encodeEnvelope, encodeEnvelopeHeader, mailboxId, roundExpiry, SUITE_PQXDH } from '@sotto/wire';
import { MemoryNetwork, systemClock, transportCompliance } from '../src/index.ts';
import type { Conditions, Destination } from '../src/index.ts';

function network(conditions: Partial<Conditions> = {}): MemoryNetwork {
  return new MemoryNetwork({ clock: systemClock, random: Math.random, randomBytes, conditions });
}

function envelopeFor({ mailbox }: Destination, expired?: 'expired'): Uint8Array {
  const expiresAt = roundExpiry(Date.now() / 1000 + (expired === 'expired' ? -7200 : 86_400));
  const header = encodeEnvelopeHeader({ suite: SUITE_PQXDH, mailbox: mailboxId(mailbox), expiresAt, urgency: 'high' });
  return encodeEnvelope(header, randomBytes(512));
}

for (const conditions of [{}, { delayMs: () => Math.random() * 3 }]) {
  const slow = 'delayMs' in conditions ? ' (with delays)' : '';
  transportCompliance(
    (name, run) => test(`memory${slow}: ${name}`, run),
    () => {
      const memory = network(conditions);
      return Promise.resolve({
        alice: memory.open(),
        bob: memory.open(),
        envelope: envelopeFor,
        interrupt: () => {
          memory.cut();
          memory.restore();
          return Promise.resolve();
        },
        close: () => Promise.resolve(),
      });
    },
  );
}

test('a lost post changes nothing, a lost answer leaves the envelope stored, and sending again tells which', async () => {
  const memory = network({ lossBefore: 1 });
  const [alice, bob] = [memory.open(), memory.open()];
  const delivery = { destination: bob.destination, envelope: envelopeFor(bob.destination) };
  assert.deepEqual(await alice.transport.deliver(delivery), { kind: 'unreachable' });
  memory.conditions.lossBefore = 0;
  memory.conditions.lossAfter = 1;
  assert.deepEqual(await alice.transport.deliver(delivery), { kind: 'unreachable' });
  memory.conditions.lossAfter = 0;
  assert.deepEqual(await alice.transport.deliver(delivery), { kind: 'accepted', duplicate: true });
});

test('an envelope whose acknowledgement was lost comes again with the next connection', async () => {
  const memory = network({ acknowledgementLoss: 1 });
  const [alice, bob] = [memory.open(), memory.open()];
  await alice.transport.deliver({ destination: bob.destination, envelope: envelopeFor(bob.destination) });
  let count = 0;
  for (let round = 0; round < 2; round++) {
    const ending = new AbortController();
    const onCaughtUp = () => ending.abort();
    const sink = () => Promise.resolve(void count++);
    await bob.transport.receive(sink, { signal: ending.signal, inFlight: 1, onCaughtUp });
  }
  assert.equal(count, 2);
});

test('a stranger’s token leads to the queue of requests, once', async () => {
  const memory = network();
  const [alice, bob] = [memory.open(), memory.open()];
  const destination = bob.requestDestination();
  const first = { destination, envelope: envelopeFor(destination) };
  assert.deepEqual(await alice.transport.deliver(first), { kind: 'accepted', duplicate: false });
  assert.deepEqual(await alice.transport.deliver(first), { kind: 'accepted', duplicate: true });
  const second = { destination, envelope: envelopeFor(destination) };
  assert.deepEqual(await alice.transport.deliver(second), { kind: 'refused', code: 'quota' });
});
