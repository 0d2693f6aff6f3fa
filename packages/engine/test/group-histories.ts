import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import type { EngineCalls, EngineRequest, ProcessEntryResult } from '@sotto/engine';
import { decodeLogEntry, encodeGroupPolicy, equalBytes } from '@sotto/wire';
import { assertAgree, crypto, found, keyPackageOf, Member, newPerson, rejoin } from './group-members.ts';
import type { Person } from './group-members.ts';
import { entryOf } from './hostile-member.ts';
import { hexOf } from './support.ts';
import type { TestDevice } from './support.ts';

/** One thing that happens in a group. `a` chooses who, `n` whom, what or how many. */
export interface Happening {
  readonly what: 'read' | 'read-crash' | 'say' | 'commit' | 'commit-crash' | 'post' | 'propose' | 'garbage' | 'rejoin';
  readonly a: number;
  readonly n: number;
}

const WEIGHTS: { readonly [What in Happening['what']]: number } = {
  read: 10,
  'read-crash': 2,
  say: 6,
  commit: 6,
  'commit-crash': 1,
  post: 5,
  propose: 2,
  garbage: 1,
  rejoin: 1,
};

export const histories: fc.Arbitrary<Happening[]> = fc.array(
  fc.record({
    what: fc.oneof(
      ...(Object.keys(WEIGHTS) as Happening['what'][]).map((what) => ({
        weight: WEIGHTS[what],
        arbitrary: fc.constant(what),
      })),
    ),
    a: fc.nat(1000),
    n: fc.nat(1000),
  }),
  { minLength: 20, maxLength: 60, size: 'max' },
);

/** A device with what it has seen at each position, and commits it has made and not posted. */
interface Actor {
  readonly member: Member;
  readonly seen: Map<number, string>;
  made: { readonly post: Uint8Array; readonly entryId: Uint8Array; readonly joins: readonly Newcomer[] }[];
  /** Position from which on it is in without a gap. */
  since: number;
  /** Of the epochs since then. */
  keys: Set<string>;
}

interface Newcomer {
  readonly person: Person;
  readonly device: TestDevice;
}

/** What comes with a commit once it is in the log, by the entry's id. */
type Outlook = {
  readonly welcomes: readonly { readonly device: Uint8Array; readonly welcome: Uint8Array }[];
  readonly tree: Uint8Array | null;
  readonly joins: readonly Newcomer[];
};

/**
 * Devices that do what comes to their mind in a group over one log, with crashes between a result and its being stored.
 * Whatever happens, all who are in it agree in the end, and have seen the same in the same places.
 */
export class GroupHistory {
  readonly #people: readonly Person[];
  readonly #actors: Actor[] = [];
  readonly #outlooks = new Map<string, Outlook>();
  readonly #texts = new Map<string, string>();
  /** How often what was seen. */
  readonly tally = new Map<string, number>();
  #said = 0;

  private constructor(people: readonly Person[], founder: Member) {
    this.#people = people;
    this.#actors.push({ member: founder, seen: new Map(), made: [], since: 0, keys: new Set() });
  }

