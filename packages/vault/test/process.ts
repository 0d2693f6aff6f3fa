import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const CHILD = fileURLToPath(new URL('child.ts', import.meta.url));
export const NODE_ARGUMENTS = ['--conditions=@sotto/source', '--disable-warning=ExperimentalWarning', CHILD];

/** A child running child.ts, and the lines it has said. */
export class Child {
  readonly process: ChildProcess;
  readonly lines: string[] = [];
  readonly ended: Promise<void>;
  #waiting: (() => void)[] = [];

  constructor(mode: string, path: string) {
    this.process = spawn(process.execPath, [...NODE_ARGUMENTS, mode, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache') },
    });
    const lines = createInterface({ input: this.process.stdout! });
    lines.on('line', (line) => {
      this.lines.push(line);
      for (const wake of this.#waiting.splice(0)) wake();
    });
    this.ended = new Promise((resolve) => {
      lines.on('close', () => {
        for (const wake of this.#waiting.splice(0)) wake();
        resolve();
      });
    });
  }

  /** Resolves when it has said something (or ended). */
  async said(): Promise<void> {
    if (this.lines.length === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** kill -9; resolves when everything it said has arrived. */
  async kill(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.ended;
  }
}
