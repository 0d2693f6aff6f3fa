import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { connectGateway, followLogs } from '@sotto/gateway-api';
import type { LogExtent, LogSink } from '@sotto/gateway-api';
import { systemClock as clock } from '@sotto/transport';
import { FollowRequestSchema, FollowResponseSchema, GroupLogService, Refusal } from '@sotto/wire';
import type { FollowRequest, LogId } from '@sotto/wire';
import { ManualClock } from './support/clock.ts';
import { startTestGateway } from './support/gateway.ts';
import type { TestGateway } from './support/gateway.ts';
import { createEpoch, parsedPost, randomLog, testPost } from './support/group-log.ts';
import type { TestEpoch } from './support/group-log.ts';
import { Proxy } from './support/proxy.ts';
import { frame, RawStream, refusalOf } from './support/raw.ts';
import { addStoredDevice } from './support/store.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function createLogs(world: TestGateway, count: number): Promise<{ log: LogId; epoch: TestEpoch }[]> {
  const epoch = createEpoch();
  const logs = Array.from({ length: count }, () => ({ log: randomLog(), epoch }));
  const owner = await addStoredDevice(world.store);
  await Promise.all(logs.map(({ log }) => world.store.groupLogs.create(owner.account, log, epoch.key)));
  return logs;
}

function follow(address: string, sink: LogSink, inFlight = 16, own: typeof clock = clock) {
  return followLogs({ address, clock: own, random: () => 0.01, sink, inFlight });
}

test('R-GW-1 following under broken connections, a failing sink and little credit loses nothing and doubles nothing', async () => {
  await using world = await startTestGateway({ limits: { logEntriesPerMinute: 100_000 } });
  await using proxy = await Proxy.start(world.gateway.address);
  const logs = await createLogs(world, 5);
  const total = 60;
  const taken = new Map<string, number[]>(logs.map(({ log }) => [hex(log), []]));
  let calls = 0;
  const busy = new Set<string>();
  const follower = follow(
    proxy.addressOf(world.gateway.address),
    {
      onRecord: async (log, { position, entry }) => {
        const name = hex(log);
        assert.ok(!busy.has(name), 'one at a time for each log');
        assert.ok(entry.length > 500);
        busy.add(name);
        calls++;
        if (calls % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
        busy.delete(name);
        if (calls % 29 === 0) throw new Error('the sink is not well');
        taken.get(name)?.push(position);
      },
    },
    3,
  );
  for (const { log } of logs.slice(0, 4)) follower.follow(log, 0);
  const anonymous = connectGateway({ address: world.gateway.address, clock });
  const writing = logs.map(async (each) => {
    for (let i = 0; i < total; i++) {
      await anonymous.append(testPost(each));
      if (i === 45 && each === logs[4]) follower.follow(each.log, 30);
    }
  });
  const done = () => [...taken.values()].every((positions) => positions.at(-1) === total);
  const cutting = (async () => {
    for (let i = 0; i < 8 && !done(); i++) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      proxy.cut();
    }
  })();
  await Promise.all([...writing, cutting, until(done)]);
  for (const [i, { log }] of logs.entries()) {
    const first = i === 4 ? 31 : 1;
    const expected = Array.from({ length: total - first + 1 }, (_, n) => n + first);
    assert.deepEqual(taken.get(hex(log)), expected);
  }
  assert.ok(proxy.accepted > 5, 'connections broke');
  await follower.close();
  await anonymous.close();
});

test('entries that have expired are told as a gap; unknown logs are refused alone; a log can be begun again', async () => {
  const manual = new ManualClock();
  await using world = await startTestGateway({ limits: { logRetentionSeconds: 1000 }, overrides: { clock: manual } });
  const [one, two] = await createLogs(world, 2);
  const append = (epoch: typeof one) => world.store.groupLogs.append(parsedPost(epoch!), 'here');
  for (let i = 0; i < 3; i++) await append(one);
  manual.advance(1000_000);
  await append(one);
  await world.store.sweep();
  const gaps: LogExtent[] = [];
  const taken: number[] = [];
  const caughtUp: string[] = [];
  const refused: [string, string][] = [];
  const follower = follow(
    world.gateway.address,
    {
      onRecord: (_, { position }) => Promise.resolve(void taken.push(position)),
      onCaughtUp: (log) => void caughtUp.push(hex(log)),
      onGap: (_, extent) => void gaps.push(extent),
      onRefused: (log, code) => void refused.push([hex(log), code]),
    },
    16,
  );
  const unknown = randomLog();
  follower.follow(unknown, 0);
  follower.follow(one!.log, 1);
  follower.follow(two!.log, 0);
  await until(() => caughtUp.length === 2 && refused.length === 1);
  assert.deepEqual(refused, [[hex(unknown), 'not-found']]);
  assert.deepEqual(gaps, [{ oldest: 4, head: 4 }]);
  assert.deepEqual(taken, [4]);
  await append(one);
  await until(() => taken.length === 2);
  follower.follow(one!.log, 3);
  await until(() => taken.length === 4);
  assert.deepEqual(taken, [4, 5, 4, 5]);
  follower.unfollow(one!.log);
  await append(one);
  await append(two);
  await until(() => taken.length === 5);
  assert.equal(taken.at(-1), 1, 'of the other log');
  await follower.close();
});

