import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { MemberCalls, MemberReply } from './member-protocol.ts';

const PROGRAM = join(import.meta.dirname, 'member.ts');
/** With its cache of compiled code: half the time of a start. */
const RUNNER = join(import.meta.dirname, '../../tools/run.mjs');
const EXEC = ['--conditions=@sotto/source', '--disable-warning=ExperimentalWarning'];

/** One device of an account, in a process that can be closed, killed and started again. */
export class MemberProcess {
  /** Of the account and the device: `carol 2`. */
  readonly name: string;
  readonly account: string;
  readonly #folder: string;
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #child: ChildProcess | undefined;
  #stderr = '';
  #id = 0;

  constructor(name: string, account: string, folder: string) {
    this.name = name;
    this.account = account;
    this.#folder = folder;
  }

  get online(): boolean {
    return this.#child !== undefined;
  }

  async start(): Promise<void> {
    if (this.#child !== undefined) return;
    const child = fork(RUNNER, [PROGRAM, this.#folder], { execArgv: EXEC, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    this.#child = child;
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-4000);
    });
    const ready = Promise.withResolvers<void>();
    child.on('message', (reply: MemberReply) => {
      if (reply.kind === 'ready') ready.resolve();
      else this.#answered(reply);
    });
    child.once('exit', (code, signal) => {
      const error = new Error(`${this.name} has ended (${signal ?? code}): ${this.#stderr}`);
      if (this.#child === child) this.#child = undefined;
      ready.reject(error);
      for (const { reject } of this.#waiting.values()) reject(error);
      this.#waiting.clear();
    });
    await ready.promise;
  }

  /** Rejects when the process ends first. */
  call<Call extends keyof MemberCalls>(
    call: Call,
    request: MemberCalls[Call]['request'],
  ): Promise<MemberCalls[Call]['result']> {
    const child = this.#child;
    if (child === undefined) return Promise.reject(new Error(`${this.name} is offline`));
    this.#id++;
    const id = this.#id;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: (result) => resolve(result as MemberCalls[Call]['result']), reject });
      const message: { id: number; call: Call; request: MemberCalls[Call]['request'] } = { id, call, request };
      child.send(message);
    });
  }

  /** Goes offline as a program does that is closed. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = once(child, 'exit');
    await this.call('close', {}).catch(() => undefined);
    await ended;
  }

  /** Ends as a power failure would end it. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  #answered(reply: Exclude<MemberReply, { kind: 'ready' }>): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (reply.kind === 'result') waiting?.resolve(reply.result);
    else waiting?.reject(new Error(`${this.name}: ${reply.error}`));
  }
}
