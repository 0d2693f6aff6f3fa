import { test } from 'node:test';
import * as fc from 'fast-check';
import { happenings, Network } from './network.ts';

test('R-STO-2 three devices over a lossy, repeating, reordering channel, with crashes: each message once', async () => {
  await fc.assert(
    fc.asyncProperty(happenings, async (steps) => (await Network.create()).run(steps)),
    { numRuns: 3000 },
  );
});
