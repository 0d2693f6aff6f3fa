import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { DEFAULT_LIMITS } from '@sotto/gateway';
import type { Limits } from '@sotto/gateway';
import { Refusal } from '@sotto/wire';
import type { LogId, LogPost } from '@sotto/wire';
import type { AppendOutcome } from '../src/ports/group-logs.ts';
import { Refused } from '../src/refused.ts';
import { ManualClock } from './support/clock.ts';
import { createEpoch, parsedPost, randomLog, testAdmission } from './support/group-log.ts';
import type { TestEpoch } from './support/group-log.ts';
import { addStoredDevice, dump, openTestStore } from './support/store.ts';
import type { StoredDevice, TestStore } from './support/store.ts';

interface World extends Disposable {
  readonly clock: ManualClock;
  readonly opened: TestStore;
  readonly owner: StoredDevice;
  readonly log: LogId;
  readonly first: TestEpoch;
  append(post: LogPost, caller?: string): Promise<AppendOutcome>;
  /** Seconds since 1970. */
  seconds(): number;
}

async function open(limits: Partial<Limits> = {}): Promise<World> {
  const clock = new ManualClock();
  const opened = openTestStore(clock, limits);
  const owner = await addStoredDevice(opened.store);
  const log = randomLog();
  const first = createEpoch();
  await opened.store.groupLogs.create(owner.account, log, first.key);
  return {
    clock,
    opened,
    owner,
    log,
    first,
    append: (post, caller = 'somewhere') => opened.store.groupLogs.append(post, caller),
    seconds: () => Math.floor(clock.now() / 1000),
    [Symbol.dispose]: () => opened[Symbol.dispose](),
  };
}

const appended = (position: number): AppendOutcome => ({ kind: 'appended', position });
const NAMES = new Map<number, string>(Object.entries(Refusal).map(([name, number]) => [number, name]));
const refusalOf = (outcome: AppendOutcome): string =>
  outcome.kind === 'refused' ? (NAMES.get(outcome.refusal) ?? '') : outcome.kind;
const refusedAs = (refusal: Refusal) => (error: unknown) => error instanceof Refused && error.refusal === refusal;

test('positions count from 1 without a gap, and the same entry again has the same position, whatever happens', async () => {
  using world = await open();
  const { log, first: epoch } = world;
  const posts = Array.from({ length: 50 }, () => parsedPost({ log, epoch }));
  const outcomes = await Promise.all([...posts, ...posts].map((post) => world.append(post)));
  const positions = outcomes.map((outcome) => (outcome.kind === 'refused' ? 0 : outcome.position));
  assert.deepEqual(
    positions.slice(0, 50).toSorted((a, b) => a - b),
    Array.from({ length: 50 }, (_, i) => i + 1),
  );
  assert.deepEqual(positions.slice(0, 50), positions.slice(50));
  assert.equal(outcomes.filter(({ kind }) => kind === 'appended').length, 50);
  // When its epoch is long over, an author that never heard the answer still learns that its message is there.
  const successor = createEpoch();
  await world.append(parsedPost({ log, epoch, kind: 'commit', successor: successor.key }));
  world.clock.advance(120_000);
  assert.deepEqual(await world.append(posts[7]!), { kind: 'duplicate', position: positions[7] });
  assert.deepEqual(world.opened.failures, []);
});

test('R-GRP-3 a race of 50 commits on one epoch lets one in; the others are told, see it, and come after', async () => {
  using world = await open();
  const { log, first: epoch } = world;
  const racers = Array.from(
    { length: 50 },
    () => ({ log, epoch, kind: 'commit', successor: createEpoch().key }) as const,
  );
  const outcomes = await Promise.all(racers.map((racer, i) => world.append(parsedPost(racer), `member ${i}`)));
  assert.equal(outcomes.filter(({ kind }) => kind === 'appended').length, 1);
  assert.equal(outcomes.filter((outcome) => refusalOf(outcome) === 'CONFLICT').length, 49);
  const again = await world.append(parsedPost({ ...racers[1]!, successor: createEpoch().key, after: 1 }), 'another');
  assert.deepEqual(again, appended(2));
});

test('messages in between do not make a commit come too late, proposals do', async () => {
  using world = await open();
  const { log, first: epoch } = world;
  for (let i = 0; i < 5; i++) await world.append(parsedPost({ log, epoch }));
  assert.deepEqual(await world.append(parsedPost({ log, epoch, kind: 'proposal' })), appended(6));
  const commit = { log, epoch, kind: 'commit', successor: createEpoch().key } as const;
  assert.equal(refusalOf(await world.append(parsedPost({ ...commit, after: 5 }))), 'CONFLICT');
  assert.equal(
    refusalOf(await world.append(parsedPost({ ...commit, after: 99 }))),
    'CONFLICT',
    'a position that is not there',
  );
  assert.deepEqual(await world.append(parsedPost({ ...commit, after: 6 })), appended(7));
});