test('a cursor beyond the head (a log that was set back) is told, and what comes then is read', async () => {
  await using world = await startTestGateway();
  const [one] = await createLogs(world, 1);
  const gaps: LogExtent[] = [];
  const taken: number[] = [];
  const follower = follow(world.gateway.address, {
    onRecord: (_, { position }) => Promise.resolve(void taken.push(position)),
    onGap: (_, extent) => void gaps.push(extent),
  });
  follower.follow(one!.log, 7);
  await until(() => gaps.length === 1);
  assert.deepEqual(gaps, [{ oldest: 1, head: 0 }]);
  await world.store.groupLogs.append(parsedPost(one!), 'here');
  await until(() => taken.length === 1);
  assert.deepEqual(taken, [1]);
  await follower.close();
});

test('a stop is announced, and following goes on at the gateway that comes back', async () => {
  const world = await startTestGateway();
  const port = Number(new URL(world.gateway.url).port);
  const [one] = await createLogs(world, 1);
  const taken: number[] = [];
  const states: string[] = [];
  const sink = {
    onRecord: (_: Uint8Array, { position }: { position: number }) => Promise.resolve(void taken.push(position)),
  };
  const follower = follow(world.gateway.address, sink);
  follower.onState(({ kind }) => states.push(kind));
  follower.follow(one!.log, 0);
  await world.store.groupLogs.append(parsedPost(one!), 'here');
  await until(() => taken.length === 1);
  await world.gateway.close();
  assert.equal(follower.state.kind === 'online', false);
  await using again = await startTestGateway({
    folder: world.folder,
    config: { listen: { host: '127.0.0.1', port } },
  });
  await again.store.groupLogs.append(parsedPost(one!), 'here');
  await until(() => taken.length === 2);
  assert.deepEqual(taken, [1, 2]);
  assert.ok(states.includes('online') && states.includes('offline'));
  await follower.close();
});

