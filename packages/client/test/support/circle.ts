import assert from 'node:assert/strict';
import type { LogRecord } from '@sotto/gateway-api';
import type { AccountRef, ConversationRef, Effects, GroupNotice, Messenger, Settings } from '../../src/index.ts';
import { ManualClock } from './clock.ts';
import { MemoryGateway } from './memory-gateway.ts';
import { Person, texts } from './people.ts';

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** The entry to show in a record's place; null: it is withheld. */
export type Tamper = (record: LogRecord) => Uint8Array | null;

export interface CircleOptions {
  readonly settings?: Partial<Settings>;
  /** Every one is a contact of every other one; else of the first only. */
  readonly all?: boolean;
}

/** People at one gateway who know the first of them, under a clock that is moved by hand. */
export class Circle implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly gateway = new MemoryGateway(this.clock);
  readonly people: Person[] = [];
  /** Told by the messengers of `add`, until they are reopened. */
  readonly problems: string[] = [];
  readonly #settings: Partial<Settings>;

  private constructor(settings: Partial<Settings>) {
    this.#settings = settings;
  }

  static async of(names: readonly string[], options: CircleOptions = {}): Promise<Circle> {
    const circle = new Circle(options.settings ?? {});
    circle.gateway.reconnectMs = 10 * SECOND;
    for (const name of names) await circle.add(name);
    const [first, ...others] = circle.people;
    if (first === undefined) return circle;
    for (const [i, other] of others.entries()) {
      await circle.acquaint(first, other);
      if (options.all === true) for (const third of others.slice(i + 1)) await circle.acquaint(other, third);
    }
    await circle.pass(5 * SECOND);
    return circle;
  }

  /** `tamper`: what this one is shown of logs. */
  async add(name: string, tamper?: Tamper): Promise<Person> {
    const openTransport = tamper === undefined ? this.gateway.openTransport : this.#tampered(tamper);
    const effects: Partial<Effects> = {
      openTransport,
      clock: this.clock,
      random: () => 0.5,
    };
    const settings = { autoAccept: true, retryBaseMs: SECOND, retryMostMs: MINUTE, ...this.#settings };
    const person = await Person.create(name, this.gateway.address, { effects, settings });
    this.people.push(person);
    this.#watch(person);
    await this.pass(SECOND);
    return person;
  }

  #tampered(tamper: Tamper): Effects['openTransport'] {
    return (options) => {
      const transport = this.gateway.openTransport(options);
      const follow = transport.followLogs.bind(transport);
      transport.followLogs = (address, sink, following) =>
        follow(
          address,
          {
            ...sink,
            onRecord: async (log, record) => {
              const entry = tamper(record);
              if (entry !== null) await sink.onRecord(log, { ...record, entry });
            },
          },
          following,
        );
      return transport;
    };
  }

  /** What fails behind everybody's back fails the test. */
  #watch({ messenger, name }: Person): void {
    messenger.events.on('problem', ({ error }) => {
      this.problems.push(`${name}: ${error.stack ?? error.message} ${String(error.cause)}`);
    });
  }

  async acquaint(a: Person, b: Person): Promise<void> {
    const { account } = await a.messenger.addContact(await b.messenger.contactLink());
    for (let i = 0; i < 60; i++) {
      await this.pass(SECOND);
      if ((await a.messenger.contact(account))?.state === 'accepted') return;
    }
    assert.fail(`${a.name} and ${b.name} are no contacts`);
  }

  pass(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  /** A long time in which nobody does anything. */
  async sleep(ms: number): Promise<void> {
    this.clock.jump(ms);
    await this.pass(MINUTE);
  }

  async account(person: Person): Promise<AccountRef> {
    return (await person.messenger.self()).account;
  }

  /** Device of a person, hexadecimal, as the gateway's switches name it. */
  deviceOf(person: Person): string {
    const index = this.people.indexOf(person);
    const device = [...this.gateway.devices.keys()][index];
    assert.ok(device !== undefined);
    return device;
  }

  cut(person: Person): void {
    const device = this.deviceOf(person);
    this.gateway.cutOff.add(device);
    const row = this.gateway.devices.get(device);
    if (row !== undefined) this.gateway.mailboxes.get(Buffer.from(row.mailbox).toString('hex'))?.wake();
  }

  join(person: Person): void {
    this.gateway.cutOff.delete(this.deviceOf(person));
  }

  /** A group of the first with the others, whom it waits for. */
  async group(name = 'Group', members: readonly Person[] = this.people.slice(1)): Promise<ConversationRef> {
    const [first] = this.people;
    assert.ok(first !== undefined);
    const accounts = await Promise.all(members.map((member) => this.account(member)));
    const { id } = await first.messenger.groups.create({ name, accounts });
    await this.pass(2 * SECOND);
    for (const member of members) {
      const [invitation] = await member.messenger.groups.invitations();
      assert.equal(invitation?.group, id, `${member.name} is not invited`);
      await member.messenger.groups.accept(id);
    }
    await this.pass(2 * SECOND);
    for (const member of members) assert.equal((await member.messenger.groups.get(id))?.state, 'joined', member.name);
    return id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const person of this.people) await person[Symbol.asyncDispose]();
    this.gateway.logs.close();
    assert.deepEqual(this.problems, []);
    assert.equal(this.clock.pending, 0, 'timers are left');
  }
}

/** Changes that a history tells of, as short texts. */
export async function notices(messenger: Messenger, group: ConversationRef): Promise<GroupNotice[]> {
  const { entries } = await messenger.history(group, { limit: 500 });
  return entries.flatMap((entry) => (entry.kind === 'notice' ? [entry.notice] : []));
}

/** Asserts that all see the same group and the same texts. */
export async function agree(people: readonly Person[], group: ConversationRef): Promise<void> {
  const seen = await Promise.all(
    people.map(async ({ messenger }) => {
      const view = await messenger.groups.get(group);
      const { members } = await messenger.groups.members(group, { limit: 1000 });
      return {
        epoch: view?.epoch,
        name: view?.name,
        members: members.map(({ account, role, devices }) => `${account} ${role} ${devices}`).toSorted(),
        texts: await texts(messenger, group),
      };
    }),
  );
  for (const [i, each] of seen.entries()) assert.deepEqual(each, seen[0], `${people[i]?.name} sees something else`);
}