test('R-GRP-3 garbage commits neither take the place of a real one nor block it', async () => {
  using world = await open();
  const { log, first: epoch } = world;
  let after = 0;
  for (let i = 1; i <= 5; i++) {
    const garbage = parsedPost({ log, epoch, kind: 'commit', successor: createEpoch().key, after });
    assert.deepEqual(await world.append(garbage, 'mallory'), appended(i));
    after = i;
  }
  // Long after: the group was asleep.
  world.clock.advance(5 * 3600_000);
  const next = createEpoch();
  assert.deepEqual(
    await world.append(parsedPost({ log, epoch, kind: 'commit', successor: next.key, after })),
    appended(6),
  );
  assert.deepEqual(await world.append(parsedPost({ log, epoch: next })), appended(7));
  // A successor that is known already begins nothing.
  const taken = parsedPost({ log, epoch: next, kind: 'commit', successor: epoch.key });
  assert.equal(refusalOf(await world.append(taken)), 'MALFORMED');
});

test('R-GW-5 commits on one epoch: 32 an hour, 8 from one address, and then the next soon', async () => {
  using world = await open();
  const { log, first: epoch } = world;
  let after = 0;
  const commit = async (caller: string) => {
    const outcome = await world.append(
      parsedPost({ log, epoch, kind: 'commit', successor: createEpoch().key, after }),
      caller,
    );
    if (outcome.kind === 'appended') after = outcome.position;
    return outcome;
  };
  for (let i = 0; i < 8; i++) assert.equal((await commit('one')).kind, 'appended');
  assert.equal(refusalOf(await commit('one')), 'RATE_LIMITED');
  for (let i = 8; i < 32; i++) assert.equal((await commit(`address ${i}`)).kind, 'appended');
  const late = await commit('somebody else');
  assert.equal(refusalOf(late), 'RATE_LIMITED');
  assert.ok(late.kind === 'refused' && late.retryAfterMs > 0 && late.retryAfterMs <= 112_500);
  world.clock.advance(112_500);
  assert.equal((await commit('somebody else')).kind, 'appended');
});

test('someone removed posts nothing for longer than a minute, and cannot make later commits conflict', async () => {
  using world = await open();
  const { log, first: old } = world;
  const next = createEpoch();
  await world.append(parsedPost({ log, epoch: old, kind: 'commit', successor: next.key }));
  world.clock.advance(59_999);
  assert.deepEqual(await world.append(parsedPost({ log, epoch: old })), appended(2), 'a message on its way');
  world.clock.advance(1);
  assert.equal(refusalOf(await world.append(parsedPost({ log, epoch: old }))), 'STALE_EPOCH');
  assert.equal(refusalOf(await world.append(parsedPost({ log, epoch: old, kind: 'proposal' }))), 'STALE_EPOCH');
  const branch = createEpoch();
  const fork = parsedPost({ log, epoch: old, kind: 'commit', successor: branch.key, after: 1 });
  assert.deepEqual(await world.append(fork), appended(3), 'a commit that nobody will take');
  assert.deepEqual(await world.append(parsedPost({ log, epoch: branch })), appended(4));
  // A member that has seen neither.
  const commit = parsedPost({ log, epoch: next, kind: 'commit', successor: createEpoch().key, after: 1 });
  assert.deepEqual(await world.append(commit), appended(5));
});

test('late commits fill a quarter of a log and no more; the group goes on', async () => {
  const size = 98_176; // the bucket of 96 KiB
  using world = await open({ logBytes: 16 * (size + 128), logCommitBytes: 128 * 1024 });
  const { log, first: old } = world;
  const next = createEpoch();
  await world.append(parsedPost({ log, epoch: old, kind: 'commit', successor: next.key }));
  world.clock.advance(60_000);
  let after = 1;
  for (let i = 0; i < 4; i++) {
    const late = parsedPost({ log, epoch: old, kind: 'commit', successor: createEpoch().key, after, size });
    const outcome = await world.append(late, `address ${i}`);
    assert.equal(outcome.kind, 'appended');
    after++;
  }
  const more = parsedPost({ log, epoch: old, kind: 'commit', successor: createEpoch().key, after, size });
  assert.equal(refusalOf(await world.append(more, 'another')), 'LOG_FULL');
  assert.equal((await world.append(parsedPost({ log, epoch: next }))).kind, 'appended');
  const commit = parsedPost({ log, epoch: next, kind: 'commit', successor: createEpoch().key, size });
  assert.equal((await world.append(commit)).kind, 'appended');
});

