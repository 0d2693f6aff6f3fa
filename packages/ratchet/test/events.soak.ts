import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { runEvents, safeEvents, wildEvents } from './support/events.ts';

test('R-PAIR-2: long histories: every delivered message decrypts exactly once', () => {
  fc.assert(
    fc.property(safeEvents(400), (events) => {
      const outcome = runEvents(events);
      assert.equal(outcome.decrypted, outcome.delivered);
    }),
    { numRuns: 600 },
  );
});

test('R-STO-2: long histories with restores and clones: nothing foreign, nothing twice, no key and nonce for two things', () => {
  fc.assert(
    fc.property(wildEvents(400), (events) => {
      const outcome = runEvents(events);
      assert.ok(outcome.decrypted <= outcome.delivered);
    }),
    { numRuns: 600 },
  );
});
