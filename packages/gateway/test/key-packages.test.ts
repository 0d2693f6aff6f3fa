import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { connectGateway, GatewayApiError } from '@sotto/gateway-api';
import type { GatewayApiErrorCode, KeyPackage, KeyPackageOrder } from '@sotto/gateway-api';
import { systemClock as clock } from '@sotto/transport';
import { MAX_KEY_PACKAGE_BYTES } from '@sotto/wire';
import { addDevice, connect, registerReceiver, revokeDevice } from './support/account.ts';
import { ManualClock } from './support/clock.ts';
import { startTestGateway } from './support/gateway.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const refusedAs = (code: GatewayApiErrorCode) => (error: unknown) =>
  error instanceof GatewayApiError && error.code === code;

const TOMORROW = Math.floor(Date.now() / 1000) + 86_400;
const order = (id: number, expiresAt = TOMORROW): KeyPackageOrder => ({ id, expiresAt, keyPackage: randomBytes(300) });
const orders = (from: number, count: number, expiresAt?: number) =>
  Array.from({ length: count }, (_, i) => order(from + i, expiresAt));

test('R-GW-1 one-time key packages are handed out exactly once, also to many at once; then the last-resort one', async () => {
  await using world = await startTestGateway();
  const { address } = world.gateway;
  await using bob = await registerReceiver(address);
  const { account, first } = bob.account;
  const oneTime = orders(1, 40);
  const lastResort = order(7);
  const stock = await bob.device.uploadKeyPackages({ oneTime, lastResort });
  assert.deepEqual(stock, { oneTime: 40, lastResort: true, highest: 40 });
  const senders = Array.from({ length: 4 }, () => connectGateway({ address, clock }));
  const request = { account, device: first.device, admission: bob.capability };
  const all: KeyPackage[] = (
    await Promise.all(senders.flatMap((sender) => Array.from({ length: 12 }, () => sender.keyPackage(request))))
  ).flat();
  const once = all.filter((taken) => !taken.lastResort).map(({ keyPackage }) => hex(keyPackage));
  assert.deepEqual(once.toSorted(), oneTime.map(({ keyPackage }) => hex(keyPackage)).toSorted());
  const rest = all.filter((taken) => taken.lastResort);
  assert.deepEqual(new Set(rest.map(({ keyPackage }) => hex(keyPackage))), new Set([hex(lastResort.keyPackage)]));
  assert.equal(rest.length, 8);

  // A repeated upload brings back none; new ids do count.
  assert.equal((await bob.device.uploadKeyPackages({ oneTime })).oneTime, 0);
  const fresh = await bob.device.uploadKeyPackages({ oneTime: [...orders(39, 2), order(41)] });
  assert.deepEqual(fresh, { oneTime: 1, lastResort: true, highest: 41 });
  assert.deepEqual(await bob.device.keyPackageStock(), fresh);
  // A device that was set back starts anew.
  const anew = await bob.device.uploadKeyPackages({ oneTime: orders(42, 2), replace: true });
  assert.deepEqual(anew, { oneTime: 2, lastResort: false, highest: 43 });
  await Promise.all(senders.map((sender) => sender.close()));
});

test('R-GW-5 nobody drains the stock of a device: after fifty a day one contact gets the last-resort key package', async () => {
  await using world = await startTestGateway();
  const { address } = world.gateway;
  await using bob = await registerReceiver(address);
  const { account, first } = bob.account;
  await bob.device.uploadKeyPackages({ oneTime: orders(1, 60) });
  const sender = connectGateway({ address, clock });
  const request = { account, device: first.device, admission: bob.capability };
  for (let i = 0; i < 50; i++) assert.equal((await sender.keyPackage(request)).lastResort, false);
  await assert.rejects(sender.keyPackage(request), refusedAs('quota'));
  await bob.device.uploadKeyPackages({ oneTime: [], lastResort: order(1) });
  for (let i = 0; i < 20; i++) assert.equal((await sender.keyPackage(request)).lastResort, true);
  assert.equal((await bob.device.keyPackageStock()).oneTime, 10);
  await sender.close();
});