  /** Ann with two devices, Bob with one of his two, and Cid are in it. */
  static async create(): Promise<GroupHistory> {
    const [ann, bob, cid, dan] = [
      await newPerson('Ann', 2),
      await newPerson('Bob', 2),
      await newPerson('Cid'),
      await newPerson('Dan'),
    ];
    const founder = await found(ann);
    const history = new GroupHistory([ann, bob, cid, dan], founder);
    const joined = await founder.add(
      { person: ann, device: ann.devices[1]! },
      { person: bob, device: bob.devices[0]! },
      { person: cid, device: cid.devices[0]! },
    );
    for (const member of joined) {
      history.#actors.push({ member, seen: new Map(), made: [], since: member.position, keys: new Set() });
    }
    for (const actor of history.#actors) actor.since = founder.position;
    return history;
  }

  async run(steps: readonly Happening[]): Promise<void> {
    for (const step of steps) await this.#step(step);
    for (const actor of this.#actors) await this.#read(actor, Infinity);
    const there: Actor[] = [];
    for (const actor of this.#actors) if (await this.#isIn(actor)) there.push(actor);
    await assertAgree(there.map(({ member }) => member));
    const [{ member: first } = { member: null }] = there;
    if (first === null) return;
    for (const actor of there) await this.#assertKnowsAll(actor);
    for (let position = 1; position <= first.log.entries.length; position++) {
      // What is of an epoch before somebody came in is nobody's to it.
      const seen = there.flatMap(({ seen: places, since }) => {
        const word = places.get(position) ?? 'nothing';
        return position > since && word !== 'passed over: unknown-key' ? word : [];
      });
      assert.ok(new Set(seen).size <= 1, `at ${position}: ${seen.join(', ')}`);
    }
  }

  /** Nothing of the epochs that a device was in is unknown to it. */
  async #assertKnowsAll({ member, seen, keys }: Actor): Promise<void> {
    keys.add(hexOf((await member.head()).epochKey));
    for (const { position, entry } of member.log.entries) {
      if (seen.get(position) !== 'passed over: unknown-key') continue;
      assert.ok(!keys.has(hexOf(decodeLogEntry(entry).epochKey)), `at ${position}: an epoch is forgotten`);
    }
  }

  async #step({ what, a, n }: Happening): Promise<void> {
    const actor = this.#actors[a % this.#actors.length]!;
    if (what === 'read') return this.#read(actor, 1 + (n % 8));
    if (what === 'read-crash') {
      await actor.member.next(true);
      return;
    }
    if (what === 'rejoin') return this.#rejoin(actor, n);
    if (!(await this.#isIn(actor))) return;
    if (what === 'say') return this.#say(actor);
    if (what === 'commit') {
      // Mostly on what the log holds, so that it is taken.
      if (n % 3 !== 0) await this.#read(actor, Infinity);
      if (await this.#isIn(actor)) await this.#commit(actor, n);
      return n % 4 === 0 ? undefined : this.#post(actor);
    }
    if (what === 'commit-crash') {
      await actor.member.device.attempt(await this.#request(actor, n));
      actor.member.device.restart();
      return;
    }
    if (what === 'post') return this.#post(actor);
    if (what === 'propose') return this.#propose(actor, n);
    const { log } = actor.member;
    const made = actor.made[0];
    // Garbage, or what a log takes that has lost count.
    if (n % 2 === 0 || made === undefined) log.append(crypto.random(50), 'commit');
    else {
      log.append(entryOf(made.post), 'commit');
      actor.made = actor.made.slice(1);
    }
  }

  async #isIn({ member }: Actor): Promise<boolean> {
    return (await member.head()).status === 'active';
  }

  async #read(actor: Actor, count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const result = await actor.member.next();
      if (result === null) return;
      const { position } = actor.member;
      const word = this.#wordOf(result);
      actor.seen.set(position, word);
      const kind = /^(?:message|proposal|commit)/.exec(word)?.[0] ?? word;
      this.tally.set(kind, (this.tally.get(kind) ?? 0) + 1);
      if (result.kind !== 'commit') continue;
      actor.made = actor.made.filter(({ entryId }) => !result.change.lost.some((id) => equalBytes(id, entryId)));
      if (result.change.own && result.change.external) {
        actor.since = position;
        actor.keys = new Set();
      }
      if (!result.change.removedSelf) actor.keys.add(hexOf(result.change.epochKey));
      if (result.change.own) await this.#welcome(actor, result.entryId);
    }
  }

  /** Newcomers join when the commit that adds them counts. */
  async #welcome(by: Actor, entryId: Uint8Array): Promise<void> {
    const outlook = this.#outlooks.get(hexOf(entryId));
    if (outlook === undefined || outlook.tree === null) return;
    const { joins, welcomes, tree } = outlook;
    for (const { person, device } of joins) {
      const known = this.#actors.find(({ member }) => member.device === device);
      const { group, log, position, after } = by.member;
      const member = known?.member ?? new Member(person, device, group, log);
      const mine = welcomes.find((one) => equalBytes(one.device, device.device));
      assert.ok(mine);
      const request: EngineRequest<'join-group'> = {
        kind: 'join-group',
        own: member.own,
        welcome: mine.welcome,
        tree,
        chains: member.chainsOfMembers(),
        now: member.now,
      };
      const joined: EngineCalls['join-group']['result'] = await member.call(request);
      // One that was removed and has not read it yet does so first.
      if (joined.kind === 'refused') {
        assert.equal(joined.reason, 'member-already');
        assert.ok(known);
        await this.#read(known, position - member.position);
        assert.equal((await member.call(request)).kind, 'joined');
      }
      member.position = position;
      member.after = after;
      if (known === undefined)
        this.#actors.push({ member, seen: new Map(), made: [], since: position, keys: new Set() });
      else {
        known.since = position;
        known.made = [];
        known.keys = new Set();
      }
    }
  }

  async #say({ member }: Actor): Promise<void> {
    const text = `m${this.#said++}`;
    this.#texts.set(hexOf(await member.say(text)), text);
  }

