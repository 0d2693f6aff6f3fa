import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectGateway } from '@sotto/gateway-api';
import { Secret } from '@sotto/crypto';
import { systemClock } from '@sotto/transport';
import { idText } from '@sotto/wire';
import { connect, createTestAccount, hashOf, lastingPrekeys, provider, testEnvelope } from './support/account.ts';
import { startTestGateway } from './support/gateway.ts';
import { base64, bearer } from './support/hostile.ts';
import { call } from './support/raw.ts';

/** The ways in which bytes get into logs. */
function writings(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes.subarray(0, 32));
  const forms = [
    buffer.toString('hex'),
    buffer.toString('base64').replace(/=+$/, ''),
    buffer.toString('base64url'),
    idText(buffer),
  ];
  return [...forms, [...buffer].join(','), [...buffer].join(', ')];
}

test('the log, at its most talkative, holds no secret, no id, no name and no address of a caller', async () => {
  const code = 'correct-horse-battery';
  const world = await startTestGateway({
    config: { registration: { kind: 'code' } },
    secrets: { registrationCodes: [Secret.copy(Buffer.from(code))] },
  });
  const { address } = world.gateway;
  const account = createTestAccount();
  const device = connect(address, account);
  const statements = account.chain;
  const secret = provider.random(32);
  const anonymous = connectGateway({ address, clock: systemClock });
  await assert.rejects(device.register({ statements, code: 'wrong-code-here' }));
  const mailbox = await device.register({ statements, code });
  await device.createCapabilities([{ hash: hashOf(secret), mailbox }]);
  await device.uploadPrekeys({ lasting: lastingPrekeys(), oneTime: [] });
  await device.claimName('a-name-nobody-knows');
  const envelope = testEnvelope(mailbox);
  await anonymous.post(envelope, { kind: 'capability', secret });
  const wrong = provider.random(32);
  await assert.rejects(anonymous.post(envelope, { kind: 'capability', secret: wrong }));
  const { token: requestToken } = await anonymous.requestToken(account.account);
  await assert.rejects(anonymous.post(envelope.subarray(1), { kind: 'request-token', token: requestToken }));
  await assert.rejects(anonymous.resolveName('another-name'));
  const { token } = await device.unboundToken();
  await call(world.gateway, 'DeviceService/ListMailboxes', {}, bearer(token));
  await call(world.gateway, 'DeviceService/ListMailboxes', {}, bearer(`${token}x`));
  await call(world.gateway, 'PostService/Post', { envelope: base64(envelope), 'surprising-field': 1 });
  await call(world.gateway, 'PostService/Post', '{"envelope": "not-base64-at-all"');
  const ending = new AbortController();
  await device.stream(
    { onArrival: async () => {}, onCaughtUp: () => ending.abort() },
    { signal: ending.signal, inFlight: 1 },
  );
  // Something goes wrong inside: the log says so, without what was being stored.
  world.store.database.exec('PRAGMA max_page_count = 1');
  const large = testEnvelope(mailbox, 98_240);
  await assert.rejects(anonymous.post(large, { kind: 'capability', secret }));
  await Promise.all([device.close(), anonymous.close()]);
  await world[Symbol.asyncDispose]();

  const log = world.log.join('');
  assert.match(log, /"msg":"the gateway is ready"/);
  assert.match(log, /"msg":"a transaction failed"/);
  assert.ok(world.log.length > 10, 'calls are logged');
  for (const line of world.log) JSON.parse(line);
  const texts = [
    code,
    'wrong-code',
    'a-name-nobody-knows',
    'another-name',
    'surprising',
    'not-base64',
    token,
    token.split('.')[1] ?? '',
    'remoteAddress',
  ];
  const bytes = [
    mailbox,
    secret,
    hashOf(secret),
    wrong,
    account.account,
    account.first.device,
    requestToken,
    envelope,
    large.subarray(60),
    statements[0] ?? new Uint8Array(),
  ];
  for (const text of [...texts, ...bytes.flatMap(writings)])
    assert.ok(!log.includes(text), `the log holds ${text.slice(0, 20)}…`);
  const ownAddress = world.log.filter((line) => line.includes('127.0.0.1'));
  assert.ok(
    ownAddress.every((line) => /listening|ready/.test(line)),
    'only the gateway’s own address',
  );
});
