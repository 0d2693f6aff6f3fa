import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { PrekeyKind, Refusal } from '@sotto/wire';
import type { PrekeyRecord } from '../src/ports/types.ts';
import { Refused } from '../src/refused.ts';
import { ManualClock } from './support/clock.ts';
import { addStoredDevice, dump, openTestStore } from './support/store.ts';
import type { StoredDevice, TestStore } from './support/store.ts';

const DAY_SECONDS = 86_400;

function prekeys(clock: ManualClock, kind: PrekeyKind, first: number, count: number, days = 30): PrekeyRecord[] {
  const expiresAt = Math.floor(clock.now() / 1000) + days * DAY_SECONDS;
  return Array.from({ length: count }, (_, i) => ({ kind, id: first + i, expiresAt, bytes: randomBytes(40) }));
}

function lasting(clock: ManualClock): PrekeyRecord[] {
  const kinds = [PrekeyKind.SIGNED, PrekeyKind.LAST_RESORT_KEM, PrekeyKind.SEALING];
  return kinds.flatMap((kind) => prekeys(clock, kind, 1, 1));
}

function take({ store }: TestStore, device: StoredDevice) {
  return store.directory.takeBundle(device.account, device.ref.device, { kind: 'capability', hash: device.capability });
}

function isRefused(refusal: Refusal): (error: unknown) => boolean {
  return (error) => error instanceof Refused && error.refusal === refusal;
}

test('R-GW-1 one-time prekeys are handed out exactly once, however many ask at once; then the lasting ones go alone', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock);
  const device = await addStoredDevice(store.store);
  const oneTime = [...prekeys(clock, PrekeyKind.ONE_TIME, 1, 20), ...prekeys(clock, PrekeyKind.ONE_TIME_KEM, 1, 15)];
  await store.store.directory.uploadPrekeys(device.ref, lasting(clock), oneTime);
  const bundles = await Promise.all(Array.from({ length: 30 }, () => take(store, device)));
  const handedOut = bundles
    .flatMap(({ prekeys: keys }) => keys.slice(3))
    .map((bytes) => Buffer.from(bytes).toString('hex'));
  assert.equal(handedOut.length, 35);
  assert.equal(new Set(handedOut).size, 35);
  assert.deepEqual(
    bundles.map(({ prekeys: keys }) => keys.length),
    [
      ...Array.from({ length: 15 }, () => 5),
      ...Array.from({ length: 5 }, () => 4),
      ...Array.from({ length: 10 }, () => 3),
    ],
  );
});

test('a device that was set back replaces its one-time prekeys: those of before are not handed out any more', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock);
  const device = await addStoredDevice(store.store);
  const { directory } = store.store;
  await directory.uploadPrekeys(device.ref, lasting(clock), prekeys(clock, PrekeyKind.ONE_TIME, 1, 100));
  const fresh = prekeys(clock, PrekeyKind.ONE_TIME, 501, 2);
  const stock = await directory.uploadPrekeys(device.ref, [], fresh, true);
  assert.deepEqual(stock, { oneTime: 2, oneTimeKem: 0 });
  const { prekeys: bundle } = await take(store, device);
  assert.deepEqual(Buffer.from(bundle[3]!), Buffer.from(fresh[0]!.bytes));
});

test('a repeated upload brings back no key that was handed out', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock);
  const device = await addStoredDevice(store.store);
  const oneTime = prekeys(clock, PrekeyKind.ONE_TIME, 1, 3);
  await store.store.directory.uploadPrekeys(device.ref, lasting(clock), oneTime);
  await take(store, device);
  const stock = await store.store.directory.uploadPrekeys(device.ref, [], oneTime);
  assert.deepEqual(stock, { oneTime: 2, oneTimeKem: 0 });
  const refilled = await store.store.directory.uploadPrekeys(device.ref, [], prekeys(clock, PrekeyKind.ONE_TIME, 4, 2));
  assert.deepEqual(refilled, { oneTime: 4, oneTimeKem: 0 });
});

