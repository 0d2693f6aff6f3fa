/**
 * Everything that must hold before a change lands: `npm run verify`; `--checks` leaves the tests out.
 * Prints one line per step, the output of the steps that failed, and exits non-zero if any did.
 */
import { spawnSync } from 'node:child_process';

interface Step {
  readonly name: string;
  readonly command: readonly string[];
}

const program = (file: string, ...args: string[]): string[] => [
  process.execPath,
  '--conditions=@sotto/source',
  'tools/run.mjs',
  file,
  ...args,
];

const checks: Step[] = [
  { name: 'format', command: ['oxfmt', '--check', '.'] },
  { name: 'lint and layers', command: ['oxlint', '--type-aware', '--deny-warnings'] },
  { name: 'types', command: ['tsc', '-p', 'tsconfig.json'] },
  { name: 'build', command: ['npm', 'run', '--silent', 'build'] },
  { name: 'lockfile', command: program('tools/lockfile.ts', '--check') },
  { name: 'contract and generated code', command: program('tools/generate.ts', '--check') },
  { name: 'unused code', command: ['knip', '--no-progress'] },
];
const tests: Step = { name: 'tests', command: program('tools/test.ts') };

const steps = process.argv.includes('--checks') ? checks : [...checks, tests];
let failed = 0;
for (const step of steps) {
  const [file = '', ...args] = step.command;
  const started = performance.now();
  const isTests = step === tests;
  const result = spawnSync(file, args, { encoding: 'utf8', stdio: isTests ? 'inherit' : 'pipe', maxBuffer: 1 << 26 });
  const ok = result.status === 0;
  if (!ok) failed++;
  console.log(`${ok ? '✓' : '✗'} ${step.name}  ${((performance.now() - started) / 1000).toFixed(1)} s`);
  if (!ok && !isTests) console.log(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`);
}
console.log(failed === 0 ? 'verify: everything holds' : `verify: ${failed} of ${steps.length} steps failed`);
process.exitCode = failed === 0 ? 0 : 1;
