import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { create, toBinary, toJson } from '@bufbuild/protobuf';
import { connectGateway, followLogs, GatewayApiError } from '@sotto/gateway-api';
import type { LogRecord } from '@sotto/gateway-api';
import { systemClock as clock } from '@sotto/transport';
import { AppendRequestSchema, AppendResponseSchema, decodeLogPost, LogPostSchema, Refusal } from '@sotto/wire';
import { fromBinary } from '@bufbuild/protobuf';
import { registerReceiver } from './support/account.ts';
import type { Receiver } from './support/account.ts';
import { startTestGateway } from './support/gateway.ts';
import type { TestGateway } from './support/gateway.ts';
import { base64, bearer, HostileWorld } from './support/hostile.ts';
import { call, refusalOf } from './support/raw.ts';
import { createEpoch, randomLog, testPost } from './support/group-log.ts';

const refusedAs = (code: string) => (error: unknown) => error instanceof GatewayApiError && error.code === code;

test('R-GW-1 a log is opened by an account, written and read by whoever knows it, and followed', async () => {
  await using world = await startTestGateway();
  const { address } = world.gateway;
  await using creator = await registerReceiver(address);
  const log = randomLog();
  const first = createEpoch();
  const second = createEpoch();
  await creator.device.createLog(log, first.key);
  await creator.device.createLog(log, first.key);
  await assert.rejects(creator.device.createLog(log, second.key), refusedAs('conflict'));

  const anonymous = connectGateway({ address, clock });
  const seen: LogRecord[] = [];
  let caughtUp = 0;
  const enough = Promise.withResolvers<void>();
  const message = testPost({ log, epoch: first });
  assert.deepEqual(await anonymous.append(message), { position: 1, duplicate: false });
  assert.deepEqual(await anonymous.append(message), { position: 1, duplicate: true });
  const follower = followLogs({
    address,
    clock,
    random: Math.random,
    sink: {
      onRecord: (followed, record) => {
        assert.deepEqual(Buffer.from(followed), Buffer.from(log));
        seen.push(record);
        if (record.position === 3) enough.resolve();
        return Promise.resolve();
      },
      onCaughtUp: () => caughtUp++,
    },
  });
  follower.follow(log, 0);
  const commit = testPost({ log, epoch: first, kind: 'commit', successor: second.key });
  assert.deepEqual(await anonymous.append(commit), { position: 2, duplicate: false });
  assert.deepEqual(await anonymous.append(testPost({ log, epoch: second })), { position: 3, duplicate: false });
  await enough.promise;
  assert.deepEqual(
    seen.map(({ position }) => position),
    [1, 2, 3],
  );
  assert.equal(caughtUp, 1);
  const page = await anonymous.readLog({ log });
  assert.deepEqual(page.extent, { oldest: 1, head: 3 });
  assert.deepEqual(
    page.records.map(({ entry }) => Buffer.from(entry)),
    seen.map(({ entry }) => Buffer.from(entry)),
  );
  assert.deepEqual(page.records[0]?.entry.length, decodeLogPost(message).entry.bytes.length);
  await assert.rejects(anonymous.readLog({ log: randomLog() }), refusedAs('not-found'));
  await follower.close();
  await anonymous.close();
});

const json = (post: Uint8Array) => ({ post: toJson(LogPostSchema, fromBinary(LogPostSchema, post)) });