test('expired one-time prekeys are neither counted nor handed out; too many are refused as a whole', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock);
  const device = await addStoredDevice(store.store);
  await store.store.directory.uploadPrekeys(device.ref, lasting(clock), [
    ...prekeys(clock, PrekeyKind.ONE_TIME, 1, 2, 1),
    ...prekeys(clock, PrekeyKind.ONE_TIME, 3, 1, 3),
  ]);
  clock.advance(2 * DAY_SECONDS * 1000);
  assert.deepEqual(await store.store.directory.prekeyStock(device.ref), { oneTime: 1, oneTimeKem: 0 });
  assert.equal((await take(store, device)).prekeys.length, 4);
  assert.equal((await take(store, device)).prekeys.length, 3);
  const before = dump(store.store.database);
  const many = prekeys(clock, PrekeyKind.ONE_TIME, 10, 201);
  await assert.rejects(store.store.directory.uploadPrekeys(device.ref, [], many), isRefused(Refusal.TOO_LARGE));
  assert.deepEqual(dump(store.store.database), before);
});

test('R-GW-5 bundles are limited for each capability and day, and low stock is told to the device', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock);
  const device = await addStoredDevice(store.store);
  const low: unknown[] = [];
  store.store.mailboxes.listen(device.ref, {
    stored: () => undefined,
    prekeysLow: (stock) => low.push(stock),
    closing: () => undefined,
  });
  await store.store.directory.uploadPrekeys(device.ref, lasting(clock), [
    ...prekeys(clock, PrekeyKind.ONE_TIME, 1, 21),
    ...prekeys(clock, PrekeyKind.ONE_TIME_KEM, 1, 60),
  ]);
  await take(store, device);
  assert.deepEqual(low, []);
  await take(store, device);
  assert.deepEqual(low, [{ oneTime: 19, oneTimeKem: 58 }]);
  for (let i = 2; i < 50; i++) await take(store, device);
  await assert.rejects(take(store, device), isRefused(Refusal.QUOTA));
  clock.advance(DAY_SECONDS * 1000);
  await take(store, device);
});

test('a bundle needs a capability for that very device', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock);
  const [one, other] = [await addStoredDevice(store.store), await addStoredDevice(store.store)];
  await store.store.directory.uploadPrekeys(one.ref, lasting(clock), prekeys(clock, PrekeyKind.ONE_TIME, 1, 2));
  const before = dump(store.store.database);
  for (const hash of [other.capability, randomBytes(32)]) {
    const taking = store.store.directory.takeBundle(one.account, one.ref.device, { kind: 'capability', hash });
    await assert.rejects(taking, isRefused(Refusal.CAPABILITY));
  }
  await assert.rejects(take(store, other), isRefused(Refusal.NOT_FOUND), 'no prekeys published');
  assert.deepEqual(dump(store.store.database), before);
});

test('a request token fetches one bundle and posts once to each device of its account', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock, { mailboxRequests: 2 });
  const device = await addStoredDevice(store.store);
  const other = await addStoredDevice(store.store);
  await store.store.directory.uploadPrekeys(device.ref, lasting(clock), []);
  const expiresAt = Math.floor(clock.now() / 1000) + 600;
  const token = (account = device.account) =>
    ({ kind: 'request-token', id: randomBytes(16), account, expiresAt }) as const;
  const first = token();
  const request = (admission: ReturnType<typeof token>, id = randomBytes(32), target = device) =>
    store.store.mailboxes.post({
      mailbox: target.ref.mailbox,
      envelope: randomBytes(600),
      id,
      expiresAt: Math.ceil(clock.now() / 3_600_000 + 24) * 3600,
      admission,
    });
  const bundle = (admission: ReturnType<typeof token>) =>
    store.store.directory.takeBundle(device.account, device.ref.device, admission);
  assert.equal((await bundle(first)).prekeys.length, 3);
  await assert.rejects(bundle(first), isRefused(Refusal.QUOTA));
  await assert.rejects(bundle(token(other.account)), isRefused(Refusal.UNAUTHENTICATED));
  const id = randomBytes(32);
  assert.deepEqual(await request(first, id), { kind: 'stored' });
  assert.deepEqual(await request(first, id), { kind: 'duplicate' });
  assert.deepEqual(await request(first), { kind: 'refused', refusal: Refusal.QUOTA, retryAfterMs: 0 });
  assert.deepEqual(await request(token(other.account)), {
    kind: 'refused',
    refusal: Refusal.NOT_FOUND,
    retryAfterMs: 0,
  });
  assert.deepEqual(await request(token()), { kind: 'stored' });
  assert.deepEqual(await request(token()), { kind: 'refused', refusal: Refusal.MAILBOX_FULL, retryAfterMs: 0 });
  const { deliveries } = await store.store.mailboxes.read(device.ref, 0, 10, 1_000_000);
  assert.deepEqual(
    deliveries.map(({ queue }) => queue),
    ['requests', 'requests'],
  );
  clock.advance(600_000);
  await store.store.sweep();
  assert.equal(dump(store.store.database)['request_token_uses']?.length, 0);
});

