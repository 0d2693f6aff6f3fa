/**
 * `npm run demo`: two people who are never online at the same time, in separate processes against a separate gateway
 * process, with crashes in the middle. Exits non-zero if anything was lost, doubled or readable.
 * `--keep FOLDER` works in that folder and leaves it there.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { judge } from './demo/judge.ts';
import { tellStory } from './demo/story.ts';

const keepAt = process.argv.indexOf('--keep');
const kept = keepAt === -1 ? undefined : process.argv[keepAt + 1];
const folder = kept ?? mkdtempSync(join(tmpdir(), 'sotto-demo-'));
mkdirSync(folder, { recursive: true });

const started = performance.now();
let step = 0;
function say(who: string, what: string): void {
  step++;
  console.log(`${String(step).padStart(2)}  ${who.padEnd(8)} ${what}`);
}

console.log('Two people, never online together, through a gateway that they do not trust.\n');
try {
  const outcome = await tellStory({ folder, say });
  const { faults, lines } = judge(outcome);
  console.log(`\n${lines.map((line) => `    ${line}`).join('\n')}`);
  for (const fault of faults) console.log(`  ✗ ${fault}`);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    faults.length === 0
      ? `\nNothing was lost, nothing doubled, nothing readable (${seconds} s).`
      : `\nThe demo failed: ${faults.length} faults (${seconds} s).`,
  );
  process.exitCode = faults.length === 0 ? 0 : 1;
} catch (error) {
  console.error(error);
  console.log('\nThe demo failed: it did not get to its end.');
  process.exitCode = 1;
} finally {
  if (kept === undefined) rmSync(folder, { recursive: true, force: true });
}
