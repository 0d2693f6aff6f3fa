import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { Refusal } from '@sotto/wire';
import * as fc from 'fast-check';
import type { PostOutcome, StoredDelivery } from '../src/ports/types.ts';
import { ManualClock } from './support/clock.ts';
import { addStoredDevice, dump, openTestStore } from './support/store.ts';
import type { StoredDevice, TestStore } from './support/store.ts';

const HOUR = 3600;

function post(
  store: TestStore,
  device: StoredDevice,
  clock: ManualClock,
  change: { id?: Uint8Array; hours?: number } = {},
) {
  return store.store.mailboxes.post({
    mailbox: device.ref.mailbox,
    envelope: randomBytes(600),
    id: change.id ?? randomBytes(32),
    expiresAt: (Math.ceil(clock.now() / 1000 / HOUR) + (change.hours ?? 24)) * HOUR,
    admission: { kind: 'capability', hash: device.capability },
  });
}

async function readAll(store: TestStore, device: StoredDevice): Promise<readonly StoredDelivery[]> {
  const { deliveries, more } = await store.store.mailboxes.read(device.ref, 0, 10_000, Number.MAX_SAFE_INTEGER);
  assert.equal(more, false);
  return deliveries;
}

function refusalOf(outcome: PostOutcome): Refusal | undefined {
  return outcome.kind === 'refused' ? outcome.refusal : undefined;
}

test('R-GW-2 a full mailbox refuses by name and keeps what it accepted; room comes back with acknowledgements', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock, { mailboxMessages: 5 });
  const device = await addStoredDevice(store.store);
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => post(store, device, clock)));
  assert.deepEqual(outcomes.map(refusalOf), [
    ...Array.from({ length: 5 }, () => undefined),
    ...Array.from({ length: 3 }, () => Refusal.MAILBOX_FULL),
  ]);
  assert.deepEqual(
    (await readAll(store, device)).map(({ sequence }) => sequence),
    [1, 2, 3, 4, 5],
  );
  await store.store.mailboxes.acknowledge(device.ref, [2, 3, 99]);
  assert.equal((await post(store, device, clock)).kind, 'stored');
  assert.equal((await post(store, device, clock)).kind, 'stored');
  assert.equal(refusalOf(await post(store, device, clock)), Refusal.MAILBOX_FULL);
  assert.deepEqual(
    (await readAll(store, device)).map(({ sequence }) => sequence),
    [1, 4, 5, 6, 7],
  );
});

test('R-GW-2 the same envelope is a duplicate until it expires, acknowledged or not, and even when the mailbox is full', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock, { mailboxMessages: 1 });
  const device = await addStoredDevice(store.store);
  const id = randomBytes(32);
  assert.equal((await post(store, device, clock, { id })).kind, 'stored');
  assert.equal((await post(store, device, clock, { id })).kind, 'duplicate');
  await store.store.mailboxes.acknowledge(device.ref, [1]);
  assert.equal((await post(store, device, clock, { id })).kind, 'duplicate');
  assert.equal((await post(store, device, clock)).kind, 'stored');
  assert.equal((await post(store, device, clock, { id })).kind, 'duplicate');
  clock.advance(26 * HOUR * 1000);
  await store.store.sweep();
  assert.equal(dump(store.store.database)['seen']?.length, 0);
});

test('R-GW-2 what has expired is neither delivered nor counted, and the sweep removes it', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock, { mailboxMessages: 2 });
  const device = await addStoredDevice(store.store);
  await post(store, device, clock, { hours: 1 });
  await post(store, device, clock, { hours: 48 });
  assert.equal(refusalOf(await post(store, device, clock)), Refusal.MAILBOX_FULL);
  clock.advance(2 * HOUR * 1000);
  assert.deepEqual(
    (await readAll(store, device)).map(({ sequence }) => sequence),
    [2],
  );
  // The full mailbox makes room itself, without waiting for the sweep.
  assert.equal((await post(store, device, clock)).kind, 'stored');
  clock.advance(72 * HOUR * 1000);
  await store.store.sweep();
  assert.equal(dump(store.store.database)['messages']?.length, 0);
  assert.equal((await post(store, device, clock)).kind, 'stored');
  assert.equal((await post(store, device, clock)).kind, 'stored');
  assert.equal(refusalOf(await post(store, device, clock)), Refusal.MAILBOX_FULL);
});

