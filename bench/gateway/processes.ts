import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LoadAnswer, LoadOrder, ServerAnswer } from './protocol.ts';

const EXEC = ['--conditions=@sotto/source', '--disable-warning=ExperimentalWarning'];

async function answerOf<Answer extends { readonly kind: string }, Kind extends Answer['kind']>(
  child: ChildProcess,
  kind: Kind,
): Promise<Extract<Answer, { readonly kind: Kind }>> {
  const ending = new AbortController();
  const exit = once(child, 'exit', { signal: ending.signal }).then(
    () => {
      throw new Error(`a process of the benchmark ended before it said ${kind}`);
    },
    () => new Promise<never>(() => {}),
  );
  try {
    while (true) {
      const [answer] = (await Promise.race([once(child, 'message', { signal: ending.signal }), exit])) as [Answer];
      if (answer.kind === kind) return answer as Extract<Answer, { readonly kind: Kind }>;
    }
  } finally {
    ending.abort();
  }
}

export interface BenchGateway extends AsyncDisposable {
  readonly address: string;
  /** ms from the start of the process to the first accepted connection. */
  readonly startMs: number;
  usage(): Promise<{ readonly cpuMicroseconds: number; readonly rssBytes: number }>;
}

/** A gateway in a child process; `folder`: a data folder to keep, otherwise a new one that goes with it. */
export async function startBenchGateway(options: { folder?: string; execArgv?: string[] } = {}): Promise<BenchGateway> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'sotto-bench-'));
  const began = performance.now();
  const child = fork(join(import.meta.dirname, 'server.ts'), [folder], {
    execArgv: [...EXEC, ...(options.execArgv ?? [])],
  });
  const { address } = await answerOf<ServerAnswer, 'ready'>(child, 'ready');
  const startMs = performance.now() - began;
  return {
    address,
    startMs,
    async usage() {
      child.send('usage');
      return answerOf<ServerAnswer, 'usage'>(child, 'usage');
    },
    async [Symbol.asyncDispose]() {
      child.send('stop');
      await once(child, 'exit');
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface BenchLoad {
  readonly done: Promise<Extract<LoadAnswer, { readonly kind: 'done' }>>;
  /** For a task that lasts until it is told. */
  finish(): void;
}

/** Starts a load in a child process; resolves when its measured part begins. */
export async function startLoad(order: LoadOrder): Promise<BenchLoad> {
  const child = fork(join(import.meta.dirname, 'load.ts'), [], { execArgv: EXEC });
  child.send(order);
  await answerOf<LoadAnswer, 'started'>(child, 'started');
  const done = answerOf<LoadAnswer, 'done'>(child, 'done');
  return { done, finish: () => void child.send('finish') };
}
