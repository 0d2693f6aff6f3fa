import { test } from 'node:test';
import * as fc from 'fast-check';
import { live, step } from './support/chaos.ts';

test('two hundred histories of two contacts, long ones: every message is there, once, in one order', async () => {
  const histories = fc.array(step, { minLength: 20, maxLength: 120 });
  await fc.assert(fc.asyncProperty(histories, live), { numRuns: 200, endOnFailure: true });
});
