import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { connectGateway, GatewayApiError } from '@sotto/gateway-api';
import type { GatewayApiErrorCode } from '@sotto/gateway-api';
import { systemClock } from '@sotto/transport';
import { ConnectRequestSchema, ConnectResponseSchema, PrekeyKind, Refusal } from '@sotto/wire';
import {
  addDevice,
  connect,
  lastingPrekeys,
  registerReceiver,
  revokeDevice,
  testEnvelope,
  testPrekey,
} from './support/account.ts';
import { ManualClock } from './support/clock.ts';
import { startTestGateway } from './support/gateway.ts';
import { bearer } from './support/hostile.ts';
import { frame, RawStream, refusalOf } from './support/raw.ts';

function hasCode(code: GatewayApiErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof GatewayApiError && error.code === code;
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const NEVER = new AbortController().signal;

test('R-GW-1 nothing is skipped or repeated while a backlog is read and more arrives, with little credit', async () => {
  await using running = await startTestGateway();
  const { address } = running.gateway;
  await using bob = await registerReceiver(address);
  const sender = connectGateway({ address, clock: systemClock });
  const total = 400;
  const posting = (async () => {
    for (let i = 0; i < total / 8; i++) {
      await Promise.all(Array.from({ length: 8 }, () => sender.post(testEnvelope(bob.mailbox, 2048), bob.capability)));
    }
  })();
  const sequences: number[] = [];
  // Several connections, each ended in the middle: what was handled and acknowledged stays handled.
  while (sequences.length < total) {
    const ending = new AbortController();
    const stopAt = sequences.length + 37 + Math.floor(Math.random() * 60);
    await bob.device.stream(
      {
        onArrival: async ({ sequence }) => {
          if (sequences.length % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
          sequences.push(sequence);
          if (sequences.length >= Math.min(stopAt, total)) ending.abort();
        },
      },
      { signal: ending.signal, inFlight: 1 + Math.floor(Math.random() * 7) },
    );
  }
  await posting;
  assert.deepEqual(
    sequences.toSorted((a, b) => a - b),
    Array.from({ length: total }, (_, i) => i + 1),
  );
  assert.deepEqual(await bob.device.poll(), { arrivals: [], more: false });
  await sender.close();
});

test('a second stream of a device takes the first one’s place', async () => {
  await using running = await startTestGateway();
  await using bob = await registerReceiver(running.gateway.address);
  const opened = Promise.withResolvers<void>();
  const first = bob.device.stream(
    { onArrival: async () => {}, onOpen: () => opened.resolve() },
    { signal: NEVER, inFlight: 1 },
  );
  await opened.promise;
  const ending = new AbortController();
  const second = bob.device.stream(
    { onArrival: async () => {}, onCaughtUp: () => ending.abort() },
    { signal: ending.signal, inFlight: 1 },
  );
  await assert.rejects(first, hasCode('replaced'));
  await second;
});

test('a revocation ends the device’s stream at once, by name', async () => {
  await using running = await startTestGateway();
  const { address } = running.gateway;
  await using bob = await registerReceiver(address);
  const laptop = addDevice(bob.account);
  const device = connect(address, bob.account, laptop);
  await device.register({ statements: bob.account.chain });
  assert.equal((await bob.device.mailboxes()).length, 2);
  const opened = Promise.withResolvers<void>();
  const stream = device.stream(
    { onArrival: async () => {}, onOpen: () => opened.resolve() },
    { signal: NEVER, inFlight: 1 },
  );
  await opened.promise;
  const ended = assert.rejects(stream, hasCode('revoked'));
  await bob.device.publish([revokeDevice(bob.account, laptop)]);
  await ended;
  await assert.rejects(device.poll(), hasCode('revoked'));
  assert.equal((await bob.device.mailboxes()).length, 1);
  await device.close();
});

test('R-GW-5 low stock is told when the stream opens and when a bundle takes the stock below the mark', async () => {
  await using running = await startTestGateway();
  const { address } = running.gateway;
  await using bob = await registerReceiver(address);
  const stocks: unknown[] = [];
  const told = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const ending = new AbortController();
  const stream = bob.device.stream(
    {
      onArrival: async () => {},
      onLowPrekeys: (stock) => {
        stocks.push(stock);
        told[stocks.length - 1]?.resolve();
      },
    },
    { signal: ending.signal, inFlight: 1 },
  );
  await told[0]?.promise;
  const oneTime = Array.from({ length: 20 }, (_, i) => [
    testPrekey(PrekeyKind.ONE_TIME, i + 1),
    testPrekey(PrekeyKind.ONE_TIME_KEM, i + 1),
  ]).flat();
  await bob.device.uploadPrekeys({ lasting: lastingPrekeys(), oneTime });
  const stranger = connectGateway({ address, clock: systemClock });
  const { account, first } = bob.account;
  await stranger.bundle({ account, device: first.device, admission: bob.capability });
  await told[1]?.promise;
  ending.abort();
  await stream;
  assert.deepEqual(stocks, [
    { oneTime: 0, oneTimeKem: 0 },
    { oneTime: 19, oneTimeKem: 19 },
  ]);
  await stranger.close();
});

test('a device that gives credit but does not read is cut off; what it did not take stays', async () => {
  const clock = new ManualClock(Date.now());
  await using running = await startTestGateway({ overrides: { clock } });
  const { address } = running.gateway;
  await using bob = await registerReceiver(address);
  const { token } = await bob.device.unboundToken();
  const raw = new RawStream(running.gateway, 'DeviceService/Connect', bearer(token));
  await once(raw.stream, 'response');
  raw.stream.pause();
  raw.stream.write(frame(toBinary(ConnectRequestSchema, create(ConnectRequestSchema, { credit: 1000 }))));
  const sender = connectGateway({ address, clock: systemClock });
  for (let i = 0; i < 20; i++) await sender.post(testEnvelope(bob.mailbox, 98_240), bob.capability);
  clock.advance(66_000);
  assert.equal(await raw.end, 'closed with 11', 'ENHANCE_YOUR_CALM');
  assert.equal((await bob.device.poll({ limit: 1 })).arrivals[0]?.sequence, 1);
  raw.close();
  await sender.close();
});

test('acknowledged is said only after the removal, and credit is kept to', async () => {
  await using running = await startTestGateway();
  const { address } = running.gateway;
  await using bob = await registerReceiver(address);
  const { token } = await bob.device.unboundToken();
  const sender = connectGateway({ address, clock: systemClock });
  for (let i = 0; i < 5; i++) await sender.post(testEnvelope(bob.mailbox), bob.capability);
  const raw = new RawStream(running.gateway, 'DeviceService/Connect', bearer(token));
  const responses = () => raw.frames.map((bytes) => fromBinary(ConnectResponseSchema, bytes));
  const send = (init: { credit?: number; acknowledge?: bigint[]; ping?: bigint }) =>
    raw.stream.write(frame(toBinary(ConnectRequestSchema, create(ConnectRequestSchema, init))));
  const delivered = () => responses().flatMap(({ deliveries }) => deliveries.map(({ sequence }) => Number(sequence)));
  send({ credit: 2 });
  await until(() => delivered().length === 2);
  send({ ping: 7n });
  await until(() => responses().some(({ pong }) => pong === 7n));
  assert.deepEqual(delivered(), [1, 2]);
  send({ acknowledge: [1n, 2n] });
  await until(() => responses().some(({ acknowledged }) => acknowledged.length > 0));
  assert.deepEqual(
    (await bob.device.poll()).arrivals.map(({ sequence }) => sequence),
    [3, 4, 5],
  );
  assert.ok(!responses().some(({ caughtUp }) => caughtUp));
  send({ credit: 10 });
  await until(() => responses().some(({ caughtUp }) => caughtUp));
  assert.deepEqual(delivered(), [1, 2, 3, 4, 5]);
  raw.close();
  await sender.close();
});

test('a stop answers what is in flight, names the reason to streams, and what was accepted is there afterwards', async () => {
  const running = await startTestGateway();
  const { address } = running.gateway;
  const bob = await registerReceiver(address);
  const opened = Promise.withResolvers<void>();
  const stream = bob.device.stream(
    { onArrival: async () => {}, onOpen: () => opened.resolve() },
    { signal: NEVER, inFlight: 1 },
  );
  await opened.promise;
  const carol = await registerReceiver(address);
  const sender = connectGateway({ address, clock: systemClock });
  const posts = Array.from({ length: 300 }, () => sender.post(testEnvelope(carol.mailbox), carol.capability));
  await posts[0];
  const closing = running.gateway.close();
  await assert.rejects(stream, hasCode('unavailable'));
  const outcomes = await Promise.allSettled(posts);
  const accepted = outcomes.filter(({ status }) => status === 'fulfilled').length;
  await closing;
  await sender.close();
  await Promise.all([bob.device.close(), carol.device.close()]);
  await using again = await startTestGateway({ folder: running.folder });
  const device = connect(again.gateway.address, carol.account);
  let stored = 0;
  for (let after = 0; ;) {
    const page = await device.poll({ afterSequence: after });
    stored += page.arrivals.length;
    after = page.arrivals.at(-1)?.sequence ?? after;
    if (!page.more) break;
  }
  assert.ok(accepted > 0 && stored >= accepted, `${accepted} accepted, ${stored} stored`);
  assert.equal(again.gateway.address.split('/')[3], address.split('/')[3], 'the same identity');
  await device.close();
});

test('a stream that the gateway closes gets one closing frame and its end', async () => {
  // A clock that stands still: a stop that waited for its grace period would never end.
  const running = await startTestGateway({ overrides: { clock: new ManualClock(Date.now()) } });
  const bob = await registerReceiver(running.gateway.address);
  const { token } = await bob.device.unboundToken();
  await bob.device.close();
  const raw = new RawStream(running.gateway, 'DeviceService/Connect', bearer(token));
  await until(() => raw.frames.length > 0);
  await running[Symbol.asyncDispose]();
  assert.equal(await raw.end, '{}');
  const closings = raw.frames.map((bytes) => fromBinary(ConnectResponseSchema, bytes).closing);
  assert.deepEqual(
    closings.filter((refusal) => refusal !== Refusal.UNSPECIFIED),
    [Refusal.UNAVAILABLE],
  );
});

test('a post stream that has been idle is ended politely', async () => {
  const clock = new ManualClock(Date.now());
  await using running = await startTestGateway({ overrides: { clock } });
  const raw = new RawStream(running.gateway, 'PostService/PostStream');
  await once(raw.stream, 'response');
  clock.advance(299_000);
  assert.equal(raw.stream.closed, false);
  clock.advance(10_000);
  assert.equal(await raw.end, '{}');
  raw.close();
});

test('a stream that cannot begin says why in its last frame', async () => {
  await using running = await startTestGateway();
  const raw = new RawStream(running.gateway, 'DeviceService/Connect');
  assert.equal(refusalOf(await raw.end), Refusal.UNAUTHENTICATED);
  raw.close();
});
