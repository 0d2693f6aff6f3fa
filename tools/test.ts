/**
 * Runs the tests: `npm test [-- FILTER…]`, `npm run soak` for the long ones (`*.soak.ts`).
 * Prints one line per test file, failures in full, skipped tests by name, and last `N passed, M failed[, K skipped]`.
 */
import { globSync } from 'node:fs';
import { relative } from 'node:path';
import { run } from 'node:test';
import type { EventData } from 'node:test';

type Outcome = { passed: number; failed: number; skipped: number; started: number };

const args = process.argv.slice(2);
const soak = args.includes('--soak');
const filters = args.filter((arg) => !arg.startsWith('--'));
const suffix = soak ? 'soak' : 'test';
const files = globSync([`packages/*/test/**/*.${suffix}.ts`, `e2e/**/*.${suffix}.ts`, `tools/**/*.${suffix}.ts`])
  .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
  .toSorted();

const outcomes = new Map<string, Outcome>();
const skippedNames: string[] = [];
const failures: string[] = [];
const total = { passed: 0, failed: 0, skipped: 0 };

function outcomeOf(file: string): Outcome {
  let outcome = outcomes.get(file);
  if (outcome === undefined) {
    outcome = { passed: 0, failed: 0, skipped: 0, started: performance.now() };
    outcomes.set(file, outcome);
  }
  return outcome;
}

/** Suites and the file itself are reported as tests too; only leaves count. */
function isLeaf(data: EventData.TestPass | EventData.TestFail): boolean {
  return data.details.type !== 'suite' && data.file !== undefined && !data.name.endsWith(`.${suffix}.ts`);
}

function nameOf(data: { file?: string | undefined; name: string }): string {
  return `${data.file === undefined ? '' : `${relative('.', data.file)}: `}${data.name}`;
}

const started = performance.now();
const stream = run({
  files,
  concurrency: soak ? 1 : 2,
  isolation: 'process',
  execArgv: ['--conditions=@sotto/source', '--disable-warning=ExperimentalWarning'],
  timeout: soak ? 3_600_000 : 600_000,
});

stream.on('test:pass', (data) => {
  if (!isLeaf(data)) return;
  const outcome = outcomeOf(data.file ?? '');
  if (data.skip !== undefined && data.skip !== false) {
    outcome.skipped++;
    total.skipped++;
    skippedNames.push(`${nameOf(data)}${typeof data.skip === 'string' ? ` (${data.skip})` : ''}`);
  } else {
    outcome.passed++;
    total.passed++;
  }
});
stream.on('test:fail', (data) => {
  const error = data.details.error;
  if ('failureType' in error && error.failureType === 'subtestsFailed') return;
  outcomeOf(data.file ?? '').failed++;
  total.failed++;
  const cause = error.cause instanceof Error ? error.cause : error;
  const text = cause.stack ?? cause.message;
  failures.push(`✗ ${nameOf(data)}\n${text.replaceAll(/^/gm, '    ')}`);
  console.log(failures.at(-1));
});
stream.on('test:stderr', (data) => process.stderr.write(data.message));
stream.on('test:stdout', (data) => process.stdout.write(data.message));
stream.on('test:summary', (data) => {
  if (data.file === undefined) return;
  const outcome = outcomeOf(data.file);
  const seconds = (data.duration_ms / 1000).toFixed(1);
  const skipped = outcome.skipped > 0 ? `, ${outcome.skipped} skipped` : '';
  const mark = outcome.failed > 0 ? '✗' : '✓';
  console.log(`${mark} ${relative('.', data.file)}  ${outcome.passed} passed${skipped}  ${seconds} s`);
});
for await (const event of stream) void event;

if (skippedNames.length > 0) console.log(`\nSkipped:\n${skippedNames.map((name) => `  - ${name}`).join('\n')}`);
if (failures.length > 0) console.log(`\nFailed:\n${failures.join('\n')}`);
console.log(`\n${files.length} files in ${((performance.now() - started) / 1000).toFixed(0)} s`);
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
