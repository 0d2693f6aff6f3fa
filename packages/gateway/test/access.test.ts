import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { connect as connectHttp2 } from 'node:http2';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { Secret } from '@sotto/crypto';
import { DEFAULT_RATES } from '@sotto/gateway';
import { connectGateway, GatewayApiError } from '@sotto/gateway-api';
import type { GatewayApiErrorCode } from '@sotto/gateway-api';
import { systemClock } from '@sotto/transport';
import {
  GetChallengeResponseSchema,
  LOGIN_EXPORTER_LABEL,
  ListMailboxesRequestSchema,
  ListMailboxesResponseSchema,
  LoginRequestSchema,
  LoginResponseSchema,
  loginMessage,
  parseGatewayAddress,
  GetChallengeRequestSchema,
  Refusal,
} from '@sotto/wire';
import {
  addDevice,
  connect,
  createTestAccount,
  lastingPrekeys,
  provider,
  registerReceiver,
  testEnvelope,
} from './support/account.ts';
import type { Receiver } from './support/account.ts';
import { ManualClock } from './support/clock.ts';
import { startTestGateway } from './support/gateway.ts';
import type { TestGateway } from './support/gateway.ts';
import { refusalOf } from './support/raw.ts';

function hasCode(code: GatewayApiErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof GatewayApiError && error.code === code;
}

/** An HTTP/2 connection whose exporter a test can read. */
class Connection implements Disposable {
  readonly #session;

  constructor({ gateway }: TestGateway) {
    this.#session = connectHttp2(gateway.url, { ca: readFileSync(gateway.caFile) });
  }

  exporter(): Uint8Array {
    const socket = this.#session.socket as unknown as {
      exportKeyingMaterial(length: number, label: string, context: Buffer): Buffer;
    };
    return socket.exportKeyingMaterial(32, LOGIN_EXPORTER_LABEL, Buffer.alloc(0));
  }

  async call<In extends DescMessage, Out extends DescMessage>(
    method: string,
    input: In,
    request: MessageInitShape<In>,
    output: Out,
    headers: Record<string, string> = {},
  ): Promise<MessageShape<Out> | Refusal | undefined> {
    const path = `/sotto.gateway.v1.${method}`;
    const stream = this.#session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/proto',
      ...headers,
    });
    stream.end(toBinary(input, create(input, request)));
    const status = new Promise<unknown>((resolve) => stream.on('response', (response) => resolve(response[':status'])));
    const parts: Buffer[] = [];
    for await (const part of stream) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    return (await status) === 200 ? fromBinary(output, body) : refusalOf(body.toString('utf8'));
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
  }
}

async function loginOn(connection: Connection, world: TestGateway, bob: Receiver, binding: Uint8Array | null) {
  const challenge = await connection.call(
    'DeviceService/GetChallenge',
    GetChallengeRequestSchema,
    {},
    GetChallengeResponseSchema,
  );
  assert.ok(typeof challenge === 'object');
  const { pin: gatewayIdentity } = parseGatewayAddress(world.gateway.address);
  const { account, first } = bob.account;
  const { device } = first;
  const { nonce } = challenge;
  const message = loginMessage({ gatewayIdentity, channelBinding: binding, device, nonce });
  const signature = provider.sign(first.keys.ed25519, message);
  const proof = { account, device, nonce, signature, channelBound: binding !== null };
  return connection.call('DeviceService/Login', LoginRequestSchema, { proof }, LoginResponseSchema);
}

const listMailboxes = (connection: Connection, token: string) =>
  connection.call('DeviceService/ListMailboxes', ListMailboxesRequestSchema, {}, ListMailboxesResponseSchema, {
    authorization: `Bearer ${token}`,
  });

test('a channel-bound token works on the connection it was made for and on no other', async () => {
  await using world = await startTestGateway();
  await using bob = await registerReceiver(world.gateway.address);
  using own = new Connection(world);
  using other = new Connection(world);
  const challenged = await own.call(
    'DeviceService/GetChallenge',
    GetChallengeRequestSchema,
    {},
    GetChallengeResponseSchema,
  );
  assert.ok(typeof challenged === 'object');
  const login = await loginOn(own, world, bob, own.exporter());
  assert.ok(typeof login === 'object');
  assert.equal(login.lifetimeSeconds, 300);
  assert.ok(typeof (await listMailboxes(own, login.token)) === 'object');
  assert.equal(await listMailboxes(other, login.token), Refusal.UNAUTHENTICATED);
  assert.equal(await loginOn(other, world, bob, own.exporter()), Refusal.UNAUTHENTICATED, 'a relayed proof');
});

test('a token ends after five minutes, and the client renews it by itself', async () => {
  const clock = new ManualClock(Date.now());
  await using world = await startTestGateway({ overrides: { clock } });
  const account = createTestAccount();
  const device = connect(world.gateway.address, account, account.first, clock);
  await device.register({ statements: account.chain });
  const { token } = await device.unboundToken();
  using raw = new Connection(world);
  clock.advance(299_000);
  assert.ok(typeof (await listMailboxes(raw, token)) === 'object');
  clock.advance(1000);
  assert.equal(await listMailboxes(raw, token), Refusal.UNAUTHENTICATED);
  assert.equal((await device.mailboxes()).length, 1);
  clock.advance(3_600_000);
  assert.equal((await device.mailboxes()).length, 1);
  await device.close();
});

