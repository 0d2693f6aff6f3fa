import { makePlan } from './item.ts';
import { runSeed } from './seed.ts';
import type { SeedOptions } from './seed.ts';
import { FULL_SIZE } from './seed.ts';

/** Runs that a search for a smaller failure may take. */
const MOST_RUNS = 80;

/**
 * The fewest items of a seed's plan that were found to break the same invariant: halves, quarters, … are left out for as
 * long as it still breaks.
 */
export async function shrink(options: SeedOptions, invariant: string): Promise<ReadonlySet<number>> {
  const size = options.size ?? FULL_SIZE;
  let kept = makePlan({ seed: String(options.seed), ...size })
    .map(({ number }) => number)
    .filter((number) => options.only?.has(number) !== false);
  let runs = 0;
  for (let pieces = 2; kept.length > 1 && runs < MOST_RUNS;) {
    const length = Math.ceil(kept.length / pieces);
    let smaller: number[] | null = null;
    for (let at = 0; at < kept.length && smaller === null && runs < MOST_RUNS; at += length) {
      const rest = kept.filter((_, i) => i < at || i >= at + length);
      runs++;
      const { failure } = await runSeed({ ...options, only: new Set(rest) });
      if (failure?.violation.invariant === invariant) smaller = rest;
    }
    if (smaller !== null) {
      kept = smaller;
      pieces = Math.max(2, pieces - 1);
    } else if (length === 1) {
      break;
    } else {
      pieces = Math.min(kept.length, pieces * 2);
    }
  }
  return new Set(kept);
}