test('R-GW-5 a capability has its quota a day, says when it ends, and a revoked one opens nothing', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock);
  const device = await addStoredDevice(store.store, 2);
  const id = randomBytes(32);
  assert.equal((await post(store, device, clock, { id })).kind, 'stored');
  assert.equal((await post(store, device, clock)).kind, 'stored');
  const over = await post(store, device, clock);
  assert.equal(refusalOf(over), Refusal.QUOTA);
  assert.equal(over.kind === 'refused' ? over.retryAfterMs : 0, 12 * HOUR * 1000);
  assert.equal((await post(store, device, clock, { id })).kind, 'duplicate');
  clock.advance(12 * HOUR * 1000);
  assert.equal((await post(store, device, clock)).kind, 'stored');
  await store.store.directory.revokeCapabilities(randomBytes(32), [device.capability]);
  assert.equal((await post(store, device, clock)).kind, 'stored', 'another account revokes nothing');
  await store.store.directory.revokeCapabilities(device.account, [device.capability]);
  assert.equal(refusalOf(await post(store, device, clock)), Refusal.CAPABILITY);
});

test('a capability opens its own mailbox and no other', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock);
  const [one, other] = [await addStoredDevice(store.store), await addStoredDevice(store.store)];
  const before = dump(store.store.database);
  assert.equal(refusalOf(await post(store, { ...one, capability: other.capability }, clock)), Refusal.CAPABILITY);
  assert.equal(refusalOf(await post(store, { ...one, capability: randomBytes(32) }, clock)), Refusal.CAPABILITY);
  const nowhere = { ...one, ref: { ...one.ref, mailbox: randomBytes(16) } };
  assert.equal(refusalOf(await post(store, nowhere, clock)), Refusal.CAPABILITY);
  assert.deepEqual(dump(store.store.database), before);
});

test('sequences never come twice, over acknowledgements and restarts', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock);
  const device = await addStoredDevice(store.store);
  await post(store, device, clock);
  await store.store.mailboxes.acknowledge(device.ref, [1]);
  // Forgetting what is in memory is what a restart does.
  await assert.rejects(() => brokenPost(store, device));
  await post(store, device, clock);
  assert.deepEqual(
    (await readAll(store, device)).map(({ sequence }) => sequence),
    [2],
  );
});

/** A post that SQLite refuses: the transaction is void, and everything remembered is forgotten. */
function brokenPost(store: TestStore, device: StoredDevice): Promise<unknown> {
  return store.store.mailboxes.post({
    mailbox: device.ref.mailbox,
    envelope: 'no bytes' as unknown as Uint8Array,
    id: randomBytes(32),
    expiresAt: 4 * 10 ** 9,
    admission: { kind: 'capability', hash: device.capability },
  });
}

test('an operation that fails by surprise is refused alone; the others of its turn are stored', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock);
  const device = await addStoredDevice(store.store);
  const results = await Promise.allSettled([
    post(store, device, clock),
    brokenPost(store, device),
    post(store, device, clock),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  );
  assert.equal(store.failures.length, 1);
  assert.equal((await readAll(store, device)).length, 2);
});

