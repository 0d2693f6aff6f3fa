import { describe, it } from 'node:test';
import { mixedGroup } from './interop/steps.ts';

describe('groups with ts-mls 1.6 and 2.0, at length', () => {
  for (let seed = 100; seed < 110; seed++) {
    it(`seed ${seed}: 400 steps, up to 50 members`, async (context) => {
      const counts = await mixedGroup({ seed, steps: 400, maxMembers: 50, maxPeers: 8 });
      context.diagnostic(JSON.stringify(counts));
    });
  }
});