test('appending and reading with JSON, as curl does it', async (t) => {
  await using world = await startTestGateway();
  await using creator = await registerReceiver(world.gateway.address);
  const { token } = await creator.device.unboundToken();
  const log = randomLog();
  const epoch = createEpoch();
  const opening = { log: base64(log), epochKey: base64(epoch.key) };
  assert.equal((await call(world.gateway, 'DeviceService/CreateLog', opening, bearer(token))).body, '{}');
  const post = testPost({ log, epoch });
  const { body } = await call(world.gateway, 'GroupLogService/Append', json(post));
  assert.deepEqual(JSON.parse(body), { position: '1' });
  const read = await call(world.gateway, 'GroupLogService/ReadLog', { log: base64(log) });
  const page = JSON.parse(read.body) as { records: { entry: string }[]; extent: object };
  assert.equal(page.records[0]?.entry, base64(decodeLogPost(post).entry.bytes));
  assert.deepEqual(page.extent, { oldest: '1', head: '1' });
  const curl = promisify(execFile);
  if ((await curl('curl', ['--version']).catch(() => null)) === null) return t.skip('no curl here');
  const { port } = new URL(world.gateway.url);
  const url = `https://localhost:${port}/sotto.gateway.v1.GroupLogService/Append`;
  const args = ['-sS', '--cacert', world.gateway.caFile, '-H', 'content-type: application/json', url, '-d', '@-'];
  const running = curl('curl', args);
  running.child.stdin?.end(JSON.stringify(json(post)));
  assert.deepEqual(JSON.parse((await running).stdout), { position: '1', duplicate: true });
});

test('every malformed, oversized, unversioned or unauthenticated call on logs is refused by name and changes nothing', async () => {
  await using world = await HostileWorld.open();
  const log = randomLog();
  const epoch = createEpoch();
  await world.bob.device.createLog(log, epoch.key);
  const append = (refusal: Refusal, post: Uint8Array | object) =>
    world.refuses(refusal, 'GroupLogService/Append', post instanceof Uint8Array ? json(post) : post);
  const valid = testPost({ log, epoch });
  const message = fromBinary(LogPostSchema, valid);
  const changed = (entry: Uint8Array) => toBinary(LogPostSchema, create(LogPostSchema, { ...message, entry }));
  const { entry } = message;
  await append(Refusal.MALFORMED, {});
  await append(Refusal.MALFORMED, { post: {} });
  await append(Refusal.MALFORMED, { post: { entry: base64(entry) } });
  await append(Refusal.MALFORMED, { post: { entry: base64(entry), signature: base64(randomBytes(63)) } });
  await append(Refusal.MALFORMED, changed(entry.subarray(0, -1)));
  await append(Refusal.MALFORMED, changed(Buffer.concat([entry, Buffer.of(0)])));
  await append(Refusal.UNSUPPORTED_VERSION, changed(Buffer.concat([Buffer.of(8, 2), entry.subarray(2)])));
  await append(Refusal.TOO_LARGE, testPost({ log, epoch, size: 384 * 1024 - 128 }));
  await append(Refusal.NOT_FOUND, testPost({ log: randomLog(), epoch }));
  await append(Refusal.UNKNOWN_EPOCH, testPost({ log, epoch: createEpoch() }));
  await append(Refusal.SIGNATURE, testPost({ log, epoch, signer: createEpoch() }));
  const large = testPost({ log, epoch, kind: 'commit', size: 4 * 1024 * 1024 - 128 });
  await append(Refusal.TOO_LARGE, large);

  const service = 'GroupLogService/ReadLog';
  await world.refuses(Refusal.MALFORMED, service, { log: base64(randomBytes(31)) });
  await world.refuses(Refusal.NOT_FOUND, service, { log: base64(randomBytes(32)) });
  await world.refuses(Refusal.MALFORMED, service, { log: base64(log), after: '18446744073709551615' });

  const opens = 'DeviceService/CreateLog';
  const opening = { log: base64(randomLog()), epochKey: base64(epoch.key) };
  const bob = bearer(world.bob.token);
  await world.refuses(Refusal.UNAUTHENTICATED, opens, opening);
  await world.refuses(Refusal.MALFORMED, opens, { ...opening, epochKey: base64(randomBytes(31)) }, bob);
  await world.refuses(Refusal.MALFORMED, opens, { ...opening, log: base64(randomBytes(16)) }, bob);
  await world.refuses(Refusal.CONFLICT, opens, { ...opening, log: base64(log) }, bearer(world.carol.token));
  await world.refuses(Refusal.FORBIDDEN, 'GroupLogService/Append', json(valid), bob);
  await world.refuses(Refusal.FORBIDDEN, service, { log: base64(log) }, bob);
});

