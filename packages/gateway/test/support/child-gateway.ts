import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

const PROGRAM = join(import.meta.dirname, 'child.ts');
export const EXEC_ARGV = ['--conditions=@sotto/source', '--disable-warning=ExperimentalWarning'];

/** A gateway in a process of its own. */
export class ChildGateway implements AsyncDisposable {
  readonly address: string;
  readonly process: ChildProcess;

  private constructor(process: ChildProcess, address: string) {
    this.process = process;
    this.address = address;
  }

  static async start(folder: string, port: number, memoryMiB?: number): Promise<ChildGateway> {
    const args = [folder, String(port), ...(memoryMiB === undefined ? [] : [String(memoryMiB)])];
    const child = fork(PROGRAM, args, { execArgv: EXEC_ARGV });
    const [{ address }] = (await once(child, 'message')) as [{ address: string }];
    return new ChildGateway(child, address);
  }

  /** Bytes. */
  async residentMemory(): Promise<number> {
    this.process.send('rss');
    const [{ rss }] = (await once(this.process, 'message')) as [{ rss: number }];
    return rss;
  }

  /** Ends it as a power failure would. */
  async kill(): Promise<void> {
    const exited = once(this.process, 'exit');
    this.process.kill('SIGKILL');
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) await this.kill();
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