test('an unknown log, an unknown epoch key and a wrong signature are refused by name and change nothing', async () => {
  using world = await open();
  const { log, first: epoch } = world;
  const stranger = createEpoch();
  const before = dump(world.opened.store.database);
  const successor = createEpoch().key;
  const cases: [string, LogPost][] = [
    ['NOT_FOUND', parsedPost({ log: randomLog(), epoch })],
    ['UNKNOWN_EPOCH', parsedPost({ log, epoch: stranger })],
    ['SIGNATURE', parsedPost({ log, epoch, signer: stranger })],
    ['SIGNATURE', parsedPost({ log, epoch, signer: stranger, kind: 'commit', successor })],
  ];
  for (const [name, post] of cases) assert.equal(refusalOf(await world.append(post)), name);
  const signed = parsedPost({ log, epoch });
  const other = parsedPost({ log, epoch });
  assert.equal(refusalOf(await world.append({ ...signed, proof: other.proof })), 'SIGNATURE', 'of another entry');
  // The key of another log is none of this one.
  const second = randomLog();
  await world.opened.store.groupLogs.create(world.owner.account, second, stranger.key);
  assert.equal(refusalOf(await world.append(parsedPost({ log: second, epoch }))), 'UNKNOWN_EPOCH');
  const after = dump(world.opened.store.database);
  for (const table of ['log_entries', 'log_admissions']) assert.deepEqual(after[table], before[table]);
});

test('an admission lets one external commit in, once, in time, signed by its epoch', async () => {
  using world = await open();
  const { log, first: epoch } = world;
  const post = (change: { admission: ReturnType<typeof testAdmission>; after?: number; on?: TestEpoch }) =>
    parsedPost({ log, epoch: change.on ?? epoch, kind: 'external-commit', successor: createEpoch().key, ...change });
  const expiresAt = world.seconds() + 600;
  const admission = testAdmission(log, epoch, { expiresAt });
  const forged = testAdmission(log, epoch, { expiresAt, signer: createEpoch() });
  assert.equal(refusalOf(await world.append(post({ admission: forged }))), 'SIGNATURE');
  const changed = { ...admission, expiresAt: expiresAt + 1 };
  assert.equal(
    refusalOf(await world.append(post({ admission: changed }))),
    'SIGNATURE',
    'an expiry changed afterwards',
  );
  const expired = testAdmission(log, epoch, { expiresAt: world.seconds() });
  assert.equal(refusalOf(await world.append(post({ admission: expired }))), 'EXPIRED');
  const distant = testAdmission(log, epoch, { expiresAt: world.seconds() + 8 * 86_400 });
  assert.equal(
    refusalOf(await world.append(post({ admission: distant }))),
    'EXPIRED',
    'kept for longer than nonces are',
  );

  const used = post({ admission });
  assert.deepEqual(await world.append(used), appended(1));
  assert.deepEqual(await world.append(used), { kind: 'duplicate', position: 1 });
  assert.equal(refusalOf(await world.append(post({ admission, after: 1 }))), 'SPENT');
  // Spent beyond a sweep, and until it has expired.
  world.clock.advance(599_000);
  await world.opened.store.sweep();
  assert.equal(refusalOf(await world.append(post({ admission, after: 1 }))), 'SPENT');
  world.clock.advance(1000);
  await world.opened.store.sweep();
  assert.equal(refusalOf(await world.append(post({ admission, after: 1 }))), 'EXPIRED');
  assert.equal(world.opened.store.database.prepare('SELECT COUNT(*) AS n FROM log_admissions').get()?.['n'], 0);
});

test('one admission used by fifty at once lets one of them in', async () => {
  using world = await open();
  const { log, first: epoch } = world;
  const admission = testAdmission(log, epoch, { expiresAt: world.seconds() + 60 });
  const outcomes = await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      world.append(
        parsedPost({ log, epoch, kind: 'external-commit', successor: createEpoch().key, admission, after: 0 }),
        `address ${i}`,
      ),
    ),
  );
  const names = Map.groupBy(outcomes, refusalOf);
  assert.equal(names.get('appended')?.length, 1);
  assert.equal(names.get('SPENT')?.length, 49);
});

