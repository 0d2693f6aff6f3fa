import { test } from 'node:test';
import * as fc from 'fast-check';
import { disappear, step } from './support/disappear.ts';

test('long histories with timers, restarts and clocks that are set', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), disappear), {
    numRuns: 40,
  });
});
