import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Collection, Vault, VaultReader, VaultWriter } from '@sotto/vault';
import { bytes, contacts, DAY, messages, sessions, TestVault, text } from './support.ts';

const COLLECTIONS = [contacts, sessions, messages] as const;
const PARTITIONS = ['p', 'q'] as const;
const LOOKUPS = ['x', 'y', 'z'] as const;

interface ModelRow {
  value: string;
  lookups: string[];
  order: { partition: string; ordinal: number } | null;
}
type Model = Map<string, ModelRow>[];

type Step =
  | {
      kind: 'put';
      at: number;
      key: string;
      value: string;
      lookups: string[];
      partition: string;
      ordinal: number;
      ordered: boolean;
    }
  | { kind: 'replace'; at: number; key: string; value: string }
  | { kind: 'delete'; at: number; key: string };
type Action =
  | { kind: 'event'; steps: Step[]; fails: boolean }
  | { kind: 'reopen' }
  | { kind: 'tomorrow' }
  | { kind: 'maintain' }
  | { kind: 'verify-some'; rows: number };

const at = fc.nat(COLLECTIONS.length - 1);
const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
const value = fc.string({ maxLength: 80 });
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    at,
    key,
    value,
    lookups: fc.uniqueArray(fc.constantFrom(...LOOKUPS)),
    partition: fc.constantFrom(...PARTITIONS),
    ordinal: fc.oneof(fc.integer({ min: 0, max: 12 }), fc.maxSafeInteger()),
    ordered: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('replace' as const), at, key, value }),
  fc.record({ kind: fc.constant('delete' as const), at, key }),
);
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('event' as const),
      steps: fc.array(anyStep, { maxLength: 6 }),
      fails: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'reopen' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'tomorrow' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'maintain' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('verify-some' as const), rows: fc.integer({ min: 1, max: 8 }) }),
  },
);

test('any sequence of events, failures, reopenings and days leaves what a plain map would hold', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
      const folder = new TestVault();
      let vault = await folder.create();
      let model: Model = COLLECTIONS.map(() => new Map<string, ModelRow>());
      for (const each of actions) {
        if (each.kind === 'event') model = runEvent(vault, model, each.steps, each.fails);
        if (each.kind === 'tomorrow') folder.clock.advance(DAY);
        if (each.kind === 'maintain') while (vault.maintain());
        if (each.kind === 'verify-some') vault.verifySome(each.rows);
        if (each.kind === 'reopen') {
          vault.close();
          vault = await folder.open();
        }
      }
      vault.read((read) => compare(read, model));
      vault.verify();
      vault.close();
    }),
    { numRuns: 100 },
  );
});

function runEvent(vault: Vault, before: Model, steps: readonly Step[], fails: boolean): Model {
  const model = before.map((rows) => new Map([...rows].map(([k, row]) => [k, { ...row }])));
  const stop = new Error('stop');
  try {
    vault.transaction((write) => {
      for (const each of steps) apply(write, model, each);
      compare(write, model);
      if (fails) throw stop;
    });
    return model;
  } catch (error) {
    if (error !== stop) throw error;
    return before;
  }
}

function apply(write: VaultWriter, model: Model, step: Step): void {
  const collection: Collection = COLLECTIONS[step.at]!;
  const rows = model[step.at]!;
  if (step.kind === 'delete') {
    write.delete(collection, step.key);
    rows.delete(step.key);
    return;
  }
  if (step.kind === 'replace') {
    write.put(collection, step.key, bytes(step.value));
    const old = rows.get(step.key);
    rows.set(step.key, { value: step.value, lookups: old?.lookups ?? [], order: old?.order ?? null });
    return;
  }
  const { partition, ordinal } = step;
  const taken = [...rows].some(
    ([k, { order }]) => k !== step.key && order?.partition === partition && order.ordinal === ordinal,
  );
  const order = step.ordered && !taken ? { partition, ordinal } : null;
  write.put(collection, step.key, bytes(step.value), {
    lookups: step.lookups.map((lookup) => ['lookup', lookup] as const),
    ...(order === null ? {} : { order }),
  });
  rows.set(step.key, { value: step.value, lookups: step.lookups, order });
}

function compare(read: VaultReader, model: Model): void {
  for (const [i, collection] of COLLECTIONS.entries()) {
    const rows = [...model[i]!];
    assert.equal(read.count(collection), rows.length);
    for (const [k, row] of rows) assert.equal(text(read.get(collection, k)), row.value);
    assert.deepEqual(
      read
        .all(collection)
        .map((row) => row.key)
        .toSorted(),
      rows.map(([k]) => k).toSorted(),
    );
    for (const lookup of LOOKUPS) {
      assert.deepEqual(
        read
          .find(collection, 'lookup', lookup)
          .map((row) => row.key)
          .toSorted(),
        rows
          .filter(([, { lookups }]) => lookups.includes(lookup))
          .map(([k]) => k)
          .toSorted(),
      );
    }
    for (const partition of PARTITIONS) {
      const ordered = rows
        .flatMap(([k, { order }]) => (order?.partition === partition ? [{ key: k, ordinal: order.ordinal }] : []))
        .toSorted((a, b) => a.ordinal - b.ordinal);
      const keys = (range: { after?: number; before?: number; newestFirst?: boolean }) =>
        read.list(collection, { partition, limit: 100, ...range }).map((row) => row.key);
      assert.deepEqual(
        keys({}),
        ordered.map((row) => row.key),
      );
      assert.deepEqual(
        keys({ newestFirst: true }),
        ordered.toReversed().map((row) => row.key),
      );
      assert.deepEqual(
        keys({ after: 3, before: 9 }),
        ordered.filter(({ ordinal }) => ordinal > 3 && ordinal < 9).map((row) => row.key),
      );
      assert.equal(read.count(collection, partition), ordered.length);
    }
  }
}