test('a client logs in again after the gateway was restarted', async () => {
  const first = await startTestGateway();
  const bob = await registerReceiver(first.gateway.address);
  await bob.device.mailboxes();
  await first.gateway.close();
  const { port } = new URL(first.gateway.url);
  await using again = await startTestGateway({
    folder: first.folder,
    config: { listen: { host: '127.0.0.1', port: Number(port) } },
  });
  assert.equal(again.gateway.address, first.gateway.address);
  assert.deepEqual(
    (await bob.device.mailboxes()).map(({ mailbox }) => Buffer.from(mailbox)),
    [Buffer.from(bob.mailbox)],
  );
  await bob.device.close();
});

test('registration modes: a code where one is asked for, nobody where it is closed, own further devices always', async () => {
  const code = 'correct-horse-battery';
  const folder = await (async () => {
    const world = await startTestGateway({
      config: { registration: { kind: 'code' } },
      secrets: { registrationCodes: [Secret.copy(Buffer.from('another-one')), Secret.copy(Buffer.from(code))] },
    });
    const { address } = world.gateway;
    const account = createTestAccount();
    const device = connect(address, account);
    const statements = account.chain;
    await assert.rejects(device.register({ statements }), hasCode('registration-closed'));
    await assert.rejects(device.register({ statements, code: `${code}x` }), hasCode('registration-closed'));
    const anonymous = connectGateway({ address, clock: systemClock });
    await assert.rejects(anonymous.chain(account.account), hasCode('not-found'));
    assert.equal((await anonymous.info()).registration, 'code');
    const mailbox = await device.register({ statements, code });
    assert.deepEqual(await device.register({ statements, code }), mailbox);
    const laptop = addDevice(account);
    const second = connect(address, account, laptop);
    assert.notDeepEqual(await second.register({ statements: account.chain }), mailbox);
    await Promise.all([device.close(), second.close(), anonymous.close()]);
    await world.gateway.close();
    return world.folder;
  })();
  await using closed = await startTestGateway({ folder, config: { registration: { kind: 'closed' } } });
  const account = createTestAccount();
  const device = connect(closed.gateway.address, account);
  await assert.rejects(device.register({ statements: account.chain, code }), hasCode('registration-closed'));
  await device.close();
});

test('R-GW-5 names: unique, resolved at a limited rate, unknown ones no differently', async () => {
  const clock = new ManualClock(Date.now());
  await using world = await startTestGateway({ config: { rates: DEFAULT_RATES }, overrides: { clock } });
  const { address } = world.gateway;
  await using bob = await registerReceiver(address);
  await using carol = await registerReceiver(address);
  await bob.device.claimName('bob');
  await bob.device.claimName('bob');
  await assert.rejects(carol.device.claimName('bob'), hasCode('conflict'));
  const anonymous = connectGateway({ address, clock: systemClock });
  assert.deepEqual(Buffer.from(await anonymous.resolveName('bob')), Buffer.from(bob.account.account));
  for (let i = 0; i < 29; i++) await assert.rejects(anonymous.resolveName(`nobody${i}`), hasCode('not-found'));
  for (const name of ['bob', 'nobody']) {
    await assert.rejects(
      anonymous.resolveName(name),
      (error) => hasCode('rate-limited')(error) && (error as GatewayApiError).retryAfterMs === 4000,
    );
  }
  clock.advance(4000);
  await anonymous.resolveName('bob');
  await anonymous.close();
});

test('R-GW-5 a stranger: a token, a bundle, one request; then the queue is told apart and limited', async () => {
  await using world = await startTestGateway({
    limits: { mailboxRequests: 2 },
    config: {
      rates: {
        ...DEFAULT_RATES,
        registrations: { burst: 100, perMs: 1 },
        tokensPerTarget: { burst: 4, perMs: 60_000 },
      },
    },
  });
  const { address } = world.gateway;
  await using bob = await registerReceiver(address);
  await bob.device.uploadPrekeys({ lasting: lastingPrekeys(), oneTime: [] });
  const { account, first } = bob.account;
  const stranger = connectGateway({ address, clock: systemClock });
  assert.deepEqual(
    (await stranger.chain(account)).map((bytes) => Buffer.from(bytes)),
    bob.account.chain.map((bytes) => Buffer.from(bytes)),
  );
  const { token } = await stranger.requestToken(account);
  const admission = { kind: 'request-token', token } as const;
  const { mailbox } = await stranger.bundle({ account, device: first.device, admission });
  assert.deepEqual(Buffer.from(mailbox), Buffer.from(bob.mailbox));
  await assert.rejects(stranger.bundle({ account, device: first.device, admission }), hasCode('quota'));
  await stranger.post(testEnvelope(mailbox), admission);
  await assert.rejects(stranger.post(testEnvelope(mailbox), admission), hasCode('quota'));
  const again = async () => ({ kind: 'request-token', token: (await stranger.requestToken(account)).token }) as const;
  await stranger.post(testEnvelope(mailbox), await again());
  await assert.rejects(stranger.post(testEnvelope(mailbox), await again()), hasCode('mailbox-full'));
  await stranger.post(testEnvelope(mailbox), bob.capability);
  assert.deepEqual(
    (await bob.device.poll()).arrivals.map(({ queue }) => queue),
    ['requests', 'requests', 'contacts'],
  );
  const unknown = provider.random(32);
  const { token: useless } = await stranger.requestToken(unknown);
  assert.equal(useless.length, token.length, 'an unknown account gets a token like any other');
  await again();
  await assert.rejects(again(), hasCode('rate-limited'));
  await stranger.close();
});
