import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Forks, forkSteps } from './forks.ts';
import { steps, World } from './model.ts';

describe('a group with crashes, lost, reordered and repeated messages', () => {
  it('all who are in agree, and nothing is read twice', () => {
    fc.assert(
      fc.property(steps(60), (all) => {
        new World(1).run(all);
      }),
      { numRuns: 30 },
    );
  });
});

describe('a group without an order of commits, with crashes', () => {
  it('whoever is in one epoch agrees, on whatever ways it went there, and nothing is read twice', () => {
    fc.assert(
      fc.property(forkSteps(60), (all) => {
        new Forks(1).run(all);
      }),
      { numRuns: 25 },
    );
  });
});
