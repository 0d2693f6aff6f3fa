import { prepareFolder, startBenchGateway, startLoad } from '../gateway/processes.ts';
import type { BenchFolder } from '../gateway/processes.ts';
import type { LoadResult, LoadTask } from '../gateway/protocol.ts';
import type { SuiteOptions } from '../main.ts';
import { endToEnd } from './end-to-end.ts';
import { rowOf } from '../rows.ts';

const SENDERS = 50;
const WINDOW = 64;
const MAILBOXES = 500;
const IDLE_DEVICES = 10_000;
const MIB = 2 ** 20;

/**
 * A gateway in a process of its own, loaded from another one over TLS: posts (accepted and fsynced) while receivers
 * drain, delivery of what waits, memory with idle devices, cold start. Both processes' CPU is reported, because on a
 * small machine the load may be what limits the gateway.
 */
export async function gateway(options: SuiteOptions): Promise<void> {
  const { quick, say } = options;
  await coldStart(options);
  await endToEnd(options);
  {
    using folder = prepareFolder(quick ? 50 : MAILBOXES);
    await posts(options, folder);
  }
  {
    using folder = prepareFolder(quick ? 50 : MAILBOXES);
    await deliveries(options, folder);
  }
  say('Connecting idle devices …');
  using folder = prepareFolder(quick ? 200 : IDLE_DEVICES);
  await idle(options, folder, quick ? 200 : IDLE_DEVICES);
}

async function coldStart({ quick, row }: SuiteOptions): Promise<void> {
  using folder = prepareFolder(0);
  const times: number[] = [];
  // The first start makes the identity and its certificates; it is not counted.
  for (let i = 0; i <= (quick ? 2 : 7); i++) {
    await using running = await startBenchGateway(folder.path);
    if (i > 0) times.push(running.startMs);
  }
  row(rowOf('gateway', 'sotto', 'cold-start', 'ms', times));
}

async function posts(options: SuiteOptions, folder: BenchFolder): Promise<void> {
  const task = { kind: 'post', senders: SENDERS, window: WINDOW, seconds: options.quick ? 3 : 20 } as const;
  const { result, cpu } = await loaded(options, folder, task);
  // The first second fills the pipes and warms the code up.
  const rates = result.rates.slice(1);
  options.row(rowOf('gateway', 'sotto', 'post-1k', '1/s', rates.length > 0 ? rates : [result.count / result.seconds]));
  options.row(rowOf('gateway', 'sotto', 'post-1k-latency', 'ms', result.latencies));
  report(options, 'post-1k', result, cpu);
}

async function deliveries(options: SuiteOptions, folder: BenchFolder): Promise<void> {
  const { result, cpu } = await loaded(options, folder, { kind: 'deliver', waiting: options.quick ? 20 : 200 });
  options.row(rowOf('gateway', 'sotto', 'deliver-1k', '1/s', [result.count / result.seconds]));
  report(options, 'deliver-1k', result, cpu);
}

/** Runs a task against a fresh gateway; `cpu`: the gateway's own, µs. */
async function loaded(
  { say }: SuiteOptions,
  folder: BenchFolder,
  task: LoadTask,
): Promise<{ readonly result: LoadResult; readonly cpu: number }> {
  await using running = await startBenchGateway(folder.path);
  const load = await startLoad({ address: running.address, devices: folder.devices, task });
  const before = await running.usage();
  const result = await load.done;
  const after = await running.usage();
  const refusals = Object.entries(result.refused);
  if (refusals.length > 0) say(`Refused: ${refusals.map(([code, count]) => `${code}: ${count}`).join(', ')}`);
  return { result, cpu: after.cpuMicroseconds - before.cpuMicroseconds };
}

/** CPU of both sides, and what a message costs the gateway. */
function report({ row }: SuiteOptions, name: string, result: LoadResult, cpu: number): void {
  const share = (microseconds: number): number => microseconds / 10_000 / result.seconds;
  row(rowOf('gateway', 'sotto', `${name}-gateway-cpu`, '% of a core', [share(cpu)]));
  row(rowOf('gateway', 'sotto', `${name}-load-cpu`, '% of a core', [share(result.cpuMicroseconds)]));
  row(rowOf('gateway', 'sotto', `${name}-gateway-cpu-each`, 'us', [cpu / result.count]));
}

async function idle({ row, quick }: SuiteOptions, folder: BenchFolder, devices: number): Promise<void> {
  await using running = await startBenchGateway(folder.path);
  const empty = await running.usage();
  const load = await startLoad({ address: running.address, devices: folder.devices, task: { kind: 'idle' } });
  await new Promise((resolve) => setTimeout(resolve, quick ? 1000 : 10_000));
  const full = await running.usage();
  load.finish();
  await load.done;
  row(rowOf('gateway', 'sotto', 'resident-empty', 'MiB', [empty.rssBytes / MIB]));
  row(rowOf('gateway', 'sotto', `resident-${devices}-idle`, 'MiB', [full.rssBytes / MIB]));
  row(rowOf('gateway', 'sotto', 'resident-each', 'KiB', [(full.rssBytes - empty.rssBytes) / 1024 / devices]));
}
