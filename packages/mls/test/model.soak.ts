import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { Forks, forkSteps } from './forks.ts';
import { steps, World } from './model.ts';

describe('a group with crashes, lost, reordered and repeated messages, at length', () => {
  for (const suite of [1, 3, 0xf002]) {
    it(`suite ${suite}`, () => {
      fc.assert(
        fc.property(steps(200), (all) => {
          new World(suite).run(all);
        }),
        { numRuns: 40 },
      );
    });
  }
});

describe('a group without an order of commits, with crashes, at length', () => {
  for (const suite of [1, 0xf002]) {
    it(`suite ${suite}`, () => {
      fc.assert(
        fc.property(forkSteps(300), (all) => {
          new Forks(suite).run(all);
        }),
        { numRuns: 200 },
      );
    });
  }
});