  async #commit(actor: Actor, n: number): Promise<void> {
    const request = await this.#request(actor, n);
    const result = await actor.member.call(request);
    if (result.kind !== 'made') {
      assert.ok(result.kind !== 'need-chains', 'all chains are given');
      return;
    }
    const joins = (request.add ?? []).length === 0 ? [] : this.#newcomers(actor, n);
    const { welcomes, tree } = result.next;
    this.#outlooks.set(hexOf(result.entryId), { welcomes, tree, joins });
    actor.made.push({ post: result.post, entryId: result.entryId, joins });
  }

  async #request(actor: Actor, n: number): Promise<EngineRequest<'create-commit'>> {
    const { member } = actor;
    const rules = await member.rules();
    switch (n % 6) {
      case 0:
      case 1: {
        const joins = this.#newcomers(actor, n);
        const add: Uint8Array[] = [];
        for (const { device } of joins) add.push(await keyPackageOf(device));
        return member.commitRequest({ add, chains: member.chainsOfMembers() });
      }
      case 2:
        return member.commitRequest({ remove: [n % 7] });
      case 3:
        return member.commitRequest({ policy: encodeGroupPolicy({ ...rules, name: `name ${n}` }) });
      case 4: {
        const seats = await member.members();
        const { account } = seats[n % seats.length]!;
        const others = rules.roles.filter((role) => !equalBytes(role.account, account));
        const role = n % 4 < 2 ? [{ account: account as never, role: 'admin' as const }] : [];
        return member.commitRequest({ policy: encodeGroupPolicy({ ...rules, roles: [...others, ...role] }) });
      }
      default:
        return member.commitRequest({ update: true });
    }
  }

  /** One or two devices of one person. */
  #newcomers(_actor: Actor, n: number): Newcomer[] {
    const person = this.#people[n % this.#people.length]!;
    return person.devices.map((device) => ({ person, device })).slice(n % 2);
  }

  /** Posts what was made first; what the log refuses is dropped. */
  async #post(actor: Actor): Promise<void> {
    const [made, ...rest] = actor.made;
    if (made === undefined) return;
    actor.made = rest;
    const { member } = actor;
    if (typeof member.log.post(made.post) === 'number') return;
    await member.call({ kind: 'drop-commit', group: member.group, entryId: made.entryId });
  }

  async #propose({ member }: Actor, n: number): Promise<void> {
    if (n % 3 === 0) return member.leave(n % 2 === 0);
    const propose = { kind: 'update' } as const;
    const { posts } = await member.call({ kind: 'create-proposals', group: member.group, propose });
    for (const { post } of posts) member.log.post(post);
  }

  /** Reads to the end first, as somebody does who cannot go on; comes back through whoever has read as far. */
  async #rejoin(actor: Actor, n: number): Promise<void> {
    const helper = this.#actors[n % this.#actors.length]!;
    if (helper === actor || !(await this.#isIn(helper))) return;
    await this.#read(helper, Infinity);
    if (!(await this.#isIn(helper)) || (await helper.member.head()).proposals.length > 0) return;
    const seats = await helper.member.members();
    if (!seats.some(({ account }) => equalBytes(account, actor.member.device.account))) return;
    await rejoin(actor.member, helper.member);
    actor.made = [];
    await this.#read(actor, Infinity);
  }

  /** What everybody in the group sees alike: an own message is a message. */
  #wordOf(result: ProcessEntryResult): string {
    switch (result.kind) {
      case 'message':
        return `message ${new TextDecoder().decode(result.content)}`;
      case 'own':
        return `message ${this.#texts.get(hexOf(result.entryId)) ?? '?'}`;
      case 'proposal':
        return `proposal ${result.proposal.kind} ${result.proposal.from.leaf}`;
      case 'commit':
        return `commit ${result.change.epoch}`;
      case 'passed-over':
        return `passed over: ${result.reason}`;
      case 'invalid':
        return `invalid: ${result.rule}`;
    }
  }
}

/** Runs random histories; how often what was seen in all of them. */
export async function runHistories(runs: number): Promise<ReadonlyMap<string, number>> {
  const tally = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(histories, async (steps) => {
      const history = await GroupHistory.create();
      await history.run(steps);
      for (const [word, count] of history.tally) tally.set(word, (tally.get(word) ?? 0) + count);
    }),
    { numRuns: runs },
  );
  return tally;
}
