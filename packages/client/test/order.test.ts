import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { suite, test } from 'node:test';
import { equalBytes, MAX_HEIGHT, messageId } from '@sotto/wire';
import type { MessageId } from '@sotto/wire';
import * as fc from 'fast-check';
import { endsAfter } from '../src/conversations/ends.ts';
import type { Ends } from '../src/conversations/ends.ts';
import {
  comparePlaces,
  heightAfter,
  heightTaken,
  MOST_AHEAD,
  ordinalOf,
  parentsAfter,
  settleOrdinals,
} from '../src/conversations/order.ts';
import type { Place } from '../src/conversations/order.ts';

interface Sent {
  readonly id: MessageId;
  readonly claimed: number;
  readonly parents: readonly MessageId[];
}

const name = (id: MessageId): string => Buffer.from(id).toString('hex');

/** One device of the model: what it has, and where it put it. */
class Replica {
  readonly placed = new Map<string, Place>();
  ends: Ends = { ends: [], missing: [] };
  highest = 0;

  write(salt: string): Sent {
    const parents = parentsAfter(this.ends.ends);
    const claimed = heightAfter(this.ends.ends);
    const id = messageId(createHash('sha256').update(salt).digest());
    const sent = { id, claimed, parents: parents.map((parent) => parent.id) };
    this.take(sent);
    return sent;
  }

  take(sent: Sent): void {
    if (this.placed.has(name(sent.id))) return;
    const known = sent.parents.flatMap((id) => this.placed.get(name(id)) ?? []);
    const missing = sent.parents.filter((id) => !this.placed.has(name(id)));
    const height = heightTaken({
      claimed: sent.claimed,
      parents: known.map((parent) => parent.height),
      missing: missing.length,
      highest: this.highest,
    });
    const place = { height, id: sent.id };
    this.placed.set(name(sent.id), place);
    this.highest = Math.max(this.highest, height);
    this.ends = endsAfter(this.ends, { place, parents: sent.parents, missing });
  }

  order(): string[] {
    return [...this.placed.values()].toSorted(comparePlaces).map((place) => name(place.id));
  }
}

/** Who writes, and whether each other device gets it now, later, or never. */
const steps = fc.array(
  fc.record({
    author: fc.nat(3),
    fate: fc.array(fc.constantFrom('now', 'later', 'never'), { minLength: 4, maxLength: 4 }),
  }),
  { maxLength: 40 },
);

function play(script: readonly { author: number; fate: readonly string[] }[]): { replicas: Replica[]; all: Sent[] } {
  const replicas = Array.from({ length: 4 }, () => new Replica());
  const all: Sent[] = [];
  const later: [Replica, Sent][] = [];
  script.forEach(({ author, fate }, index) => {
    const sent = replicas[author]!.write(`message ${index}`);
    all.push(sent);
    replicas.forEach((replica, i) => {
      if (fate[i] === 'now') replica.take(sent);
      if (fate[i] === 'later') later.push([replica, sent]);
    });
  });
  for (const [replica, sent] of later.toReversed()) replica.take(sent);
  return { replicas, all };
}

suite('order of a conversation', () => {
  test('devices that have the same messages show the same order, whatever came when', () => {
    fc.assert(
      fc.property(steps, fc.infiniteStream(fc.nat()), (script, shuffle) => {
        const { replicas, all } = play(script);
        for (const replica of replicas) for (const sent of all) replica.take(sent);
        const shuffled = new Replica();
        const rest = [...all];
        while (rest.length > 0) shuffled.take(rest.splice(shuffle.next().value % rest.length, 1)[0]!);
        const [first, ...others] = [...replicas, shuffled].map((replica) => replica.order());
        for (const other of others) assert.deepEqual(other, first);
      }),
    );
  });

  test('devices that miss messages show what they share in the same order', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const { replicas } = play(script);
        for (const a of replicas) {
          for (const b of replicas) {
            const shared = (order: string[], other: Replica): string[] => order.filter((id) => other.placed.has(id));
            assert.deepEqual(shared(a.order(), b), shared(b.order(), a));
          }
        }
      }),
    );
  });

  test('a message comes after all of its parents', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const { replicas, all } = play(script);
        for (const replica of replicas) {
          const order = replica.order();
          for (const sent of all) {
            const at = order.indexOf(name(sent.id));
            if (at < 0) continue;
            for (const parent of sent.parents) assert.ok(order.indexOf(name(parent)) < at);
          }
        }
      }),
    );
  });

  test('once everything has arrived, the ends are the messages nobody names, and nothing is missing', () => {
    fc.assert(
      fc.property(steps, (script) => {
        const { replicas, all } = play(script);
        const named = new Set(all.flatMap((sent) => sent.parents.map(name)));
        const expected = all.map((sent) => name(sent.id)).filter((id) => !named.has(id));
        for (const replica of replicas) {
          for (const sent of all) replica.take(sent);
          assert.deepEqual(replica.ends.ends.map((end) => name(end.id)).toSorted(), expected.toSorted());
          assert.deepEqual(replica.ends.missing, []);
        }
      }),
    );
  });

  test('a false height never gets before a known parent nor far beyond what is known', () => {
    fc.assert(
      fc.property(
        fc.record({
          claimed: fc.nat(MAX_HEIGHT),
          parents: fc.array(fc.integer({ min: 1, max: 1000 }), { maxLength: 4 }),
          missing: fc.nat(3),
          highest: fc.integer({ min: 1000, max: 2000 }),
        }),
        (claim) => {
          const taken = heightTaken(claim);
          for (const parent of claim.parents) assert.ok(taken > parent);
          assert.ok(taken <= claim.highest + MOST_AHEAD);
          if (claim.missing === 0) assert.equal(taken, 1 + Math.max(0, ...claim.parents));
        },
      ),
    );
  });
});

suite('ordinals', () => {
  /** Few heights and few leading bits: they get in each other's way. */
  const place = fc
    .record({ height: fc.integer({ min: 1, max: 3 }), head: fc.nat(2), tail: fc.nat(255) })
    .map(({ height, head, tail }): Place => {
      const id = new Uint8Array(32);
      id[2] = head << 4;
      id[31] = tail;
      return { height, id: messageId(id) };
    });
  const places = fc.uniqueArray(place, { comparator: (a, b) => comparePlaces(a, b) === 0, maxLength: 60 });

  test('are distinct, in order, and safe integers up to the greatest height', () => {
    fc.assert(
      fc.property(places, (set) => {
        const settled = settleOrdinals(set);
        assert.equal(new Set(settled.map((each) => each.ordinal)).size, set.length);
        const byOrdinal = settled.toSorted((a, b) => a.ordinal - b.ordinal).map((each) => each.place);
        assert.deepEqual(byOrdinal, set.toSorted(comparePlaces));
      }),
    );
    assert.ok(Number.isSafeInteger(ordinalOf({ height: MAX_HEIGHT, id: messageId(new Uint8Array(32).fill(255)) })));
  });

  test("places of different heights never get in each other's way until a million share one", () => {
    const low = messageId(new Uint8Array(32).fill(255));
    const high = messageId(new Uint8Array(32));
    assert.ok(ordinalOf({ height: 7, id: low }) < ordinalOf({ height: 8, id: high }));
    assert.ok(!equalBytes(low, high));
  });
});
