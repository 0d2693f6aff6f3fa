/** `npm run sim -- --seeds A..B`: runs seeds, two at a time, and says what came of them. */
import { fork } from 'node:child_process';

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { invariants } from './check/violation.ts';
import type { InvariantName } from './check/violation.ts';
import { runSeed } from './play/seed.ts';
import { shrink } from './play/shrink.ts';

const USAGE = `npm run sim -- --seeds A..B [--workers 2] [--disk] [--only N,N,…] [--print] [--shrink]
  --seeds    one seed or a range
  --workers  processes that run seeds, default 2
  --disk     vaults and the gateway's store on a disk; otherwise one seed in twenty
  --only     only these items of the plan happen (from a shrunk failure)
  --print    prints the event log; one seed, in this process
  --shrink   looks for the fewest items of a plan that still fail; one seed, in this process`;

/** Lines of the event log that a failure prints. */
const TAIL = 60;

/** What a worker says of a seed. */
interface Outcome {
  readonly seed: number;
  readonly events: number;
  readonly faults: number;
  readonly messages: number;
  readonly seconds: number;
  readonly cpuMs: number;
  readonly digest: string;
  readonly failure: {
    readonly invariant: InvariantName;
    readonly text: string;
    readonly tail: readonly string[];
  } | null;
}

const WORKER = 'worker';

if (process.argv[2] === WORKER) work();
else process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string' },
      workers: { type: 'string', default: '2' },
      disk: { type: 'boolean', default: false },
      only: { type: 'string' },
      print: { type: 'boolean', default: false },
      shrink: { type: 'boolean', default: false },
    },
  });
  const seeds = parseSeeds(values.seeds ?? '');
  const workers = Number(values.workers);
  if (seeds === null || !(workers >= 1 && workers <= 64)) {
    console.error(USAGE);
    return 2;
  }
  const only = values.only === undefined ? null : new Set(values.only.split(',').map(Number));
  const here = { ...(only === null ? {} : { only }), ...(values.disk ? { disk: true } : {}) };
  if (values.shrink) return shrinkHere(seeds.first, here);
  const printLine = values.print ? (line: string) => console.log(line) : null;
  if (printLine !== null || only !== null) {
    const outcome = await outcomeOf(seeds.first, { ...here, ...(printLine === null ? {} : { onLine: printLine }) });
    tell(outcome);
    return outcome.failure === null ? 0 : 1;
  }
  return runAll(seeds, workers, values.disk);
}

function parseSeeds(text: string): { readonly first: number; readonly last: number } | null {
  const match = /^(\d{1,9})(?:\.\.(\d{1,9}))?$/.exec(text);
  if (match === null) return null;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return last >= first ? { first, last } : null;
}

async function runAll(
  { first, last }: { readonly first: number; readonly last: number },
  workers: number,
  disk: boolean,
): Promise<number> {
  const began = performance.now();
  const total = { seeds: 0, events: 0, faults: 0, messages: 0, failed: 0, cpuMs: 0 };
  let next = first;
  const lane = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = fork(fileURLToPath(import.meta.url), [WORKER]);
      const give = (): void => {
        if (next > last) child.disconnect();
        else child.send({ seed: next++, disk });
      };
      child.on('message', (outcome: Outcome) => {
        total.seeds++;
        total.events += outcome.events;
        total.faults += outcome.faults;
        total.messages += outcome.messages;
        total.cpuMs += outcome.cpuMs;
        if (outcome.failure !== null) total.failed++;
        tell(outcome);
        give();
      });
      child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
      give();
    });
  await Promise.all(Array.from({ length: Math.min(workers, last - first + 1) }, lane));
  const seconds = (performance.now() - began) / 1000;
  const { seeds, events, faults, messages, failed, cpuMs } = total;
  console.log(
    `${seeds} seeds, ${failed} failed; ${events} events, ${messages} messages, ${faults} faults; ` +
      `${seconds.toFixed(1)} s, ${(seeds / seconds).toFixed(2)} seeds/s, ${(cpuMs / 1000 / seeds).toFixed(2)} s of CPU a seed`,
  );
  return failed === 0 ? 0 : 1;
}

function tell({ seed, events, faults, messages, seconds, cpuMs, digest, failure }: Outcome): void {
  const numbers = `${events} events, ${messages} messages, ${faults} faults in ${seconds} s of theirs, ${Math.round(cpuMs)} ms of ours`;
  console.log(`${failure === null ? '✓' : '✗'} seed ${seed}  ${numbers}  ${digest.slice(0, 12)}`);
  if (failure === null) return;
  for (const line of failure.tail.slice(-TAIL)) console.log(`    ${line}`);
  console.log(`  ${failure.invariant}: ${invariants[failure.invariant]}`);
  console.log(`  ${failure.text}`);
  console.log(`  again: npm run sim -- --seeds ${seed} --print    smaller: npm run sim -- --seeds ${seed} --shrink`);
}

async function outcomeOf(seed: number, options: Omit<Parameters<typeof runSeed>[0], 'seed'>): Promise<Outcome> {
  const began = process.cpuUsage();
  const { events, faults, messages, seconds, digest, failure } = await runSeed({ seed, ...options });
  const { user, system } = process.cpuUsage(began);
  return {
    seed,
    events,
    faults,
    messages,
    seconds,
    cpuMs: (user + system) / 1000,
    digest,
    failure:
      failure === null
        ? null
        : { invariant: failure.violation.invariant, text: detailOf(failure.violation), tail: failure.tail },
  };
}

function detailOf(error: Error): string {
  const causes: string[] = [];
  for (let cause = error.cause; cause instanceof Error; cause = cause.cause) causes.push(cause.stack ?? cause.message);
  return [error.message, ...causes].join('\n  because ');
}

async function shrinkHere(seed: number, options: Omit<Parameters<typeof runSeed>[0], 'seed'>): Promise<number> {
  const { failure } = await runSeed({ seed, ...options });
  if (failure === null) {
    console.log(`seed ${seed} does not fail`);
    return 0;
  }
  const { invariant } = failure.violation;
  const items = Array.from(await shrink({ seed, ...options }, invariant)).toSorted((a, b) => a - b);
  console.log(
    `${invariant} breaks with ${items.length} items: npm run sim -- --seeds ${seed} --only ${items.join()} --print`,
  );
  return 1;
}

/** A worker: runs the seeds it is sent, one at a time. */
function work(): void {
  process.on('message', ({ seed, disk }: { readonly seed: number; readonly disk: boolean }) => {
    outcomeOf(seed, disk ? { disk } : {}).then(
      (outcome) => process.send?.(outcome),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}
