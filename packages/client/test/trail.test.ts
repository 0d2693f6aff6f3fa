import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { reasons } from '../src/trail/reasons.ts';
import type { ReasonCode } from '../src/trail/reasons.ts';
import { appendStep, emptyTrail, FIRST, MOST, spellOut, stepOf } from '../src/trail/trail.ts';

const codes = Object.keys(reasons) as ReasonCode[];

test('a trail keeps its beginning and its latest steps, and says how many it left out', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...codes), { maxLength: 300 }), (sequence) => {
      let trail = emptyTrail;
      const distinct: ReasonCode[] = [];
      sequence.forEach((code, at) => {
        trail = appendStep(trail, stepOf(code, at));
        if (distinct.at(-1) !== code) distinct.push(code);
      });
      assert.ok(trail.steps.length <= MOST);
      assert.equal(trail.steps.length + trail.omitted, distinct.length);
      const kept = trail.steps.map((step) => step.code);
      assert.deepEqual(kept.slice(0, FIRST), distinct.slice(0, FIRST));
      const tail = kept.slice(FIRST);
      assert.deepEqual(tail, tail.length === 0 ? [] : distinct.slice(-tail.length));
    }),
  );
});

test('every reason has a sentence of its own', () => {
  assert.equal(new Set(Object.values(reasons)).size, codes.length);
  for (const step of spellOut({ steps: codes.map((code, at) => stepOf(code, at)), omitted: 0 })) {
    assert.match(step.sentence, /^[A-Z].*\.$/);
  }
});
