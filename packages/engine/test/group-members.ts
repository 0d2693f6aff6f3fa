import assert from 'node:assert/strict';
import { nativeProvider } from '@sotto/crypto';
import { replay } from '@sotto/identity';
import type {
  EngineCalls,
  EngineRequest,
  GroupHead,
  OwnIdentity,
  ProcessEntryResult,
  RequestKind,
} from '@sotto/engine';
import {
  accountId,
  decodeGroupPolicy,
  decodeLogEntry,
  decodeLogPost,
  encodeGroupPolicy,
  equalBytes,
  formatGatewayAddress,
  logAdmissionMessage,
  logEntryMessage,
  parseHost,
} from '@sotto/wire';
import type { GroupRules } from '@sotto/wire';
import { hexOf, NOW, TestDevice } from './support.ts';

export const crypto = nativeProvider();
/** X25519, ChaCha20-Poly1305, Ed25519: quicker than the default. */
export const SUITE = 3;
export const GATEWAY = formatGatewayAddress({ host: parseHost('gateway.example'), port: 443, pin: crypto.random(32) });

/** An account with its chain, and its devices as they were made. */
export class Person {
  readonly name: string;
  readonly devices: TestDevice[] = [];
  chain: Uint8Array[] = [];

  private constructor(name: string) {
    this.name = name;
  }

  static async create(name: string, devices = 1): Promise<Person> {
    const person = new Person(name);
    const first = await new TestDevice().createAccount(`${name} 1`);
    person.chain = first.chain;
    person.devices.push(first);
    while (person.devices.length < devices) await person.addDevice();
    return person;
  }

  get account(): Uint8Array {
    return this.devices[0]!.account;
  }

  async addDevice(): Promise<TestDevice> {
    const device = new TestDevice();
    const signer = this.devices[0]!;
    const accountKey = this.#accountKey();
    const made = await device.call({
      kind: 'create-device',
      accountKey,
      deviceName: `${this.name} ${this.devices.length + 1}`,
      now: NOW,
    });
    const { statement } = await signer.call({
      kind: 'sign-statement',
      chain: this.chain,
      statement: { kind: 'add-device', certificate: made.certificate },
      now: NOW,
    });
    device.account = this.account;
    device.device = made.device;
    this.extend(statement, device);
    return device;
  }

  async revoke(device: TestDevice): Promise<void> {
    const { statement } = await this.devices[0]!.call({
      kind: 'sign-statement',
      chain: this.chain,
      statement: { kind: 'revoke-device', device: device.device, reason: 'lost' },
      now: NOW,
    });
    this.extend(statement, null);
  }

  /** All devices learn of it, but for those that hold another chain on purpose. */
  extend(statement: Uint8Array, added: TestDevice | null): void {
    this.chain = [...this.chain, statement];
    if (added !== null) this.devices.push(added);
    for (const device of this.devices) device.chain = this.chain;
  }

  #accountKey(): Uint8Array {
    const result = replay(crypto, this.chain);
    assert.equal(result.kind, 'consistent');
    return result.view.accountKey;
  }
}

export interface Logged {
  readonly position: number;
  readonly kind: string;
  readonly entry: Uint8Array;
}

/** A group's log as a gateway keeps it, with the checks that a gateway makes. */
export class MemoryLog {
  readonly entries: Logged[] = [];
  readonly #keys: Set<string>;
  readonly #spent = new Set<string>();

  constructor(firstKey: Uint8Array) {
    this.#keys = new Set([hexOf(firstKey)]);
  }

