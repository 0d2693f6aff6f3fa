import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Background } from '../src/core/background.ts';
import { Emitter } from '../src/events/emitter.ts';
import { Lane } from '../src/outbox/lane.ts';
import type { Passage } from '../src/outbox/lane.ts';
import type { MessageRef } from '../src/refs.ts';
import { ManualClock, settled } from './support/clock.ts';

function laneOf(take: (message: MessageRef) => Passage) {
  const core = { clock: new ManualClock(), background: new Background(new Emitter()) };
  const seen: MessageRef[] = [];
  const lane = new Lane({
    core,
    window: 16,
    prepare: (message) => {
      seen.push(message);
      return Promise.resolve(take(message));
    },
  });
  return { lane, seen };
}

const ref = (n: number): MessageRef => `message ${n}` as MessageRef;

test('messages leave in the sequence of their numbers, each once, however often and in whatever sequence they are added', async () => {
  const { lane, seen } = laneOf(() => ({ kind: 'passed' }));
  lane.add(ref(100), 100n);
  for (const n of [3, 1, 2, 3, 1, 5, 4, 100]) lane.add(ref(n), BigInt(n));
  await settled();
  assert.deepEqual(seen, [100, 1, 2, 3, 4, 5].map(ref));
  lane.add(ref(2), 2n);
  await settled();
  assert.equal(seen.length, 7);
});

/** Microseconds of CPU for each message added, twice. */
function cost(count: number): number {
  const { lane } = laneOf(() => ({ kind: 'pause', until: Infinity, reason: 'waiting-address' }));
  const before = process.cpuUsage();
  for (let n = 0; n < count; n++) lane.add(ref(n), BigInt(n));
  for (let n = 0; n < count; n++) lane.add(ref(n), BigInt(n));
  const { user, system } = process.cpuUsage(before);
  lane.close();
  return (user + system) / count;
}

test('adding to a lane that waits costs the same for the twenty-thousandth message as for the first', () => {
  cost(2000);
  const [few, many] = [cost(2000), cost(20_000)];
  // A scan would make it ten times as much.
  assert.ok(many < 4 * few, `${many} and ${few} microseconds a message`);
});
