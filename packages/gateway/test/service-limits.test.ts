import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { test } from 'node:test';
import { connectGateway, GatewayApiError } from '@sotto/gateway-api';
import { systemClock } from '@sotto/transport';
import { registerReceiver, testEnvelope } from './support/account.ts';
import { ManualClock } from './support/clock.ts';
import { startTestGateway } from './support/gateway.ts';
import type { TestGateway } from './support/gateway.ts';
import { Proxy } from './support/proxy.ts';

function openTls({ gateway }: TestGateway): TLSSocket {
  const port = Number(new URL(gateway.url).port);
  const socket = connectTls({ host: '127.0.0.1', port, ca: readFileSync(gateway.caFile), ALPNProtocols: ['h2'] });
  socket.on('error', () => undefined);
  return socket;
}

async function isRefused(socket: TLSSocket): Promise<boolean> {
  return Promise.race([once(socket, 'secureConnect').then(() => false), once(socket, 'close').then(() => true)]).catch(
    () => true,
  );
}

test('R-GW-5 one address has so many connections, and another one when one of them ends', async () => {
  await using world = await startTestGateway({ limits: { connectionsPerAddress: 3 } });
  const sockets = [openTls(world), openTls(world), openTls(world)];
  for (const socket of sockets) assert.equal(await isRefused(socket), false);
  assert.equal(await isRefused(openTls(world)), true);
  sockets[0]?.destroy();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(await isRefused(openTls(world)), false);
  for (const socket of sockets) socket.destroy();
});

test('a connection that does nothing is closed, one with a stream is not', async () => {
  const clock = new ManualClock(Date.now());
  await using world = await startTestGateway({ overrides: { clock } });
  await using bob = await registerReceiver(world.gateway.address);
  const opened = Promise.withResolvers<void>();
  const ending = new AbortController();
  const stream = bob.device.stream(
    { onArrival: async () => {}, onOpen: () => opened.resolve() },
    { signal: ending.signal, inFlight: 1 },
  );
  await opened.promise;
  const idle = connectHttp2(world.gateway.url, { ca: readFileSync(world.gateway.caFile) });
  await once(idle, 'remoteSettings');
  const closed = once(idle, 'close');
  clock.advance(90_000);
  await closed;
  assert.equal(await Promise.race([stream, Promise.resolve('open')]), 'open');
  ending.abort();
  await stream;
});

test('a request that never ends is cut off', async () => {
  const clock = new ManualClock(Date.now());
  await using world = await startTestGateway({ overrides: { clock } });
  const session = connectHttp2(world.gateway.url, { ca: readFileSync(world.gateway.caFile) });
  const stream = session.request({
    ':method': 'POST',
    ':path': '/sotto.gateway.v1.PostService/Post',
    'content-type': 'application/json',
  });
  stream.on('error', () => undefined);
  stream.write('{"envelope":"');
  await new Promise((resolve) => setTimeout(resolve, 100));
  clock.advance(30_000);
  await new Promise((resolve) => stream.once('close', resolve));
  assert.equal(stream.rstCode, 0xb);
  session.destroy();
});

test('a connection that keeps trying capabilities is closed', async () => {
  await using world = await startTestGateway();
  const { address } = world.gateway;
  await using bob = await registerReceiver(address);
  await using proxy = await Proxy.start(address);
  const sender = connectGateway({ address: proxy.addressOf(address), clock: systemClock });
  const wrong = { kind: 'capability', secret: new Uint8Array(32) } as const;
  const attempt = () => assert.rejects(sender.post(testEnvelope(bob.mailbox), wrong), GatewayApiError);
  await Promise.all(Array.from({ length: 90 }, attempt));
  assert.equal(proxy.accepted, 1);
  await Promise.all(Array.from({ length: 90 }, attempt));
  assert.equal(proxy.accepted, 2, 'the client had to connect again');
  await sender.close();
});

test('with too much in memory the gateway says so, to calls, to its operator, and in its readiness', async () => {
  const clock = new ManualClock(Date.now());
  await using world = await startTestGateway({ limits: { memoryBytes: 1 }, overrides: { clock } });
  const gateway = connectGateway({ address: world.gateway.address, clock: systemClock });
  await gateway.info();
  const session = connectHttp2(world.gateway.url, { ca: readFileSync(world.gateway.caFile) });
  await once(session, 'remoteSettings');
  clock.advance(250);
  await assert.rejects(
    gateway.info(),
    (error) => error instanceof GatewayApiError && error.code === 'unavailable' && error.retryAfterMs === 1000,
  );
  const ready = session.request({ ':path': '/readyz' });
  const [headers] = (await once(ready, 'response')) as [Record<string, unknown>];
  assert.equal(headers[':status'], 503);
  assert.equal(await isRefused(openTls(world)), true);
  session.destroy();
  await gateway.close();
});