test('a refused external commit leaves its admission whole', async () => {
  using world = await open();
  const { log, first: epoch } = world;
  await world.append(parsedPost({ log, epoch, kind: 'proposal' }));
  const admission = testAdmission(log, epoch, { expiresAt: world.seconds() + 60 });
  const external = { log, epoch, kind: 'external-commit', successor: createEpoch().key, admission } as const;
  assert.equal(refusalOf(await world.append(parsedPost({ ...external, after: 0 }))), 'CONFLICT');
  assert.deepEqual(await world.append(parsedPost({ ...external, after: 1 })), appended(2));
});

test('R-GW-2 a full log refuses, and drops nothing before its time', async () => {
  using world = await open({ logBytes: 4 * 1024, logRetentionSeconds: 1000 });
  const { log, first: epoch } = world;
  let count = 0;
  const first = parsedPost({ log, epoch });
  assert.equal((await world.append(first)).kind, 'appended');
  for (count = 1; ; count++) {
    const outcome = await world.append(parsedPost({ log, epoch }));
    if (outcome.kind !== 'refused') continue;
    assert.equal(refusalOf(outcome), 'LOG_FULL');
    break;
  }
  assert.equal(count, 6);
  world.clock.advance(999_000);
  await world.opened.store.sweep();
  assert.equal((await world.opened.store.groupLogs.read(log, 0, 100, 2 ** 20))?.records.length, 6);
  assert.equal((await world.append(first)).kind, 'duplicate', 'what is there is known while the log is full');
  world.clock.advance(1000);
  await world.opened.store.sweep();
  const page = await world.opened.store.groupLogs.read(log, 0, 100, 2 ** 20);
  assert.deepEqual(page, { records: [], more: false, extent: { oldest: 7, head: 6 } });
  assert.deepEqual(await world.append(parsedPost({ log, epoch })), appended(7));
});

test('a sweep keeps what is young, of every log, and the tree of keys; with or without the logs in memory', async () => {
  using world = await open({ logRetentionSeconds: 1000 });
  const { log, first: epoch, clock } = world;
  const { groupLogs, database } = world.opened.store;
  const other = randomLog();
  await groupLogs.create(world.owner.account, other, epoch.key);
  const next = createEpoch();
  for (const each of [log, other]) {
    await world.append(parsedPost({ log: each, epoch }));
    await world.append(parsedPost({ log: each, epoch, kind: 'commit', successor: next.key }));
  }
  clock.advance(500_000);
  await world.append(parsedPost({ log, epoch: next }));
  // A failed transaction makes it forget all it remembers.
  database.exec('CREATE TEMP TRIGGER fail BEFORE INSERT ON logs BEGIN SELECT RAISE(ROLLBACK, 1); END');
  await assert.rejects(groupLogs.create(world.owner.account, randomLog(), epoch.key));
  database.exec('DROP TRIGGER fail');
  clock.advance(500_000);
  await world.opened.store.sweep();
  const extents = await Promise.all([log, other].map(async (each) => (await groupLogs.read(each, 0, 9, 1))?.extent));
  assert.deepEqual(extents, [
    { oldest: 3, head: 3 },
    { oldest: 3, head: 2 },
  ]);
  const kept = database.prepare('SELECT SUM(bytes) AS n FROM log_counters').get();
  assert.equal(kept?.['n'], parsedPost({ log, epoch }).entry.bytes.length);
  assert.deepEqual(await world.append(parsedPost({ log: other, epoch: next })), appended(3), 'an epoch of long ago');
});

test('R-GW-5 entries are limited by epoch and minute', async () => {
  using world = await open({ logEntriesPerMinute: 10 });
  const { log, first: epoch } = world;
  const kinds: string[] = [];
  for (let i = 0; i < 12; i++) kinds.push(refusalOf(await world.append(parsedPost({ log, epoch }))));
  assert.deepEqual(kinds.slice(8), ['appended', 'appended', 'RATE_LIMITED', 'RATE_LIMITED']);
  world.clock.advance(6000);
  assert.equal((await world.append(parsedPost({ log, epoch }))).kind, 'appended');
  // What is refused for its signature counts against nobody.
  for (let i = 0; i < 20; i++) await world.append(parsedPost({ log, epoch, signer: createEpoch() }));
  world.clock.advance(6000);
  assert.equal((await world.append(parsedPost({ log, epoch }))).kind, 'appended');
});

