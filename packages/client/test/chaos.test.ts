import { test } from 'node:test';
import * as fc from 'fast-check';
import { live, step } from './support/chaos.ts';

test('whatever happens to two contacts: afterwards both have every message, once, in the same order', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), live), { numRuns: 4 });
});

test('a gateway forgets a capability it was told of long ago: asked again, it is told again', async () => {
  await live([
    { kind: 'fence', side: 0 },
    { kind: 'fence', side: 0 },
    { kind: 'wait', ms: 1_200_000 },
    { kind: 'send', side: 1 },
    { kind: 'forget' },
  ]);
});
