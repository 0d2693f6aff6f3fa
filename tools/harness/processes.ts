import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '..', '..');
const runner = join(root, 'tools', 'run.mjs');
const main = join(root, 'packages', 'cli', 'src', 'main.ts');

/** ms that a gateway may take to start: a machine that tests on all its cores is slow. */
const START_MS = 60_000;

/** A program of this repository in a process of its own, with what it has written so far. */
export interface Program {
  readonly child: ChildProcess;
  readonly pid: number;
  /** Lines of stdout. */
  readonly lines: readonly string[];
  stderr(): string;
  /** The next line (from the call on, or already there and not taken yet). Throws when the program ends first. */
  nextLine(ms?: number): Promise<string>;
  write(text: string): void;
  endInput(): void;
  kill(signal: NodeJS.Signals): void;
  /** Resolves once the process has ended and everything it wrote is here. */
  readonly ended: Promise<{ readonly exitCode: number | null; readonly signal: NodeJS.Signals | null }>;
}

export interface ProgramOptions {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly nodeArgs?: readonly string[];
  /** Everything the program writes is appended here too. */
  readonly logFile?: string;
}

/** Starts a TypeScript program with the Node that runs this one. */
function startProgram(options: ProgramOptions): Program {
  const child = spawn(
    process.execPath,
    [
      '--conditions=@sotto/source',
      '--disable-warning=ExperimentalWarning',
      ...(options.nodeArgs ?? []),
      // With its cache of compiled code: half the time of a short command.
      runner,
      options.file,
      ...options.args,
    ],
    { cwd: root, env: { ...process.env, NO_COLOR: '1', ...options.env }, stdio: ['pipe', 'pipe', 'pipe'] },
  );
  const lines: string[] = [];
  const waiting: ((line: string | null) => void)[] = [];
  let taken = 0;
  let stderr = '';
  const log = (text: string): void => {
    if (options.logFile !== undefined) appendFileSync(options.logFile, text);
  };
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    log(`${line}\n`);
    const waiter = waiting.shift();
    if (waiter !== undefined) {
      taken++;
      waiter(line);
    }
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    log(chunk.toString());
  });
  // A program that was killed no longer reads.
  child.stdin.on('error', () => undefined);
  const ended = new Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('close', (exitCode, signal) => {
      for (const waiter of waiting.splice(0)) waiter(null);
      resolve({ exitCode, signal });
    });
  });
  return {
    child,
    pid: child.pid ?? 0,
    lines,
    stderr: () => stderr,
    async nextLine(ms = 15_000) {
      const there = lines[taken];
      if (there !== undefined) {
        taken++;
        return there;
      }
      let timer: NodeJS.Timeout | undefined;
      const line = await new Promise<string | null>((resolve) => {
        waiting.push(resolve);
        timer = setTimeout(() => resolve(null), ms);
      });
      clearTimeout(timer);
      if (line === null) throw new Error(`no further line from ${options.args.join(' ')}\n${stderr}`);
      return line;
    },
    write: (text) => void child.stdin.write(text),
    endInput: () => child.stdin.end(),
    kill: (signal) => void child.kill(signal),
    ended,
  };
}

/** What a finished command said, with `--json`. */
export interface Answer {
  readonly exitCode: number;
  readonly objects: readonly Record<string, unknown>[];
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

/** One person's `sotto` on this machine: commands run with `--json`, each in a process of its own. */
export class Person {
  readonly profile: string;
  readonly home: string;
  readonly #options: Pick<ProgramOptions, 'nodeArgs' | 'logFile' | 'env'>;

  constructor(profile: string, home: string, options: Pick<ProgramOptions, 'nodeArgs' | 'logFile' | 'env'> = {}) {
    this.profile = profile;
    this.home = home;
    this.#options = options;
    mkdirSync(home, { recursive: true });
  }

  /** Starts a command and leaves it running. */
  start(...args: readonly string[]): Program {
    return startProgram({
      ...this.#options,
      file: main,
      args: ['--json', '--data', this.home, '--profile', this.profile, ...args],
    });
  }

  /** Runs a command to its end. */
  async run(args: readonly string[], input = ''): Promise<Answer> {
    const started = performance.now();
    const program = this.start(...args);
    program.write(input);
    program.endInput();
    const { exitCode, signal } = await program.ended;
    if (process.env['SOTTO_TIMES'] !== undefined)
      console.error(`${Math.round(performance.now() - started)} ms ${this.profile} ${args.join(' ').slice(0, 60)}`);
    return {
      exitCode: exitCode ?? (signal === null ? 1 : 128),
      objects: program.lines.map((line) => JSON.parse(line) as Record<string, unknown>),
      stdout: program.lines.join('\n'),
      stderr: program.stderr(),
      ms: performance.now() - started,
    };
  }

  /** Runs a command that must succeed. */
  async must(args: readonly string[], input = ''): Promise<Answer> {
    const answer = await this.run(args, input);
    if (answer.exitCode !== 0) {
      throw new Error(
        `${this.profile}: sotto ${args.join(' ')} ended with ${answer.exitCode}\n${answer.stdout}\n${answer.stderr}`,
      );
    }
    return answer;
  }
}

export interface GatewayProcessOptions {
  /** SOTTO_HOME of the gateway. */
  readonly home: string;
  readonly listenPort: number;
  /** Where clients are told to connect: a tap in front of it. Default: where it listens. */
  readonly publicPort?: number;
  readonly nodeArgs?: readonly string[];
  readonly logFile?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A gateway in a process of its own, which can be killed and started again on the same folder and port. */
export class GatewayProcess {
  readonly #options: GatewayProcessOptions;
  #program: Program | null = null;
  #address = '';

  constructor(options: GatewayProcessOptions) {
    this.#options = options;
  }

  get address(): string {
    return this.#address;
  }

  get pid(): number {
    return this.#program?.pid ?? 0;
  }

  get folder(): string {
    return join(this.#options.home, 'gateway');
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    const { home, listenPort, publicPort, nodeArgs, logFile, env } = this.#options;
    const program = startProgram({
      file: main,
      args: [
        '--json',
        '--data',
        home,
        'serve',
        '--listen',
        `127.0.0.1:${listenPort}`,
        '--log',
        'debug',
        ...(publicPort === undefined ? [] : ['--address', `127.0.0.1:${publicPort}`]),
      ],
      ...(nodeArgs === undefined ? {} : { nodeArgs }),
      ...(logFile === undefined ? {} : { logFile }),
      ...(env === undefined ? {} : { env }),
    });
    this.#program = program;
    const ready = JSON.parse(await program.nextLine(START_MS)) as { address: string };
    this.#address = ready.address;
  }

  /** Ends it at once, as a crash of the machine's power would. */
  async kill(): Promise<void> {
    this.#program?.kill('SIGKILL');
    await this.#program?.ended;
  }

  /** Asks it to stop, and waits until it has. Gives its exit code. */
  async stop(): Promise<number | null> {
    this.#program?.kill('SIGTERM');
    const end = await this.#program?.ended;
    return end?.exitCode ?? null;
  }
}

/**
 * A loopback port that is free, below those the system gives to outgoing connections: a gateway that is killed and
 * started again must find its port still free.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const server = createServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    await new Promise((resolve) => server.close(resolve));
    if (free) return port;
  }
}
