import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectGateway } from '@sotto/gateway-api';
import { systemClock } from '@sotto/transport';
import { registerReceiver, testEnvelope } from './support/account.ts';
import { startTestGateway } from './support/gateway.ts';

test('R-GW-1 register, post, receive by poll and by stream, acknowledge', async () => {
  await using running = await startTestGateway();
  const { address } = running.gateway;
  await using bob = await registerReceiver(address);
  const sender = connectGateway({ address, clock: systemClock });
  const first = testEnvelope(bob.mailbox);
  assert.deepEqual(await sender.post(first, bob.capability), { duplicate: false });
  assert.deepEqual(await sender.post(first, bob.capability), { duplicate: true });
  const page = await bob.device.poll();
  assert.equal(page.arrivals.length, 1);
  assert.deepEqual(Buffer.from(page.arrivals[0]!.envelope), Buffer.from(first));
  assert.equal(page.arrivals[0]!.queue, 'contacts');

  const received: Uint8Array[] = [];
  const ending = new AbortController();
  const caughtUp = Promise.withResolvers<void>();
  const second = Promise.withResolvers<void>();
  const stream = bob.device.stream(
    {
      onArrival: async ({ envelope }) => {
        received.push(envelope);
        if (received.length === 2) second.resolve();
      },
      onCaughtUp: () => caughtUp.resolve(),
    },
    { signal: ending.signal, inFlight: 10 },
  );
  await caughtUp.promise;
  const live = testEnvelope(bob.mailbox);
  await sender.post(live, bob.capability);
  await second.promise;
  ending.abort();
  await stream;
  assert.deepEqual(
    received.map((bytes) => Buffer.from(bytes)),
    [Buffer.from(first), Buffer.from(live)],
  );
  assert.deepEqual(await bob.device.poll(), { arrivals: [], more: false });
  assert.deepEqual(await sender.post(live, bob.capability), { duplicate: true });
  await sender.close();
});
