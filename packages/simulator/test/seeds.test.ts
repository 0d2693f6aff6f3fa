import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'node:test';
import { runSeed, SMALL_SIZE } from '../src/index.ts';

const SEEDS = [1, 2, 3, 4];
const CHILD = fileURLToPath(new URL('./support/digest.ts', import.meta.url));

describe('a fixed set of seeds', () => {
  for (const seed of SEEDS) {
    test(`no invariant breaks in seed ${seed}`, async () => {
      const { failure, events, faults } = await runSeed({ seed, size: SMALL_SIZE });
      assert.equal(
        failure,
        null,
        failure === null ? '' : [...failure.tail.slice(-40), String(failure.violation)].join('\n'),
      );
      assert.equal(faults, SMALL_SIZE.faults);
      assert.ok(events > 250, `${events} events`);
    });
  }
});

test('the same seed makes the same events, twice in one process and in another one', async () => {
  const size = { ...SMALL_SIZE, actions: 20 };
  const first = await runSeed({ seed: 77, size });
  const second = await runSeed({ seed: 77, size });
  const elsewhere = execFileSync(process.execPath, [...process.execArgv, CHILD, '77', '20'], { encoding: 'utf8' });
  assert.equal(second.digest, first.digest);
  assert.equal(elsewhere.trim(), first.digest);
  const other = await runSeed({ seed: 78, size });
  assert.notEqual(other.digest, first.digest);
});

test('leaving items of a plan out leaves the choices of the others as they were', async () => {
  const few: string[] = [];
  await runSeed({ seed: 5, size: SMALL_SIZE, only: new Set([3, 4, 5]), onLine: (line) => few.push(line) });
  const all: string[] = [];
  await runSeed({ seed: 5, size: SMALL_SIZE, onLine: (line) => all.push(line) });
  const [chosen, among] = [few, all].map(chosenIn);
  assert.equal(chosen?.length, 3);
  assert.deepEqual(chosen, among);
});

/** Who does what with the numbers 3 to 5. */
function chosenIn(lines: readonly string[]): string[] {
  return lines.flatMap((line) => {
    const [, who, what] = / (\w+) (?:does|is down and cannot) (\w+ [345])$/.exec(line) ?? [];
    return who === undefined ? [] : [`${who} ${what}`];
  });
}
