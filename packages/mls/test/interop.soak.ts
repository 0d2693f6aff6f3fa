import { describe, it } from 'node:test';
import { mixedGroup } from './interop/steps.ts';

describe('groups with ts-mls, at length', () => {
  for (let seed = 100; seed < 104; seed++) {
    it(`seed ${seed}: 300 steps, up to 50 members`, async (context) => {
      context.diagnostic(JSON.stringify(await mixedGroup({ seed, steps: 300, maxMembers: 50 })));
    });
  }
});
