import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runSeed } from '../src/index.ts';
import { plantedBugs } from './support/planted.ts';

/** Seeds in which a planted bug has to be caught. */
const WITHIN = 6;
const SIZE = { accounts: [1, 1], actions: 40, faults: 4, paceMs: 3000 };
/** Several who change one group at the same time. */
const CIRCLE = { accounts: [1, 1, 1], actions: 40, faults: 4, paceMs: 60, deeds: ['group-rotate'] as const };

describe('bugs that were planted are caught', () => {
  for (const { name, caughtBy, kinds, groups = false, plant } of plantedBugs) {
    test(`${name}: ${caughtBy}`, async () => {
      const caught: string[] = [];
      for (let seed = 1; seed <= WITHIN && caught.length === 0; seed++) {
        const { failure } = await runSeed({
          seed,
          size: { ...(groups ? CIRCLE : SIZE), kinds, groups },
          tampering: plant(),
        });
        if (failure !== null) caught.push(failure.violation.invariant);
      }
      assert.deepEqual(caught, [caughtBy]);
    });
  }
});
