import { execFileSync, fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoadAnswer, LoadOrder, LoadResult, ServerAnswer } from './protocol.ts';

/** How the benchmark's programs are run. */
export const EXEC = ['--conditions=@sotto/source', '--disable-warning=ExperimentalWarning'];

/** Answers of a child, by kind; a child that ends before it has answered is an error. */
export async function answerOf<Answer extends { readonly kind: string }, Kind extends Answer['kind']>(
  child: ChildProcess,
  kind: Kind,
): Promise<Extract<Answer, { readonly kind: Kind }>> {
  return new Promise((resolve, reject) => {
    const onMessage = (answer: Answer): void => {
      if (answer.kind !== kind) return;
      child.off('message', onMessage);
      child.off('exit', onExit);
      resolve(answer as Extract<Answer, { readonly kind: Kind }>);
    };
    const onExit = (): void => reject(new Error(`a process of the benchmark ended before it said ${kind}`));
    child.on('message', onMessage);
    child.once('exit', onExit);
  });
}

/** A data folder with devices in it, gone afterwards. */
export interface BenchFolder extends Disposable {
  readonly path: string;
  readonly devices: string;
}

export function prepareFolder(devices: number): BenchFolder {
  const path = mkdtempSync(join(tmpdir(), 'sotto-bench-'));
  execFileSync(process.execPath, [...EXEC, join(import.meta.dirname, 'prepare.ts'), path, String(devices)]);
  return {
    path,
    devices: join(path, 'devices.json'),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}

export interface BenchGateway extends AsyncDisposable {
  readonly address: string;
  /** ms from the start of the process to the first accepted connection. */
  readonly startMs: number;
  usage(): Promise<{ readonly cpuMicroseconds: number; readonly rssBytes: number }>;
}

/** A gateway in a child process. */
export async function startBenchGateway(folder: string, execArgv: readonly string[] = []): Promise<BenchGateway> {
  const began = performance.now();
  const child = fork(join(import.meta.dirname, 'server.ts'), [folder], { execArgv: [...EXEC, ...execArgv] });
  const { address } = await answerOf<ServerAnswer, 'ready'>(child, 'ready');
  const startMs = performance.now() - began;
  return {
    address,
    startMs,
    async usage() {
      const answer = answerOf<ServerAnswer, 'usage'>(child, 'usage');
      child.send('usage');
      return answer;
    },
    async [Symbol.asyncDispose]() {
      const exited = once(child, 'exit');
      child.send('stop');
      await exited;
    },
  };
}

export interface BenchLoad {
  readonly done: Promise<LoadResult>;
  /** For a task that lasts until it is told. */
  finish(): void;
}

/** Starts a load in a child process; resolves when its measured part begins. */
export async function startLoad(order: LoadOrder): Promise<BenchLoad> {
  const child = fork(join(import.meta.dirname, 'load.ts'), [], { execArgv: EXEC });
  const started = answerOf<LoadAnswer, 'started'>(child, 'started');
  child.send(order);
  await started;
  const done = answerOf<LoadAnswer, 'done'>(child, 'done');
  return { done, finish: () => void child.send('finish') };
}