test('limits are published, and a commit of the largest size goes through as JSON and comes back', async () => {
  await using world = await startTestGateway();
  const { address } = world.gateway;
  await using creator: Receiver = await registerReceiver(address);
  const anonymous = connectGateway({ address, clock });
  const { limits } = await anonymous.info();
  assert.equal(limits.logCommitBytes, 2 ** 20);
  assert.equal(limits.logMessageBytes, 96 * 1024);
  assert.equal(limits.logRetentionSeconds, 30 * 86_400);
  assert.equal(limits.keyPackages, 200);
  const log = randomLog();
  const epoch = createEpoch();
  await creator.device.createLog(log, epoch.key);
  const commit = testPost({ log, epoch, kind: 'commit', size: 2 ** 20 - 128 });
  assert.equal((await call(world.gateway, 'GroupLogService/Append', json(commit))).status, 200);
  const { records } = await anonymous.readLog({ log });
  assert.equal(records[0]?.entry.length, decodeLogPost(commit).entry.bytes.length);
  await anonymous.close();
});

const request = (post: Uint8Array) =>
  toBinary(AppendRequestSchema, create(AppendRequestSchema, { post: fromBinary(LogPostSchema, post) }));

/** A unary call as a client with HTTP/2 and protobuf makes it. */
async function callBinary(world: TestGateway, body: Uint8Array): Promise<{ status: unknown; body: Buffer }> {
  const session = connectHttp2(world.gateway.url, { ca: readFileSync(world.gateway.caFile) });
  const stream = session.request({
    ':method': 'POST',
    ':path': '/sotto.gateway.v1.GroupLogService/Append',
    'content-type': 'application/proto',
  });
  stream.on('error', () => undefined);
  const status = once(stream, 'response').then(([headers]) => (headers as Record<string, unknown>)[':status']);
  stream.end(body);
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(part as Buffer);
  session.destroy();
  return { status: await status, body: Buffer.concat(parts) };
}

test('the short way for appends says the same as the long one, and takes nothing it should not', async () => {
  await using world = await startTestGateway();
  await using creator = await registerReceiver(world.gateway.address);
  const log = randomLog();
  const epoch = createEpoch();
  await creator.device.createLog(log, epoch.key);
  const valid = request(testPost({ log, epoch }));
  const taken = await callBinary(world, valid);
  assert.equal(taken.status, 200);
  assert.deepEqual(fromBinary(AppendResponseSchema, taken.body).position, 1n);
  const cases: [Refusal, Uint8Array][] = [
    [Refusal.MALFORMED, new Uint8Array()],
    [Refusal.MALFORMED, valid.subarray(0, -1)],
    [Refusal.MALFORMED, randomBytes(100)],
    [Refusal.SIGNATURE, request(testPost({ log, epoch, signer: createEpoch() }))],
    [Refusal.UNKNOWN_EPOCH, request(testPost({ log, epoch: createEpoch() }))],
    [Refusal.NOT_FOUND, request(testPost({ log: randomLog(), epoch }))],
    [Refusal.TOO_LARGE, request(testPost({ log, epoch, size: 384 * 1024 - 128 }))],
    [Refusal.TOO_LARGE, randomBytes(2 * 1024 * 1024)],
  ];
  for (const [refusal, body] of cases) {
    const short = await callBinary(world, body);
    assert.equal(refusalOf(short.body.toString('utf8')), refusal);
    if (body.length > 2 ** 20) continue;
    const long = await call(world.gateway, 'GroupLogService/Append', body);
    assert.equal(long.refusal, refusal);
    // To Connect a body that does not parse is a fault of its own, 500.
    if (long.status === 500) continue;
    assert.equal(short.status, long.status);
    assert.deepEqual(JSON.parse(short.body.toString('utf8')), JSON.parse(long.body));
  }
  assert.equal((await callBinary(world, valid)).status, 200, 'it goes on');
});
