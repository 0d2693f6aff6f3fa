import { execFileSync, fork } from 'node:child_process';
import { join } from 'node:path';
import { answerOf, EXEC, prepareFolder, startBenchGateway } from '../gateway/processes.ts';
import type { LogLoadAnswer, LogLoadResult, LogTask } from '../group-log/protocol.ts';
import type { SuiteOptions } from '../main.ts';
import { rowOf } from '../rows.ts';

const LOGS = 500;
const FOLLOWERS = 1000;
const FOLDER = join(import.meta.dirname, '../group-log');

/**
 * Logs of groups at a gateway in a process of its own, loaded from another one over TLS: appends (signed, verified,
 * fsynced) to many logs, and entries of one log handed to many followers, each on a connection of its own.
 */
export async function groupLog(options: SuiteOptions): Promise<void> {
  const { quick, row } = options;
  const seconds = quick ? 3 : 15;
  const appends = await loaded(options, { kind: 'append', connections: 8, window: 16, seconds });
  const rates = appends.result.rates.slice(1);
  row(rowOf('group-log', 'sotto', 'append-1k', '1/s', rates.length > 0 ? rates : [appends.result.count / seconds]));
  row(rowOf('group-log', 'sotto', 'append-1k-latency', 'ms', appends.result.latencies));
  row(rowOf('group-log', 'sotto', 'append-1k-gateway-cpu-each', 'us', [appends.cpu / appends.result.count]));
  row(
    rowOf('group-log', 'sotto', 'append-1k-load-cpu-each', 'us', [
      appends.result.cpuMicroseconds / appends.result.count,
    ]),
  );

  const followers = quick ? 50 : FOLLOWERS;
  options.say(`Connecting ${followers} followers …`);
  const fanOut = await loaded(options, { kind: 'fan-out', followers, entries: quick ? 10 : 100 });
  const { count, latencies } = fanOut.result;
  row({ ...rowOf('group-log', 'sotto', 'fan-out-1k-to-last', 'ms', latencies), members: followers });
  row({ ...rowOf('group-log', 'sotto', 'fan-out-1k', '1/s', [count / fanOut.result.seconds]), members: followers });
  row({
    ...rowOf('group-log', 'sotto', 'fan-out-1k-gateway-cpu-each', 'us', [fanOut.cpu / count]),
    members: followers,
  });
}

/** Runs a task against a fresh gateway; `cpu`: the gateway's own, µs. */
async function loaded(
  { say }: SuiteOptions,
  task: LogTask,
): Promise<{ readonly result: LogLoadResult; readonly cpu: number }> {
  using folder = prepareFolder(0);
  execFileSync(process.execPath, [...EXEC, join(FOLDER, 'prepare.ts'), folder.path, String(LOGS)]);
  await using running = await startBenchGateway(folder.path);
  const child = fork(join(FOLDER, 'load.ts'), [], { execArgv: EXEC });
  const started = answerOf<LogLoadAnswer, 'started'>(child, 'started');
  child.send({ address: running.address, logs: join(folder.path, 'logs.json'), task });
  await started;
  const before = await running.usage();
  const result = await answerOf<LogLoadAnswer, 'done'>(child, 'done');
  const after = await running.usage();
  if (result.refused > 0) say(`Refused: ${result.refused}`);
  return { result, cpu: after.cpuMicroseconds - before.cpuMicroseconds };
}
