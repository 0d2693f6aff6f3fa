/**
 * `npm start`: a gateway, an echo agent, your account, a chat. `--profile NAME` is a second person; `--data FOLDER`
 * keeps everything somewhere else. Without a terminal it holds the same conversation by itself, and ends.
 */
import { parseArgs } from 'node:util';
import { CliError, createContext, describeError, machineClock, profileNames, runTerminalChat } from '@sotto/cli';
import type { CliContext } from '@sotto/cli';
import { echoContact, exchange, openOrCreate } from './start/newcomer.ts';
import { welcome } from './start/screens.ts';
import { startServices } from './start/services.ts';

const started = performance.now();

const usage = `npm start                       gateway, echo agent, your account, a chat
npm start -- --profile bob      a second person on the same gateway
npm start -- --data FOLDER      keep everything in FOLDER (default: SOTTO_HOME, or this system's data folder)
`;

/** Who you are when you do not say: the first name in every book about cryptography. */
const FIRST_PROFILE = 'alice';
/** ms for the conversation without a terminal. */
const PATIENCE_MS = 30_000;

function readArguments(): { profile?: string; data?: string; help?: boolean } {
  try {
    return parseArgs({
      options: { profile: { type: 'string' }, data: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
    }).values;
  } catch (cause) {
    throw new CliError('usage', cause instanceof Error ? cause.message : 'Not understood.', usage, { cause });
  }
}

async function start(signal: AbortSignal): Promise<number> {
  const args = readArguments();
  if (args.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  const { stdin, stdout, stderr, env } = process;
  const environment = { stdin, stdout, stderr, env, clock: machineClock };
  const profile = args.profile?.toLowerCase() ?? env['SOTTO_PROFILE'] ?? FIRST_PROFILE;
  const context = createContext(environment, { ...args, profile }, signal);
  if (profile === 'echo') throw new CliError('usage', 'echo is the name of the agent.', 'Choose another profile.');
  const services = startServices(context.home);
  services.catch(() => undefined);
  try {
    const gateway = services.then(({ address }) => address);
    gateway.catch(() => undefined);
    const { messenger, isNew, protection } = await openOrCreate(context, gateway).catch((cause: unknown) => {
      if (describeError(cause).code !== 'in_use') throw cause;
      const advice = 'Go on there. A second person is:  npm start -- --profile bob';
      throw new CliError('in_use', `${profile} is open in another window.`, advice, { cause });
    });
    try {
      const { address, own, agent } = await services;
      await requireSameGateway(context, messenger, address);
      const facts = {
        profile,
        isNew,
        home: context.home.root,
        homeNamed: args.data !== undefined,
        address,
        gatewayFolder: context.home.gateway,
        ownGateway: own,
        profileFolder: context.home.profile(profile),
        hasPassphrase: protection === 'passphrase',
        others: profileNames(context).filter((name) => name !== profile),
        contacts: (await messenger.contacts()).flatMap(({ accountName }) => accountName ?? []),
      };
      const echo = await echoContact(messenger, agent);
      if (!(stdin.isTTY && stdout.isTTY && env['TERM'] !== 'dumb')) {
        return await talkAlone(context, messenger, echo, facts);
      }
      if (isNew) await messenger.send(echo.conversation, 'Hello! Who can read this?');
      // From here on the chat itself hears Ctrl-C; before, it may have been pressed during any of the waits above.
      signal.throwIfAborted();
      const exitCode = await runTerminalChat({
        messenger,
        input: stdin,
        output: stdout,
        colour: context.output.colour,
        clock: machineClock,
        start: echo.conversation,
        welcome: welcome(facts),
      });
      stdout.write(own ? 'The gateway stops with this window. "npm start" goes on where you left.\n' : '');
      return exitCode;
    } finally {
      await messenger.close();
    }
  } finally {
    await services.then(
      (running) => running.stop(),
      () => undefined,
    );
  }
}

/** An account belongs to the gateway it was made at; a gateway whose data was thrown away is another one. */
async function requireSameGateway(
  context: CliContext,
  messenger: Parameters<typeof exchange>[0],
  address: string,
): Promise<void> {
  const { gateway } = await messenger.self();
  if (gateway === address) return;
  throw new CliError(
    'untrusted',
    `The profile "${context.profile}" has its account at another gateway than the one in this folder.`,
    `Was the gateway's data (${context.home.gateway}) removed? Put it back, or begin anew: npm start -- --data NEW-FOLDER`,
  );
}

/** Nobody is at a terminal: the same conversation, without hands. */
async function talkAlone(
  context: CliContext,
  messenger: Parameters<typeof exchange>[0],
  echo: Parameters<typeof exchange>[1],
  facts: Parameters<typeof welcome>[0],
): Promise<number> {
  const say = (line: string): void => void context.stdout.write(`${line}\n`);
  say('There is no terminal here, so this holds the conversation by itself and then ends.');
  say(`  gateway  ${facts.address} (data in ${facts.gatewayFolder})`);
  say(`  account  ${facts.profile}, ${facts.isNew ? 'just made' : 'as before'} (${facts.profileFolder})`);
  const signal = AbortSignal.any([context.signal, AbortSignal.timeout(PATIENCE_MS)]);
  const texts = [`Hello! Who can read this? (${new Date().toISOString()})`, 'Chào bạn! Привет! 👋'];
  let first = 0;
  for (const text of texts) {
    say(`${facts.profile}: ${text}`);
    const { answer, ms } = await exchange(messenger, echo, text, signal).catch((cause: unknown) => {
      if (context.signal.aborted || !signal.aborted) throw cause;
      const advice = `The logs are in ${context.home.logs}; "npm run sotto -- doctor" looks closer.`;
      throw new CliError('unreachable', `No answer within ${PATIENCE_MS / 1000} s.`, advice, { cause });
    });
    if (first === 0) first = performance.now() - started;
    say(`echo: ${answer}  (${Math.round(ms)} ms)`);
  }
  say(
    `The first encrypted answer was here after ${(first / 1000).toFixed(1)} s. In a terminal, "npm start" lets you talk.`,
  );
  return 0;
}

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
try {
  process.exitCode = await start(stop.signal);
} catch (error) {
  const { message, advice, code } = stop.signal.aborted
    ? new CliError('interrupted', 'Stopped.')
    : describeError(error);
  console.error(`sotto: ${message}${advice === null ? '' : `\n${advice}`}`);
  process.exitCode = code === 'interrupted' ? 130 : 1;
}