test('a name belongs to one account, for good, and an account has few', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock);
  const [one, other] = [await addStoredDevice(store.store), await addStoredDevice(store.store)];
  const { directory } = store.store;
  const claims = await Promise.allSettled([
    directory.claimName(one.account, 'alice'),
    directory.claimName(other.account, 'alice'),
  ]);
  assert.deepEqual(
    claims.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  );
  await directory.claimName(one.account, 'alice');
  assert.deepEqual(await directory.resolveName('alice'), new Uint8Array(one.account));
  assert.equal(await directory.resolveName('nobody'), null);
  await directory.claimName(one.account, 'alice2');
  await directory.claimName(one.account, 'alice3');
  await assert.rejects(directory.claimName(one.account, 'alice4'), isRefused(Refusal.QUOTA));
  await assert.rejects(directory.claimName(other.account, 'alice'), isRefused(Refusal.CONFLICT));
});

test('capabilities are made for own mailboxes only, all or none', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock);
  const [one, other] = [await addStoredDevice(store.store), await addStoredDevice(store.store)];
  const before = dump(store.store.database);
  const entries = [one, other].map(({ ref }) => ({ hash: randomBytes(32), mailbox: ref.mailbox, dailyQuota: 5 }));
  await assert.rejects(store.store.directory.createCapabilities(one.account, entries), isRefused(Refusal.FORBIDDEN));
  assert.deepEqual(dump(store.store.database), before);
});

test('a chain is written only on top of what was judged', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock);
  const device = await addStoredDevice(store.store);
  const { directory } = store.store;
  const change = (expected: number) => ({
    account: device.account,
    expected,
    added: [{ sequence: 1, bytes: randomBytes(50) }],
    active: [device.ref.device],
  });
  const outcomes = await Promise.all([directory.writeChain(change(1)), directory.writeChain(change(1))]);
  assert.deepEqual(outcomes, ['written', 'moved']);
  assert.equal((await directory.chain(device.account, 0))?.length, 2);
  assert.equal((await directory.chain(device.account, 1))?.length, 1);
  const large = { ...change(2), added: [{ sequence: 2, bytes: randomBytes(200_000) }] };
  await assert.rejects(directory.writeChain(large), isRefused(Refusal.TOO_LARGE));
  assert.equal((await directory.chain(device.account, 0))?.length, 2);
});

test('a device that is no longer active loses its messages and keys; senders hear that it was revoked', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock);
  const device = await addStoredDevice(store.store);
  const closings: Refusal[] = [];
  const post = () =>
    store.store.mailboxes.post({
      mailbox: device.ref.mailbox,
      envelope: randomBytes(600),
      id: randomBytes(32),
      expiresAt: Math.ceil(clock.now() / 3_600_000 + 24) * 3600,
      admission: { kind: 'capability', hash: device.capability },
    });
  await post();
  await store.store.directory.uploadPrekeys(device.ref, lasting(clock), prekeys(clock, PrekeyKind.ONE_TIME, 1, 2));
  store.store.mailboxes.listen(device.ref, {
    stored: () => undefined,
    prekeysLow: () => undefined,
    closing: (refusal) => closings.push(refusal),
  });
  await store.store.directory.writeChain({
    account: device.account,
    expected: 1,
    added: [],
    active: [randomBytes(16)],
  });
  assert.deepEqual(closings, [Refusal.REVOKED]);
  const after = dump(store.store.database);
  assert.deepEqual([after['messages'], after['lasting_prekeys'], after['one_time_prekeys']], [[], [], []]);
  assert.deepEqual(await post(), { kind: 'refused', refusal: Refusal.REVOKED, retryAfterMs: 0 });
  await assert.rejects(take(store, device), isRefused(Refusal.REVOKED));
  assert.deepEqual(await store.store.directory.devices(device.account), []);
  clock.advance(31 * DAY_SECONDS * 1000);
  await store.store.sweep();
  assert.equal(dump(store.store.database)['capabilities']?.length, 0);
});
