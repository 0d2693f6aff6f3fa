import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createGroupWorld, startAll } from './support/group-world.ts';
import type { GroupWorld } from './support/group-world.ts';
import type { MemberProcess } from './support/member-process.ts';
import type { GroupView } from './support/member-protocol.ts';

const FOUNDERS = ['ada', 'ben', 'cho', 'dan', 'eve', 'fay', 'gus', 'hal', 'ida'];
const LATER = ['jon', 'kim', 'leo'];
const TWO = ['ada', 'ben', 'cho', 'dan', 'eve', 'fay', 'jon', 'kim'];
/** ms for all to come to one view once nothing is disturbed any more. A slow machine takes longer, not forever. */
const SETTLE_MS = 150_000;

/** What is written meanwhile, at most, and how often, ms: each text is read and confirmed by twenty devices. */
const TEXTS = 150;
const PAUSE_MS = 400;

/** Devices that write all the time while they are online. */
class Chatter implements AsyncDisposable {
  readonly #group: string;
  readonly #members: readonly MemberProcess[];
  /** Texts that were stored, by their author. */
  readonly stored = new Map<string, string[]>();
  #over = false;
  readonly #running: Promise<void>;

  constructor(group: string, members: readonly MemberProcess[]) {
    this.#group = group;
    this.#members = members;
    this.#running = this.#run();
  }

  async end(): Promise<void> {
    this.#over = true;
    await this.#running;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }

  async #run(): Promise<void> {
    for (let i = 1; !this.#over && i <= TEXTS; i++) {
      const member = this.#members[i % this.#members.length];
      if (member?.online === true) await this.#say(member, `${member.name} says ${i}`);
      await delay(PAUSE_MS);
    }
  }

