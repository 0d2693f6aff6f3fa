import { spawn } from 'node:child_process';
import { mkdirSync, openSync, closeSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..', '..');

/** A child process that says when it is ready, ends with its parent, and writes its log to a file. */
export interface Child {
  readonly pid: number;
  /** Resolves when it says so; `ended` when it ends before. */
  readonly ready: Promise<'ready' | 'ended'>;
  readonly ended: Promise<number | null>;
  send(message: { readonly address: string }): void;
  /** Asks it to end, and waits; kills it if it takes too long. */
  stop(): Promise<void>;
  /** Last lines of its log, for telling what went wrong. */
  logTail(): string;
}

/** ms a child may take to finish what it is doing. */
const STOP_MS = 6000;

/**
 * Starts a program of this repository. The channel to it closes with this process, however that ends, and the child
 * then ends too; it has a process group of its own, so that Ctrl-C in the terminal reaches only the parent.
 */
export function startChild(file: string, args: readonly string[], logFile: string): Child {
  mkdirSync(dirname(logFile), { recursive: true, mode: 0o700 });
  const log = openSync(logFile, 'a', 0o600);
  const child = spawn(
    process.execPath,
    [
      '--conditions=@sotto/source',
      '--disable-warning=ExperimentalWarning',
      join(root, 'tools', 'run.mjs'),
      join(root, file),
      ...args,
    ],
    { stdio: ['ignore', 'ignore', log, 'ipc'], detached: true },
  );
  closeSync(log);
  const ended = new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null));
    child.once('exit', (code) => resolve(code));
  });
  const ready = new Promise<'ready' | 'ended'>((resolve) => {
    child.on('message', (message) => {
      if (typeof message === 'object' && 'event' in message && message.event === 'ready') resolve('ready');
    });
    void ended.then(() => resolve('ended'));
  });
  return {
    pid: child.pid ?? 0,
    ready,
    ended,
    send: (message) => void child.send(message),
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await ended;
      clearTimeout(timer);
    },
    logTail: () => readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-5).join('\n'),
  };
}
