import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { Vault } from '@sotto/vault';
import { bytes, messages, TestVault } from './support.ts';

async function insertAll(ordinals: readonly number[]): Promise<{ at: TestVault; vault: Vault }> {
  const at = new TestVault();
  const vault = await at.create();
  vault.transaction((write) => {
    for (const ordinal of ordinals) {
      write.put(messages, `m${ordinal}`, bytes('x'), { order: { partition: 'p', ordinal } });
    }
  });
  return { at, vault };
}

function ordinalsOf(vault: Vault): (number | null)[] {
  return vault.read((read) => read.list(messages, { partition: 'p', limit: 100_000 })).map(({ ordinal }) => ordinal);
}

const ascending = Array.from({ length: 600 }, (_, i) => i * 3);
const patterns: Record<string, readonly number[]> = {
  appended: ascending,
  'put in from the end': ascending.toReversed(),
  'always into the same gap, downwards': [0, 1_000_000, ...Array.from({ length: 600 }, (_, i) => 900_000 - i)],
  'always into the same gap, upwards': [0, 1_000_000, ...Array.from({ length: 600 }, (_, i) => 100_000 + i)],
  'alternately from both ends inwards': ascending.map((_, i) => (i % 2 === 0 ? i : 10_000 - i)),
};

for (const [name, ordinals] of Object.entries(patterns)) {
  test(`rows ${name} come in order, however often room must be made`, async () => {
    const { vault } = await insertAll(ordinals);
    assert.deepEqual(
      ordinalsOf(vault),
      ordinals.toSorted((a, b) => a - b),
    );
    vault.verify();
    vault.close();
  });
}

test('rows in any sequence of any ordinals come in order', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(fc.maxSafeInteger(), { maxLength: 120 }), async (ordinals) => {
      const { vault } = await insertAll(ordinals);
      assert.deepEqual(
        ordinalsOf(vault),
        ordinals.toSorted((a, b) => a - b),
      );
      vault.close();
    }),
    { numRuns: 30 },
  );
});

test('the file shows the order of rows and nothing of their ordinals', async () => {
  const times = Array.from({ length: 20 }, (_, i) => 1_700_000_000_000 + i ** 5);
  const { at, vault } = await insertAll(times);
  vault.close();
  at.tamper((sqlite) => {
    const rows = sqlite.prepare('SELECT rank, ordinal FROM history_row ORDER BY rank').all();
    const ranks = rows.map((row) => Number(row['rank']));
    const distances = new Set(ranks.slice(1).map((rank, i) => rank - ranks[i]!));
    assert.equal(distances.size, 1, 'near and far apart in time look alike');
    for (const [i, row] of rows.entries()) {
      const stored = new DataView((row['ordinal'] as Uint8Array).slice().buffer).getBigInt64(0);
      assert.notEqual(stored, BigInt(times[i]!));
    }
  });
});