  /** Of a device that is killed meanwhile nobody knows whether it was stored. */
  async #say(member: MemberProcess, text: string): Promise<void> {
    try {
      await member.call('send', { group: this.#group, text });
      this.stored.set(member.name, [...(this.stored.get(member.name) ?? []), text]);
    } catch {
      return;
    }
  }
}

const summary = ({ state, name, epoch, members }: GroupView): string => JSON.stringify({ state, name, epoch, members });

/** Waits until all devices say the same of the group, nothing is pending, and nothing waits to leave. */
async function converge(members: readonly MemberProcess[], group: string, accounts: number): Promise<GroupView> {
  const until = performance.now() + SETTLE_MS;
  for (;;) {
    const views = await Promise.all(members.map((member) => member.call('view', { group })));
    const [first] = views;
    const same = new Set(views.map(summary)).size === 1;
    const idle = views.every(({ pending, waiting }) => pending === 0 && waiting === 0);
    if (first !== undefined && same && idle && first.state === 'joined' && first.members.length === accounts)
      return first;
    if (performance.now() > until) {
      const seen = views.map((view, i) => `${members[i]?.name}: ${summary(view)} ${view.pending} ${view.waiting}`);
      const own = await Promise.all(members.map((member) => member.call('diagnose', { group })));
      assert.fail(`no agreement:\n${[...seen, ...own].join('\n')}`);
    }
    await delay(500);
  }
}

/** Waits until all have the same texts, in the same order, and gives them. */
async function sameTexts(
  members: readonly MemberProcess[],
  group: string,
  wanted: (text: string) => boolean,
  complete: (texts: readonly string[]) => boolean,
): Promise<readonly string[]> {
  const until = performance.now() + SETTLE_MS;
  for (;;) {
    const all = await Promise.all(
      members.map(async (member) => (await member.call('texts', { group })).filter(wanted)),
    );
    const [first = []] = all;
    if (new Set(all.map((texts) => JSON.stringify(texts))).size === 1 && complete(first)) return first;
    if (performance.now() > until) {
      const counts = all.map((texts, i) => {
        const differs = texts.findIndex((text, at) => text !== first[at]);
        return `${members[i]?.name}: ${texts.length} texts, other from ${differs}: ${texts[differs]} for ${first[differs]}`;
      });
      assert.fail(`histories differ:\n${counts.join('\n')}`);
    }
    await delay(500);
  }
}

/** All changes at once; each is decided, whoever comes first. */
async function atOnce(...changes: readonly Promise<string>[]): Promise<void> {
  for (const outcome of await Promise.all(changes)) assert.match(outcome, /^(done|already)$/);
}

async function found(world: GroupWorld): Promise<string> {
  const accounts = FOUNDERS.slice(1).map((name) => world.member(name).account);
  const founders = world.members.filter(({ name }) => FOUNDERS.some((founder) => name.startsWith(founder)));
  await startAll(founders);
  const ada = world.member('ada');
  const group = await ada.call('create', { name: 'twelve', accounts });
  await converge(founders, group, FOUNDERS.length);
  for (const admin of ['ben', 'cho']) {
    await ada.call('role', { group, account: world.member(admin).account, role: 'admin' });
  }
  return group;
}

test('R-GRP-3 12 accounts with 20 devices: offline, killed, a gateway restarted, three admins at once: all agree', async (t) => {
  await using world = await createGroupWorld({
    accounts: [...FOUNDERS, ...LATER],
    two: TWO,
    contacts: [...[...FOUNDERS.slice(1), 'leo'].map((name) => ['ada', name] as const), ['ben', 'jon'], ['cho', 'kim']],
  });
  assert.equal(world.members.length, 20);
  const member = (account: string, device?: 1 | 2): MemberProcess => world.member(account, device);
  const accountOf = (name: string): string => member(name).account;
  const lap = (what: string): void => t.diagnostic(`${Math.round(performance.now() / 1000)} s: ${what}`);
  lap('accounts, devices and contacts');
  const group = await found(world);
  lap('nine are together');
  await using chatter = new Chatter(
    group,
    ['ada', 'ben', 'cho', 'dan', 'eve', 'gus'].map((name) => member(name)),
  );

  // Three admins add somebody each, while others go away.
  await startAll(world.members);
  await Promise.all([
    atOnce(
      member('ada').call('invite', { group, account: accountOf('leo') }),
      member('ben').call('invite', { group, account: accountOf('jon') }),
      member('cho').call('invite', { group, account: accountOf('kim') }),
    ),
    member('dan').kill(),
    member('eve', 2).close(),
    member('gus').close(),
  ]);
  lap('three have been added');
  // The gateway dies while they change three other things.
  const changes = atOnce(
    member('ada').call('remove', { group, account: accountOf('hal') }),
    member('ben').call('rename', { group, name: 'a dozen' }),
    member('cho', 2).call('rotate', { group }),
  );
  // If they fail while nobody waits for them, it is told further below.
  changes.catch(() => undefined);
  await delay(100);
  await world.gateway.kill();
  await member('fay').kill();
  await world.gateway.start();
  await changes;
  lap('changes across a restart');
  await startAll([member('dan'), member('fay'), member('gus')]);
  await Promise.all([member('kim', 2).kill(), member('ben', 2).close()]);
  await atOnce(
    member('ada').call('invite', { group, account: accountOf('hal') }),
    member('ben').call('remove', { group, account: accountOf('ida') }),
    member('cho').call('rename', { group, name: 'twelve again' }),
  );
  await Promise.all([member('ada', 2).kill(), member('jon').kill()]);
  await atOnce(
    member('ada').call('role', { group, account: accountOf('dan'), role: 'admin' }),
    member('ada').call('invite', { group, account: accountOf('ida') }),
  );
  await chatter.end();
  lap('all changes are decided');

  await startAll(world.members);
  const view = await converge(world.members, group, 12);
  lap('all agree');
  assert.equal(view.name, 'twelve again');
  assert.equal(
    view.members.reduce((sum, { devices }) => sum + devices, 0),
    20,
  );
  const roles = Object.fromEntries(view.members.map(({ account, role }) => [account, role]));
  assert.equal(roles[accountOf('ada')], 'owner');
  for (const admin of ['ben', 'cho', 'dan']) assert.equal(roles[accountOf(admin)], 'admin');

  // Those who were there all the time have read the same, in one order: everything that was stored by its author, once.
  const stable = world.members.filter(({ name }) => /^(ada|ben|cho|dan|eve|fay|gus) /.test(name));
  const stored = [...chatter.stored.values()].flat();
  const chatted = await sameTexts(
    stable,
    group,
    (text) => text.includes(' says '),
    (texts) => stored.every((text) => texts.includes(text)),
  );
  assert.equal(new Set(chatted).size, chatted.length, 'nothing twice');
  t.diagnostic(`${chatted.length} messages, epoch ${view.epoch}`);

  // And everybody reads what is sent from here on.
  for (const each of world.members) await each.call('send', { group, text: `${each.name} at last` });
  const last = await sameTexts(
    world.members,
    group,
    (text) => text.endsWith(' at last'),
    (texts) => texts.length === world.members.length,
  );
  assert.equal(new Set(last).size, 20);
});