test('admissions open key packages as they open bundles', async () => {
  await using world = await startTestGateway();
  const { address } = world.gateway;
  await using bob = await registerReceiver(address);
  await using carol = await registerReceiver(address);
  const { account, first } = bob.account;
  const sender = connectGateway({ address, clock });
  const device = first.device;
  await assert.rejects(sender.keyPackage({ account, device, admission: bob.capability }), refusedAs('not-found'));
  await bob.device.uploadKeyPackages({ oneTime: orders(1, 3), lastResort: order(1) });
  await assert.rejects(sender.keyPackage({ account, device, admission: carol.capability }), refusedAs('capability'));
  const { token } = await sender.requestToken(account);
  const admission = { kind: 'request-token', token } as const;
  assert.equal((await sender.keyPackage({ account, device, admission })).lastResort, false);
  await assert.rejects(sender.keyPackage({ account, device, admission }), refusedAs('quota'));
  const foreign = { kind: 'request-token', token: (await sender.requestToken(carol.account.account)).token } as const;
  await assert.rejects(sender.keyPackage({ account, device, admission: foreign }), refusedAs('unauthenticated'));
  const forged = { kind: 'request-token', token: randomBytes(80) } as const;
  await assert.rejects(sender.keyPackage({ account, device, admission: forged }), refusedAs('unauthenticated'));

  const second = addDevice(bob.account);
  await bob.device.publish(bob.account.chain.slice(-1));
  const other = connect(address, bob.account, second);
  await other.register({ statements: bob.account.chain });
  await other.uploadKeyPackages({ oneTime: orders(1, 1) });
  await bob.device.publish([revokeDevice(bob.account, second)]);
  const open = { kind: 'request-token', token: (await sender.requestToken(account)).token } as const;
  await assert.rejects(sender.keyPackage({ account, device: second.device, admission: open }), refusedAs('revoked'));
  await Promise.all([sender.close(), other.close()]);
});

test('key packages that are too many, too large, empty, expired, or twice the same id are refused and change nothing', async () => {
  await using world = await startTestGateway();
  await using bob = await registerReceiver(world.gateway.address);
  const { device } = bob;
  await device.uploadKeyPackages({ oneTime: orders(1, 150) });
  const before = await device.keyPackageStock();
  const large = { id: 500, expiresAt: TOMORROW, keyPackage: randomBytes(MAX_KEY_PACKAGE_BYTES + 1) };
  await assert.rejects(device.uploadKeyPackages({ oneTime: orders(151, 51) }), refusedAs('too-large'));
  await assert.rejects(device.uploadKeyPackages({ oneTime: orders(151, 201) }), refusedAs('too-large'));
  await assert.rejects(device.uploadKeyPackages({ oneTime: [large] }), refusedAs('too-large'));
  await assert.rejects(
    device.uploadKeyPackages({ oneTime: [{ ...large, keyPackage: new Uint8Array() }] }),
    refusedAs('malformed'),
  );
  await assert.rejects(device.uploadKeyPackages({ oneTime: [order(0)] }), refusedAs('malformed'));
  await assert.rejects(device.uploadKeyPackages({ oneTime: [order(300), order(300)] }), refusedAs('malformed'));
  await assert.rejects(device.uploadKeyPackages({ oneTime: [order(300, 5)] }), refusedAs('expired'));
  assert.deepEqual(await device.keyPackageStock(), before);
  assert.deepEqual(before, { oneTime: 150, lastResort: false, highest: 150 });
});

test('expired key packages are neither counted nor handed out, and are swept', async () => {
  const manual = new ManualClock();
  await using world = await startTestGateway({ overrides: { clock: manual } });
  const { address } = world.gateway;
  await using bob = await registerReceiver(address);
  const { account, first } = bob.account;
  const now = Math.floor(manual.now() / 1000);
  await bob.device.uploadKeyPackages({ oneTime: [...orders(1, 2, now + 60), ...orders(3, 1, now + 600)] });
  manual.advance(61_000);
  assert.equal((await bob.device.keyPackageStock()).oneTime, 1);
  const sender = connectGateway({ address, clock });
  const request = { account, device: first.device, admission: bob.capability };
  assert.equal((await sender.keyPackage(request)).lastResort, false);
  await assert.rejects(sender.keyPackage(request), refusedAs('not-found'));
  await world.store.sweep();
  assert.equal(world.store.database.prepare('SELECT COUNT(*) AS n FROM key_packages').get()?.['n'], 0);
  assert.equal((await bob.device.keyPackageStock()).highest, 3, 'and their ids never come back');
  await sender.close();
});