  /** Position, or why not. */
  post(bytes: Uint8Array): number | 'conflict' | 'refused' {
    const { entry, proof, after } = decodeLogPost(bytes);
    if (!this.#keys.has(hexOf(entry.epochKey))) return 'refused';
    if (proof.kind === 'signature') {
      if (!crypto.verify(entry.epochKey, logEntryMessage(entry.bytes), proof.signature)) return 'refused';
    } else {
      const { admission } = proof;
      const nonce = hexOf(admission.nonce);
      if (!crypto.verify(entry.epochKey, logAdmissionMessage(admission), admission.signature)) return 'refused';
      if (this.#spent.has(nonce)) return 'refused';
      this.#spent.add(nonce);
    }
    if (entry.kind === 'commit' || entry.kind === 'external-commit') {
      if (this.entries.some(({ kind, position }) => kind !== 'message' && position > after)) return 'conflict';
    }
    return this.append(entry.bytes, entry.kind);
  }

  /** Without any check. */
  append(entry: Uint8Array, kind: string): number {
    const successor = successorOf(entry);
    if (successor !== null) this.#keys.add(hexOf(successor));
    const position = this.entries.length + 1;
    this.entries.push({ position, kind, entry });
    return position;
  }
}

function successorOf(bytes: Uint8Array): Uint8Array | null {
  try {
    const entry = decodeLogEntry(bytes);
    return 'successor' in entry ? entry.successor : null;
  } catch {
    return null;
  }
}

/** A device as a member of one group. */
export class Member {
  readonly person: Person;
  readonly device: TestDevice;
  readonly group: Uint8Array;
  log: MemoryLog;
  /** Read up to here. */
  position = 0;
  /** The last entry other than a message. */
  after = 0;
  readonly results: ProcessEntryResult[] = [];
  readonly texts: string[] = [];
  now = NOW;

  constructor(person: Person, device: TestDevice, group: Uint8Array, log: MemoryLog) {
    this.person = person;
    this.device = device;
    this.group = group;
    this.log = log;
  }

  get own(): OwnIdentity {
    return { account: this.device.account, device: this.device.device, chain: this.device.chain };
  }

  call<Kind extends RequestKind>(request: EngineRequest<Kind>): Promise<EngineCalls[Kind]['result']> {
    return this.device.call(request);
  }

  async head(): Promise<GroupHead> {
    return (await this.call({ kind: 'group-head', group: this.group })).head;
  }

  async rules(): Promise<GroupRules> {
    return decodeGroupPolicy((await this.head()).policy);
  }

  async members() {
    return (await this.call({ kind: 'group-members', group: this.group })).members;
  }

  async leafOf(device: TestDevice): Promise<number> {
    const member = (await this.members()).find((one) => equalBytes(one.device, device.device));
    assert.ok(member, 'the device is in the group');
    return member.leaf;
  }

  /** Takes the next entry; null at the end of the log. A result that must not be kept: `crash`. */
  async next(crash = false): Promise<ProcessEntryResult | null> {
    const logged = this.log.entries[this.position];
    if (logged === undefined) return null;
    const request = {
      kind: 'process-entry',
      own: this.own,
      group: this.group,
      entry: logged.entry,
      now: this.now,
    } as const;
    if (crash) {
      const before = new Map(this.device.records);
      const { result } = await this.device.attempt(request);
      assert.deepEqual(this.device.records, before);
      this.device.restart();
      return result;
    }
    const result = await this.call(request);
    this.position = logged.position;
    if (logged.kind !== 'message') this.after = logged.position;
    this.results.push(result);
    if (result.kind === 'message') this.texts.push(new TextDecoder().decode(result.content));
    return result;
  }

  /** Reads to the end; what the last entry was. */
  async read(): Promise<ProcessEntryResult> {
    let last: ProcessEntryResult | null = null;
    for (let result = await this.next(); result !== null; result = await this.next()) last = result;
    assert.ok(last, 'there is something to read');
    return last;
  }

  async say(text: string): Promise<Uint8Array> {
    const content = new TextEncoder().encode(text);
    const { post, entryId } = await this.call({ kind: 'encrypt-entry', group: this.group, content });
    assert.equal(typeof this.log.post(post), 'number');
    return entryId;
  }

  commitRequest(change: Partial<EngineRequest<'create-commit'>>): EngineRequest<'create-commit'> {
    return {
      kind: 'create-commit',
      own: this.own,
      gateway: GATEWAY,
      group: this.group,
      after: this.after,
      now: this.now,
      ...change,
    };
  }

  async make(change: Partial<EngineRequest<'create-commit'>>) {
    const result = await this.call(this.commitRequest(change));
    if (result.kind !== 'made') assert.fail(`${result.kind} ${'rule' in result ? result.rule : ''}`);
    return result;
  }

  async refusal(change: Partial<EngineRequest<'create-commit'>>): Promise<string> {
    const before = new Map(this.device.records);
    const result = await this.call(this.commitRequest(change));
    assert.deepEqual(this.device.records, before);
    return result.kind === 'refused' ? result.rule : result.kind;
  }

  /** Makes a commit, posts it, and reads it back. */
  async commit(change: Partial<EngineRequest<'create-commit'>>) {
    const made = await this.make(change);
    assert.equal(typeof this.log.post(made.post), 'number');
    const last = await this.read();
    assert.equal(last.kind, 'commit');
    return made;
  }

  /** Adds devices, which join. */
  async add(...newcomers: readonly { readonly person: Person; readonly device: TestDevice }[]): Promise<Member[]> {
    const add: Uint8Array[] = [];
    for (const { device } of newcomers) add.push(await keyPackageOf(device));
    const made = await this.commit({ add, chains: newcomers.map(({ person }) => person.chain) });
    const known = this.chainsOfMembers(newcomers.map(({ person }) => person));
    const joined: Member[] = [];
    for (const { person, device } of newcomers) {
      const member = new Member(person, device, this.group, this.log);
      await member.join(made.next, known);
      member.position = this.position;
      member.after = this.after;
      joined.push(member);
    }
    return joined;
  }

  /** Chains by account, as everybody could fetch them. */
  chainsOfMembers(others: readonly Person[] = []): Uint8Array[][] {
    const chains = new Map(everyone.map((person) => [hexOf(person.account), person.chain]));
    for (const person of others) chains.set(hexOf(person.account), person.chain);
    return [...chains.values()];
  }

  async join(
    next: Pick<Extract<EngineCalls['create-commit']['result'], { kind: 'made' }>['next'], 'welcomes' | 'tree'>,
    chains: readonly Uint8Array[][],
  ): Promise<void> {
    const mine = next.welcomes.find(({ device }) => equalBytes(device, this.device.device));
    assert.ok(mine && next.tree);
    const { welcome } = mine;
    const { tree } = next;
    const result = await this.call({ kind: 'join-group', own: this.own, welcome, tree, chains, now: this.now });
    if (result.kind !== 'joined') assert.fail(`${result.kind} ${'reason' in result ? result.reason : ''}`);
  }

  async leave(allDevices: boolean): Promise<void> {
    const { posts } = await this.call({
      kind: 'create-proposals',
      group: this.group,
      propose: { kind: 'leave', allDevices },
    });
    for (const { post } of posts) assert.equal(typeof this.log.post(post), 'number');
  }
}

/** Everybody whose chain can be fetched. */
const everyone: Person[] = [];

export async function newPerson(name: string, devices = 1): Promise<Person> {
  const made = await Person.create(name, devices);
  everyone.push(made);
  return made;
}

export async function keyPackageOf(device: TestDevice, suite = SUITE): Promise<Uint8Array> {
  const { keyPackages } = await device.call({
    kind: 'create-key-packages',
    own: device.own,
    gateway: GATEWAY,
    count: 1,
    lastResort: false,
    suite,
    now: NOW,
  });
  return keyPackages[0]!.keyPackage;
}

export function firstRules(owner: Person, change: Partial<GroupRules> = {}): GroupRules {
  return {
    name: 'The group',
    description: '',
    pictureHash: null,
    log: { gateway: GATEWAY, id: crypto.random(32) },
    protocol: 'mls',
    roles: [{ account: accountId(owner.account), role: 'owner' }],
    add: 'members',
    edit: 'admins',
    send: 'members',
    pin: 'admins',
    disappearSeconds: 0,
    rotateSeconds: 0,
    linkHash: null,
    linkNeedsApproval: false,
    createdAt: NOW,
    ...change,
  };
}

/** A group of one device. */
export async function found(
  founder: Person,
  options: { readonly rules?: Partial<GroupRules>; readonly suite?: number } = {},
): Promise<Member> {
  const [device] = founder.devices;
  assert.ok(device);
  const group = crypto.random(32);
  const policy = encodeGroupPolicy(firstRules(founder, options.rules));
  const { suite = SUITE } = options;
  const { head } = await device.call({
    kind: 'create-group',
    own: device.own,
    gateway: GATEWAY,
    group,
    policy,
    suite,
    now: NOW,
  });
  return new Member(founder, device, group, new MemoryLog(head.epochKey));
}

/** All in one epoch, with one key, one policy and the same members. */
export async function assertAgree(members: readonly Member[]): Promise<void> {
  const [first, ...rest] = members;
  assert.ok(first);
  const expected = await first.call({ kind: 'group-members', group: first.group });
  for (const member of rest) {
    const got = await member.call({ kind: 'group-members', group: member.group });
    assert.deepEqual(got.members, expected.members);
    assert.deepEqual(got.head.authenticator, expected.head.authenticator);
    assert.deepEqual(got.head.epochKey, expected.head.epochKey);
    assert.deepEqual(got.head.policy, expected.head.policy);
  }
}

export async function readAll(members: readonly Member[]): Promise<void> {
  for (const member of members) while ((await member.next()) !== null);
}

/** Everyone reads everyone. */
export async function assertTalk(members: readonly Member[]): Promise<void> {
  await readAll(members);
  const texts: string[] = [];
  for (const member of members) {
    const text = `from ${member.person.name} ${hexOf(crypto.random(4))}`;
    texts.push(text);
    await member.say(text);
  }
  await readAll(members);
  for (const [i, member] of members.entries()) {
    const others = texts.filter((_, j) => j !== i);
    assert.deepEqual(
      member.texts.slice(-others.length),
      others,
      `${member.person.name}: ${JSON.stringify(member.results.slice(-texts.length).map((r) => ({ kind: r.kind, reason: 'reason' in r ? r.reason : 'rule' in r ? r.rule : '' })))}`,
    );
  }
}

/** Comes back with what `helper` offers. */
export async function rejoin(member: Member, helper: Member) {
  const offer = await helper.call({ kind: 'offer-rejoin', group: helper.group, expiresAt: helper.now / 1000 + 600 });
  const result = await member.call({
    kind: 'rejoin-group',
    own: member.own,
    gateway: GATEWAY,
    group: member.group,
    ...offer,
    position: helper.after,
    chains: helper.chainsOfMembers(),
    now: member.now,
  });
  if (result.kind !== 'made') assert.fail(`${result.kind} ${'reason' in result ? result.reason : ''}`);
  assert.equal(result.head.status, 'joining');
  member.position = helper.position;
  member.after = helper.after;
  assert.equal(typeof member.log.post(result.post), 'number');
  return result;
}