test('a disk that is full refuses everything, loses nothing that was accepted, and recovers', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock);
  const device = await addStoredDevice(store.store);
  assert.equal((await post(store, device, clock)).kind, 'stored');
  const pages = Number(store.store.database.prepare('PRAGMA page_count').get()?.['page_count']);
  store.store.database.exec(`PRAGMA max_page_count = ${pages + 2}`);
  const results = await Promise.allSettled(Array.from({ length: 50 }, () => post(store, device, clock)));
  const codes = results.map((result) =>
    result.status === 'rejected' ? (result.reason as { refusal: Refusal }).refusal : 'stored',
  );
  assert.deepEqual(new Set(codes), new Set([Refusal.UNAVAILABLE]));
  assert.equal((await readAll(store, device)).length, 1);
  store.store.database.exec('PRAGMA max_page_count = 1000000');
  assert.equal((await post(store, device, clock)).kind, 'stored');
  assert.equal((await readAll(store, device)).length, 2);
});

test('a listener hears what was stored after it is on disk, a newer one takes its place', async () => {
  const clock = new ManualClock();
  using store = openTestStore(clock);
  const device = await addStoredDevice(store.store);
  const heard: string[] = [];
  const listener = (name: string) => ({
    stored: ({ sequence }: StoredDelivery) => {
      assert.equal(dump(store.store.database)['messages']?.length, sequence, 'the transaction is over');
      assert.equal(store.store.database.isTransaction, false);
      heard.push(`${name} ${sequence}`);
    },
    prekeysLow: () => heard.push(`${name} low`),
    closing: (refusal: Refusal) => heard.push(`${name} closing ${refusal}`),
  });
  const stopFirst = store.store.mailboxes.listen(device.ref, listener('first'));
  await post(store, device, clock);
  const stopSecond = store.store.mailboxes.listen(device.ref, listener('second'));
  stopFirst();
  await post(store, device, clock);
  stopSecond();
  await post(store, device, clock);
  assert.deepEqual(heard, ['first 1', `first closing ${Refusal.REPLACED}`, 'second 2']);
});

test('counters in memory agree with the disk after any history', async () => {
  const clock = new ManualClock();
  const action = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('post' as const), hours: fc.integer({ min: 1, max: 5 }) }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('acknowledge' as const), sequence: fc.integer({ min: 1, max: 30 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('break' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('later' as const), hours: fc.integer({ min: 1, max: 3 }) }) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(action, { maxLength: 8 }), { maxLength: 8 }), async (turns) => {
      using store = openTestStore(clock, { mailboxMessages: 6 });
      const device = await addStoredDevice(store.store);
      let accepted = 0;
      for (const turn of turns) {
        const outcomes = await Promise.allSettled(
          turn.map(async (step) => {
            if (step.kind === 'post') return post(store, device, clock, { hours: step.hours });
            if (step.kind === 'acknowledge') return store.store.mailboxes.acknowledge(device.ref, [step.sequence]);
            if (step.kind === 'break') return brokenPost(store, device);
            return undefined;
          }),
        );
        for (const outcome of outcomes) {
          if (
            outcome.status === 'fulfilled' &&
            outcome.value !== undefined &&
            (outcome.value as PostOutcome).kind === 'stored'
          )
            accepted++;
        }
        for (const step of turn) if (step.kind === 'later') clock.advance(step.hours * HOUR * 1000);
        await store.store.sweep();
        const live = await readAll(store, device);
        assert.ok(live.length <= 6);
        assert.equal(dump(store.store.database)['messages']?.length, live.length, 'the sweep leaves what is alive');
        const next = dump(store.store.database)['mailbox_counters']?.[0] as string;
        assert.equal((JSON.parse(next) as { next_sequence: number }).next_sequence, accepted + 1);
        // Filling it up shows what the counter in memory believes.
        const free = (await Promise.all(Array.from({ length: 7 }, () => post(store, device, clock)))).filter(
          ({ kind }) => kind === 'stored',
        );
        assert.equal(free.length, 6 - live.length);
        accepted += free.length;
        const added = (await readAll(store, device)).slice(-free.length || 6).map(({ sequence }) => sequence);
        if (free.length > 0) await store.store.mailboxes.acknowledge(device.ref, added);
      }
    }),
    { numRuns: 40 },
  );
});
