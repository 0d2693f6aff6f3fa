import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CliError, findRunningGateway, homeOf, machineClock, readNote } from '@sotto/cli';
import type { Home } from '@sotto/cli';
import { startChild } from './child.ts';
import type { Child } from './child.ts';

/** The gateway and the echo agent of this home, whoever started them. */
export interface Services {
  readonly address: string;
  /** True: this process started the gateway. */
  readonly own: boolean;
  /** Resolves once the echo agent that this process started listens; at once when it is somebody else's. */
  readonly agent: Promise<void>;
  /** Ends what this process started, and waits until it has ended. */
  stop(): Promise<void>;
}

/** Of the usual home. Others get one of their own, the same each time, below those of outgoing connections. */
const USUAL_PORT = 7443;
const FIRST_PORT = 20_000;
const PORTS = 10_000;
/** ms between looks at whether the gateway is still there. */
const WATCH_MS = 700;
/** ms for a gateway to come up, here or in another window, and between tries. */
const START_MS = 10_000;
const RETRY_MS = 150;

/**
 * Finds the running gateway of this home, or starts one, with the echo agent beside it. While this process runs it also
 * takes over when whoever started them has gone: the second person's chat goes on when the first one leaves.
 */
export async function startServices(home: Home): Promise<Services> {
  const keeper = new Keeper(home);
  const address = await keeper.ensure();
  void keeper.watch();
  return {
    address,
    own: keeper.own,
    agent: keeper.agentReady,
    stop: () => keeper.stop(),
  };
}

class Keeper {
  readonly #home: Home;
  #gateway: Child | null = null;
  #agent: Child | null = null;
  #stopped = false;
  agentReady: Promise<void> = Promise.resolve();

  constructor(home: Home) {
    this.#home = home;
  }

  get own(): boolean {
    return this.#gateway !== null;
  }

  /** Address of a gateway that answers: one that runs, or one started here. Throws `CliError` when there is neither. */
  async ensure(): Promise<string> {
    let problem: CliError | null = null;
    for (const until = performance.now() + START_MS; ; await delay(RETRY_MS)) {
      const running = await findRunningGateway(this.#home, machineClock);
      if (running !== null) return running.address;
      if (this.#stopped || (problem !== null && performance.now() > until)) {
        throw problem ?? new CliError('interrupted', 'Stopped.');
      }
      const port = await choosePort(this.#home);
      if (port === null) {
        // Perhaps another window's gateway, which is just stopping or not quite there yet.
        problem = new CliError(
          'failed',
          'The port where the accounts of this home expect their gateway is taken by another program.',
          `Stop that program and try again. The port is in ${portFile(this.#home)}.`,
        );
        continue;
      }
      const address = await this.#start(port);
      if (typeof address === 'string') return address;
      problem = address;
    }
  }

  async #start(port: number): Promise<string | CliError> {
    const logFile = join(this.#home.logs, 'gateway.log');
    const args = ['--json', '--data', this.#home.root, 'serve', '--listen', `127.0.0.1:${port}`];
    const gateway = startChild('packages/cli/src/main.ts', args, logFile);
    // Both load at the same time; the agent begins when there is an address.
    const agent = startChild(
      'tools/start/echo.ts',
      [join(this.#home.root, 'agents', 'echo')],
      join(this.#home.logs, 'echo.log'),
    );
    const outcome = await gateway.ready;
    const address = readNote(this.#home)?.address;
    if (outcome === 'ended' || address === undefined || this.#stopped) {
      await Promise.all([agent.stop(), gateway.stop()]);
      // Or somebody else was faster: then it answers soon.
      return new CliError('failed', 'The gateway did not start.', `Its log says (${logFile}):\n${gateway.logTail()}`);
    }
    this.#gateway = gateway;
    this.#agent = agent;
    agent.send({ address });
    this.agentReady = agent.ready.then((ready) => {
      if (ready === 'ended') {
        throw new CliError('failed', 'The echo agent did not start.', `Its log says:\n${agent.logTail()}`);
      }
    });
    // Reported where it is awaited.
    this.agentReady.catch(() => undefined);
    return address;
  }

  /** Looks after the services until `stop`. */
  async watch(): Promise<void> {
    while (!this.#stopped) {
      await delay(WATCH_MS, undefined, { ref: false });
      if (this.#stopped || this.#alive()) continue;
      this.#gateway = null;
      await this.#agent?.stop();
      this.#agent = null;
      // Somebody else may be taking over at the same moment: one of the two finds the data folder in use.
      await this.ensure().catch(() => undefined);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all([this.#agent?.stop(), this.#gateway?.stop()]);
  }

  /** Whether the process that the note names is there; whether it answers is the messenger's business. */
  #alive(): boolean {
    const note = readNote(this.#home);
    if (note === null) return false;
    try {
      process.kill(note.pid, 0);
      return true;
    } catch {
      return false;
    }
  }
}

function portFile(home: Home): string {
  return join(home.gateway, 'port');
}

/** The gateway's port stays the same from start to start: accounts know it by its address. Null: taken at the moment. */
async function choosePort(home: Home): Promise<number | null> {
  const file = portFile(home);
  try {
    const known = Number(readFileSync(file, 'utf8'));
    return (await isFree(known)) ? known : null;
  } catch {
    // First start.
  }
  const isUsual = home.root === homeOf(undefined, {}).root;
  const own = FIRST_PORT + (createHash('sha256').update(home.root).digest().readUInt32BE() % PORTS);
  const preferred = isUsual ? USUAL_PORT : own;
  const port = (await isFree(preferred)) ? preferred : await anyPort();
  mkdirSync(home.gateway, { recursive: true, mode: 0o700 });
  writeFileSync(file, String(port), { mode: 0o600 });
  return port;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

function anyPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