test('logs belong to who opened them: again the same is no change, another is a conflict, too many are refused', async () => {
  using world = await open({ logsPerAccount: 3 });
  const { groupLogs } = world.opened.store;
  const other = await addStoredDevice(world.opened.store);
  const { account } = world.owner;
  await groupLogs.create(account, world.log, world.first.key);
  await assert.rejects(groupLogs.create(account, world.log, createEpoch().key), refusedAs(Refusal.CONFLICT));
  await assert.rejects(groupLogs.create(other.account, world.log, world.first.key), refusedAs(Refusal.CONFLICT));
  await assert.rejects(groupLogs.create(randomBytes(32), randomLog(), world.first.key), refusedAs(Refusal.NOT_FOUND));
  const outcomes = await Promise.allSettled(
    Array.from({ length: 5 }, () => groupLogs.create(account, randomLog(), world.first.key)),
  );
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 2);
  await assert.rejects(groupLogs.create(account, randomLog(), world.first.key), refusedAs(Refusal.QUOTA));
  await groupLogs.create(account, world.log, world.first.key);
});

test('a transaction that fails leaves neither entry, position nor epoch behind, and the next one is sound', async () => {
  using world = await open();
  const { log, first: epoch } = world;
  const { database, groupLogs } = world.opened.store;
  database.exec('CREATE TEMP TRIGGER fail BEFORE INSERT ON log_epochs BEGIN SELECT RAISE(ROLLBACK, 1); END');
  const next = createEpoch();
  const commit = parsedPost({ log, epoch, kind: 'commit', successor: next.key });
  const outcomes = await Promise.allSettled([world.append(parsedPost({ log, epoch })), world.append(commit)]);
  assert.ok(outcomes.some(({ status }) => status === 'rejected'));
  database.exec('DROP TRIGGER fail');
  assert.equal(refusalOf(await world.append(parsedPost({ log, epoch: next }))), 'UNKNOWN_EPOCH');
  const { kind } = await world.append(commit);
  assert.equal(kind, 'appended');
  const page = await groupLogs.read(log, 0, 100, 2 ** 20);
  assert.deepEqual(
    page?.records.map(({ position }) => position),
    Array.from({ length: page?.extent.head ?? 0 }, (_, i) => i + 1),
  );
});

test('any history of posts: positions, contents and sizes stay in step with a simple model', async () => {
  const step = fc.record({
    epoch: fc.nat(5),
    kind: fc.constantFrom('message' as const, 'proposal' as const, 'commit' as const),
    behind: fc.nat(2),
    wait: fc.constantFrom(0, 1000, 61_000),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      using world = await open();
      const { log, clock } = world;
      const epochs = [{ epoch: world.first, childAt: Infinity, lastChange: 0 }];
      const stored: Uint8Array[] = [];
      for (const { epoch: which, kind, behind, wait } of steps) {
        clock.advance(wait);
        const state = epochs[which % epochs.length]!;
        const after = kind === 'commit' ? Math.max(0, stored.length - behind) : 0;
        const successor = createEpoch();
        const post = parsedPost({ log, epoch: state.epoch, kind, after, successor: successor.key });
        const outcome = await world.append(post);
        const stale = clock.now() - state.childAt >= 60_000;
        const expected =
          kind === 'commit' ? (state.lastChange > after ? 'CONFLICT' : null) : stale ? 'STALE_EPOCH' : null;
        if (outcome.kind === 'refused' && outcome.refusal === Refusal.RATE_LIMITED) continue;
        assert.equal(refusalOf(outcome), expected ?? 'appended');
        if (expected !== null) continue;
        stored.push(post.entry.bytes);
        assert.deepEqual(outcome, appended(stored.length));
        if (kind !== 'message') state.lastChange = stored.length;
        if (kind === 'commit') {
          state.childAt = Math.min(state.childAt, clock.now());
          epochs.push({ epoch: successor, childAt: Infinity, lastChange: 0 });
        }
      }
      const page = await world.opened.store.groupLogs.read(log, 0, 100, 2 ** 24);
      assert.deepEqual(
        page?.records.map(({ entry }) => Buffer.from(entry)),
        stored.map((bytes) => Buffer.from(bytes)),
      );
      const row = world.opened.store.database.prepare('SELECT * FROM log_counters').get();
      assert.equal(
        row?.['bytes'],
        stored.reduce((sum, bytes) => sum + bytes.length, 0),
      );
      assert.equal(row?.['epochs'], epochs.length);
    }),
    { numRuns: 15 },
  );
});

test('the limits are what the contract says', () => {
  assert.equal(DEFAULT_LIMITS.logCommitBytes, 2 ** 20);
  assert.equal(DEFAULT_LIMITS.logMessageBytes, 96 * 1024);
  assert.equal(DEFAULT_LIMITS.logRetentionSeconds, 30 * 86_400);
});