const gc = (() => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

test('10,000 followed logs cost a bounded amount of memory, and each still delivers; one more is refused by name', async () => {
  const count = 10_000;
  await using world = await startTestGateway({ limits: { logsPerAccount: count + 1 } });
  const logs = await createLogs(world, count + 1);
  const refused: [string, string][] = [];
  let caughtUp = 0;
  let taken = 0;
  const follower = follow(world.gateway.address, {
    onRecord: () => Promise.resolve(void taken++),
    onCaughtUp: () => caughtUp++,
    onRefused: (log, code) => void refused.push([hex(log), code]),
  });
  gc();
  const before = process.memoryUsage();
  for (const { log } of logs) follower.follow(log, 0);
  await until(() => caughtUp === count && refused.length === 1);
  assert.deepEqual(refused, [[hex(logs.at(-1)!.log), 'quota']]);
  gc();
  const after = process.memoryUsage();
  const grown = after.heapUsed + after.external - before.heapUsed - before.external;
  assert.ok(grown / count < 3000, `both sides together: ${Math.round(grown / count)} bytes a log`);
  for (let i = 0; i < count; i += 500) await world.store.groupLogs.append(parsedPost(logs[i]!), 'here');
  await until(() => taken === count / 500);
  await follower.close();
});

/** A frame of a follower that a test writes itself. */
const request = (change: Parameters<typeof create<typeof FollowRequestSchema>>[1]) =>
  frame(toBinary(FollowRequestSchema, create(FollowRequestSchema, change)));
const batchesOf = (stream: RawStream) =>
  stream.frames.flatMap((bytes) => fromBinary(FollowResponseSchema, bytes).batches);

test('nothing is sent without credit, and what is appended meanwhile waits on disk, not in memory', async () => {
  await using world = await startTestGateway();
  const [one] = await createLogs(world, 1);
  const { groupLogs } = world.store;
  await groupLogs.append(parsedPost(one!), 'here');
  const stream = new RawStream(world.gateway, 'GroupLogService/Follow');
  stream.stream.write(request({ follow: [{ log: one!.log, after: 0n }] }));
  await until(() => batchesOf(stream).length === 1);
  assert.deepEqual(batchesOf(stream)[0]?.extent?.head, 1n);
  assert.deepEqual(batchesOf(stream)[0]?.records, []);
  assert.equal(batchesOf(stream)[0]?.caughtUp, false);
  for (let i = 0; i < 30; i++) await groupLogs.append(parsedPost({ ...one!, size: 24_576 }), 'here');
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(batchesOf(stream).length, 1);
  stream.stream.write(request({ credit: 5 }));
  const positions = () => batchesOf(stream).flatMap(({ records }) => records.map(({ position }) => Number(position)));
  await until(() => positions().length === 5);
  stream.stream.write(request({ credit: 100 }));
  await until(() => positions().length === 31);
  assert.deepEqual(
    positions(),
    Array.from({ length: 31 }, (_, i) => i + 1),
  );
  assert.equal(batchesOf(stream).filter(({ caughtUp }) => caughtUp).length, 1);
  stream.close();
});

test('a follower that does not read what it asked for is cut off as a slow consumer', async () => {
  const manual = new ManualClock();
  await using world = await startTestGateway({ overrides: { clock: manual } });
  const [one] = await createLogs(world, 1);
  for (let i = 0; i < 40; i++) await world.store.groupLogs.append(parsedPost({ ...one!, size: 24_576 }), 'here');
  const stream = new RawStream(world.gateway, 'GroupLogService/Follow');
  stream.stream.pause();
  stream.stream.write(request({ follow: [{ log: one!.log, after: 0n }], credit: 1000 }));
  await new Promise((resolve) => setTimeout(resolve, 300));
  manual.advance(70_000);
  manual.advance(10_000);
  stream.stream.on('close', () => undefined);
  assert.equal(await stream.end, 'closed with 11', 'ENHANCE_YOUR_CALM: slow-consumer');
  stream.close();
});

test('hostile followers: frames with too many logs, ids that are none, positions beyond all', async () => {
  await using world = await startTestGateway();
  const cases = [
    { follow: Array.from({ length: 513 }, () => ({ log: randomLog(), after: 0n })) },
    { follow: [{ log: new Uint8Array(31), after: 0n }] },
    { unfollow: [new Uint8Array(0)] },
    { follow: [{ log: randomLog(), after: 2n ** 60n }] },
  ];
  for (const change of cases) {
    const stream = new RawStream(world.gateway, 'GroupLogService/Follow');
    stream.stream.write(request(change));
    assert.equal(refusalOf(await stream.end), Refusal.MALFORMED);
    stream.close();
  }
});

test('following over gRPC, gRPC-web and JSON is the same', async () => {
  await using world = await startTestGateway();
  const [one] = await createLogs(world, 1);
  await world.store.groupLogs.append(parsedPost(one!), 'here');
  const { url: baseUrl, caFile } = world.gateway;
  const options = { baseUrl, httpVersion: '2' as const, nodeOptions: { ca: readFileSync(caFile) } };
  const transports = [
    createGrpcTransport(options),
    createGrpcWebTransport(options),
    createConnectTransport({ ...options, useBinaryFormat: false }),
    createConnectTransport({ ...options, defaultTimeoutMs: 20_000 }),
  ];
  for (const transport of transports) {
    const ending = new AbortController();
    async function* requests(): AsyncGenerator<FollowRequest> {
      yield create(FollowRequestSchema, { follow: [{ log: one!.log, after: 0n }], credit: 4, ping: 7n });
      await new Promise((resolve) => ending.signal.addEventListener('abort', resolve));
    }
    const positions: bigint[] = [];
    let pong = 0n;
    for await (const { batches, pong: answer } of createClient(GroupLogService, transport).follow(requests())) {
      pong = pong === 0n ? answer : pong;
      for (const { records } of batches) positions.push(...records.map(({ position }) => position));
      if (positions.length > 0) ending.abort();
    }
    assert.deepEqual([positions, pong], [[1n], 7n]);
  }
});
