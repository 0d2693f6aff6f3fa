import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import type { Person, Program } from '../../tools/harness/processes.ts';
import { keyUses } from './message-keys.ts';
import { befriend, createWorld, textsFrom } from './world.ts';

export interface CrashRunOptions {
  readonly kills: number;
  /** The same seed chooses the same victims and instants; what the machine does in between is its own. */
  readonly seed: number;
}

export interface CrashReport {
  readonly confirmed: number;
  readonly arrived: number;
  readonly keys: number;
  readonly posts: number;
  readonly killed: Readonly<Record<string, number>>;
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** ms between lines that a chat is given. */
const PACE_MS = 20;
/** ms within which a victim dies after the one before. */
const WITHIN_MS = 700;
/** Lines each side writes for a kill, at most: a slow machine takes longer for a run, not more. */
const LINES_A_KILL = 30;
/** How long both are there together at a time once nothing is killed any more, ms; and how often without any progress. */
const TOGETHER_MS = 3000;
const STANDSTILLS = 8;

/** One side of the conversation: a chat that is started again whenever it was killed. */
class Talker {
  readonly person: Person;
  readonly to: string;
  /** Texts whose storing was confirmed on stdout. */
  readonly confirmed: string[] = [];
  #program: Program | null = null;
  #count = 0;

  constructor(person: Person, to: string) {
    this.person = person;
    this.to = to;
  }

  get said(): number {
    return this.#count;
  }

  start(): void {
    this.#program = this.person.start('chat', this.to);
  }

  say(): void {
    this.#count++;
    this.#program?.write(`${this.person.profile} ${this.#count} ${'~'.repeat(this.#count % 300)}\n`);
  }

  /** The run is over, well or not: leaves nothing running. */
  abandon(): void {
    this.#program?.kill('SIGKILL');
  }

  async end(signal: 'SIGKILL' | 'input'): Promise<void> {
    const program = this.#program;
    if (program === null) return;
    if (signal === 'SIGKILL') program.kill(signal);
    else program.endInput();
    const { exitCode } = await program.ended;
    if (signal === 'input') assert.equal(exitCode, 0, program.stderr());
    for (const line of program.lines) {
      // The last line of a killed program may be cut off: then nobody was told.
      if (!line.endsWith('}')) continue;
      const { event, message, error } = JSON.parse(line) as {
        event?: string;
        message?: { text: string };
        error?: unknown;
      };
      assert.equal(error, undefined, line);
      if (event === 'sent' && message !== undefined) this.confirmed.push(message.text);
    }
    this.#program = null;
  }
}

/**
 * Two people write to each other all the time while client or gateway is killed with SIGKILL at random instants. Fails
 * if a confirmed message is lost, any is doubled, or a message key's identifier ever stood before two ciphertexts.
 */
export async function crashRun({ kills, seed }: CrashRunOptions): Promise<CrashReport> {
  const random = seeded(seed);
  await using world = await createWorld('crash');
  const [alice, bob] = await Promise.all([world.person('alice'), world.person('bob')]);
  await befriend(alice, bob);
  const talkers = [new Talker(alice, 'bob'), new Talker(bob, 'alice')] as const;
  const killed = { alice: 0, bob: 0, gateway: 0 };
  const pump = setInterval(() => {
    for (const talker of talkers) if (talker.said < kills * LINES_A_KILL) talker.say();
  }, PACE_MS);
  using _ = {
    [Symbol.dispose]() {
      clearInterval(pump);
      for (const talker of talkers) talker.abandon();
    },
  };
  for (const talker of talkers) talker.start();
  for (let i = 0; i < kills; i++) {
    await delay(random() * WITHIN_MS);
    const victim = (['alice', 'bob', 'gateway'] as const)[Math.floor(random() * 3)] ?? 'gateway';
    killed[victim]++;
    if (victim === 'gateway') {
      await world.gateway.kill();
      await world.gateway.start();
    } else {
      const talker = talkers[victim === 'alice' ? 0 : 1];
      await talker.end('SIGKILL');
      talker.start();
    }
  }
  clearInterval(pump);
  await Promise.all(talkers.map((talker) => talker.end('input')));

  const [fromAlice, fromBob] = await settle(talkers);
  for (const [talker, arrived] of [
    [talkers[0], fromAlice],
    [talkers[1], fromBob],
  ] as const) {
    const who = `${talker.person.profile} (seed ${seed})`;
    const lost = talker.confirmed.filter((text) => !arrived.includes(text));
    const doubled = arrived.filter((text, i) => arrived.indexOf(text) !== i);
    if (lost.length > 0)
      assert.fail(`lost, written by ${who}: ${ranges(lost)}\n${await diagnose(talker, lost[0] ?? '')}`);
    assert.equal(doubled.length, 0, `doubled, written by ${who}: ${ranges(doubled)}`);
  }
  const uses = keyUses(world.tap.read());
  assert.deepEqual(
    uses.filter(({ ciphertexts }) => ciphertexts !== 1),
    [],
    `a message key with two ciphertexts (seed ${seed})`,
  );
  return {
    confirmed: talkers[0].confirmed.length + talkers[1].confirmed.length,
    arrived: fromAlice.length + fromBob.length,
    keys: uses.length,
    posts: uses.reduce((sum, { posts }) => sum + posts, 0),
    killed,
  };
}

/** `3-7 12`: the numbers of texts. */
function ranges(texts: readonly string[]): string {
  const spans: [number, number][] = [];
  for (const text of texts) {
    const number = Number(text.split(' ')[1]);
    const last = spans.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else spans.push([number, number]);
  }
  return spans.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(' ');
}

/** What the programs themselves know about a lost message. */
async function diagnose(talker: Talker, text: string): Promise<string> {
  const { person, to } = talker;
  const { objects } = await person.run(['history', to, '--limit', '100000']);
  const id = String(objects.find((message) => message['text'] === text)?.['id']);
  const explained = await person.run(['explain', id]);
  const doctor = await person.run(['doctor']);
  return [text, explained.stdout, doctor.stdout].join('\n');
}

/**
 * Lets both be there together until each has everything the other was told is safe. Gives up only when nothing moves
 * any more: a slow machine is no lost message.
 */
async function settle([alice, bob]: readonly [Talker, Talker]): Promise<[string[], string[]]> {
  let before = -1;
  for (let standstill = 0; ;) {
    await Promise.all([together(alice.person), together(bob.person)]);
    const [fromAlice, fromBob] = await Promise.all([textsFrom(bob.person, 'alice'), textsFrom(alice.person, 'bob')]);
    const complete =
      alice.confirmed.every((text) => fromAlice.includes(text)) &&
      bob.confirmed.every((text) => fromBob.includes(text));
    const arrived = fromAlice.length + fromBob.length;
    standstill = arrived > before ? 0 : standstill + 1;
    before = arrived;
    if (complete || standstill === STANDSTILLS) return [fromAlice, fromBob];
  }
}

async function together(person: Person): Promise<void> {
  const follower = person.start('inbox', '--follow');
  await delay(TOGETHER_MS);
  follower.kill('SIGTERM');
  await follower.ended;
}
