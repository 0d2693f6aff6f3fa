import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectGateway, followLogs, GatewayApiError } from '@sotto/gateway-api';
import type { LogRecord } from '@sotto/gateway-api';
import { systemClock as clock } from '@sotto/transport';
import { decodeLogPost } from '@sotto/wire';
import { registerReceiver } from './support/account.ts';
import { startTestGateway } from './support/gateway.ts';
import { createEpoch, randomLog, testPost } from './support/group-log.ts';

const refusedAs = (code: string) => (error: unknown) => error instanceof GatewayApiError && error.code === code;

test('R-GROUP a log is opened by an account, written and read by whoever knows it, and followed', async () => {
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
