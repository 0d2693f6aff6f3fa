import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { runEvents, safeEvents, wildEvents } from './support/events.ts';

test('R-PAIR-2: every delivered message decrypts exactly once, whatever is lost, doubled, late, damaged or begun at once', () => {
  fc.assert(
    fc.property(safeEvents(60), (events) => {
      const outcome = runEvents(events);
      assert.equal(outcome.decrypted, outcome.delivered);
    }),
    { numRuns: 60 },
  );
});

test('R-STO-2: after restores and clones nothing foreign decrypts, nothing twice, no key and nonce seals two things', () => {
  fc.assert(
    fc.property(wildEvents(60), (events) => {
      const outcome = runEvents(events);
      assert.ok(outcome.decrypted <= outcome.delivered);
    }),
    { numRuns: 60 },
  );
});
