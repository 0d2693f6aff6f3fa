import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { steps, World } from './model.ts';

describe('a group with crashes, lost, reordered and repeated messages', () => {
  it('all who are in agree, and nothing is read twice', () => {
    fc.assert(
      fc.property(steps(60), (all) => {
        new World(1).run(all);
      }),
      { numRuns: 60 },
    );
  });
});
