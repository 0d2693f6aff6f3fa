import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort, GatewayProcess, Person } from '../harness/processes.ts';
import type { Answer } from '../harness/processes.ts';
import { filesBelow, wirePlaces } from '../harness/readable.ts';
import type { Place } from '../harness/readable.ts';
import { startTap } from '../tap/tap.ts';
import { plantOnWire } from './plant.ts';

/** What the demo finds out. */
export interface Outcome {
  /** Texts whose sending was confirmed, by who wrote them. */
  readonly confirmed: { readonly alice: readonly string[]; readonly bob: readonly string[] };
  /** What the other one has in the end. */
  readonly arrived: { readonly fromAlice: readonly string[]; readonly fromBob: readonly string[] };
  /** Other private texts: the greeting of the request. */
  readonly alsoPrivate: readonly string[];
  readonly places: readonly Place[];
  /** Planted where each kind of place is searched: must be found. */
  readonly marker: string;
  readonly connections: number;
}

export interface StoryOptions {
  /** An empty folder; everything happens below it. */
  readonly folder: string;
  readonly say: (who: string, what: string) => void;
}

const MANY = 40;
/** Confirmed messages after which Alice's program is killed in the middle of the rest. */
const KILLED_AFTER = 15;

/** Two people who are never online at the same time, with crashes in between. Throws when a step fails. */
export async function tellStory({ folder, say }: StoryOptions): Promise<Outcome> {
  const logs = join(folder, 'logs');
  const keys = join(folder, 'tls-keys');
  for (const made of [logs, keys]) mkdirSync(made, { recursive: true });
  const keyLogs = ['gateway', 'alice', 'bob'].map((name) => join(keys, `${name}.txt`));
  const keyLog = (name: string): string[] => [`--tls-keylog=${join(keys, `${name}.txt`)}`];

  const listenPort = await freePort();
  const tap = await startTap({ listenPort: 0, gatewayPort: listenPort, keyLogs: () => keyLogs });
  const gateway = new GatewayProcess({
    home: join(folder, 'gateway-home'),
    listenPort,
    publicPort: tap.port,
    nodeArgs: keyLog('gateway'),
    logFile: join(logs, 'gateway.log'),
  });
  const alice = new Person('alice', join(folder, 'alice'), { nodeArgs: keyLog('alice') });
  const bob = new Person('bob', join(folder, 'bob'), { nodeArgs: keyLog('bob') });
  const places: Place[] = [];
  /** While something waits at the gateway is when there would be something to read. */
  const look = (): void => void places.push(...filesBelow('files', gateway.folder), ...filesBelow('logs', logs));

  const run = randomBytes(4).toString('hex');
  const text = (who: string, n: number, what: string): string => `${who} ${n} (${run}): ${what}`;
  const confirmed = { alice: [] as string[], bob: [] as string[] };
  const greeting = `Hi Bob, it is Alice from the ferry — ${run}`;
  const marker = `planted on purpose, must be found: ${randomBytes(9).toString('hex')}`;

  try {
    await gateway.start();
    say('gateway', `runs in process ${gateway.pid}, with a tap inside its TLS`);
    const account = async (person: Person): Promise<Record<string, unknown>> => {
      const name = person.profile;
      const options = `--name ${name} --account-name ${name} --gateway ${gateway.address} --keystore file`;
      const made = await person.must(['init', ...options.split(' ')]);
      say(name, `makes an account, and leaves (${Math.round(made.ms)} ms)`);
      return made.objects[0] ?? {};
    };
    await account(alice);
    const bobs = await account(bob);

    const first = [
      text('alice', 1, 'Chào Bob! Thuyền rời bến lúc 7 giờ 40.'),
      text('alice', 2, 'Возьми тёплую куртку, на палубе ветер.'),
      text('alice', 3, 'I bring tea 🍵 and the map 🗺️.'),
    ];
    await alice.must(['contact', 'add', 'bob', '--greeting', greeting]);
    for (const line of first) await sendAll(alice, 'bob', [line], confirmed.alice);
    say('alice', `asks bob to be a contact, writes ${first.length} messages that wait for his yes, and leaves`);
    look();

    await bob.must(['requests', 'accept', 'alice']);
    say('bob', 'comes, accepts, and leaves; alice is not there');
    look();

    await alice.must(['inbox']);
    say('alice', 'comes: the yes is there, her messages are sealed and sent; she leaves');
    look();

    await gateway.kill();
    await gateway.start();
    say('gateway', `is killed (kill -9) and started again, now process ${gateway.pid}`);

    const answers = [
      text('bob', 1, 'Got all three. See you on the pier at 7:30.'),
      text('bob', 2, 'Я возьму куртку и бинокль.'),
    ];
    await bob.must(['inbox']);
    await sendAll(bob, 'alice', answers, confirmed.bob);
    say('bob', `comes, reads, answers with ${answers.length} messages, and leaves`);
    look();

    await alice.must(['inbox']);
    const many = Array.from({ length: MANY }, (_, i) => text('alice', 10 + i, `stanza ${i + 1} of a long poem 海`));
    const killed = await killedWhileSending(alice, 'bob', many, confirmed.alice);
    say('alice', `reads, writes ${MANY} more, and is killed (kill -9) after ${killed} were confirmed`);
    look();

    const finish = alice.run(['inbox']);
    await delay(250);
    await gateway.kill();
    say('gateway', 'is killed again, while alice comes back and sends the rest');
    await finish;
    await gateway.start();
    await alice.must(['inbox']);
    say('alice', 'comes once more, and everything confirmed has left; she leaves');
    look();

    await plantOnWire({
      address: gateway.address,
      account: String(bobs['account']),
      device: String(bobs['device']),
      marker,
    });
    look();
    say('demo', 'plants a text that is not encrypted where each search looks');

    await bob.must(['inbox']);
    await bob.must(['inbox']);
    say('bob', 'comes and reads everything');
    look();
    appendFileSync(join(logs, 'gateway.log'), `${marker}\n`);
    writeFileSync(join(alice.home, 'planted.txt'), marker);
    look();

    const fromAlice = received(await bob.must(['history', 'alice', '--limit', '1000']));
    const fromBob = received(await alice.must(['history', 'bob', '--limit', '1000']));
    await gateway.stop();
    places.push(...filesBelow('files', gateway.folder));
    places.push(...filesBelow('vaults', alice.home), ...filesBelow('vaults', bob.home));
    const connections = tap.read();
    places.push(...wirePlaces(connections));
    return {
      confirmed,
      arrived: { fromAlice, fromBob },
      alsoPrivate: [greeting],
      places,
      marker,
      connections: connections.length,
    };
  } finally {
    await gateway.kill();
    await tap.close();
  }
}

async function sendAll(person: Person, to: string, texts: readonly string[], confirmed: string[]): Promise<void> {
  const answer = await person.run(['send', to, '--lines', '--wait', 'stored'], `${texts.join('\n')}\n`);
  if (answer.objects.length !== texts.length) {
    throw new Error(`${person.profile} could not write: ${answer.stdout}\n${answer.stderr}`);
  }
  confirmed.push(...texts);
  // What can leave now leaves; what waits for an answer stays.
  await person.must(['inbox']);
}

/** Gives how many were confirmed before the kill. */
async function killedWhileSending(
  person: Person,
  to: string,
  texts: readonly string[],
  confirmed: string[],
): Promise<number> {
  const sender = person.start('send', to, '--lines', '--wait', 'stored');
  sender.write(`${texts.join('\n')}\n`);
  for (let i = 0; i < KILLED_AFTER; i++) await sender.nextLine();
  sender.kill('SIGKILL');
  await sender.ended;
  const count = sender.lines.filter((line) => line.endsWith('}')).length;
  confirmed.push(...texts.slice(0, count));
  return count;
}

function received(answer: Answer): string[] {
  return answer.objects.filter((message) => message['own'] === false).map((message) => String(message['text']));
}
