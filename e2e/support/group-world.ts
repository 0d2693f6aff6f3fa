import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { befriend, Person } from '../../packages/client/test/support/people.ts';
import { addDevice } from '../../packages/client/test/support/second-device.ts';
import { freePort, GatewayProcess } from '../../tools/harness/processes.ts';
import { MemberProcess } from './member-process.ts';

export interface GroupWorldOptions {
  readonly accounts: readonly string[];
  /** Accounts with a second device. */
  readonly two: readonly string[];
  /** Who knows whom. */
  readonly contacts: readonly (readonly [string, string])[];
}

/** A gateway in a process, and accounts with devices, each of which can be a process. */
export interface GroupWorld extends AsyncDisposable {
  readonly gateway: GatewayProcess;
  /** All devices; offline at first. */
  readonly members: readonly MemberProcess[];
  /** A device of an account, the first by default. */
  member(account: string, device?: 1 | 2): MemberProcess;
}

/** Members started at once: more would only wait for each other. */
const STARTING = 3;

/** Registers accounts and devices, and makes contacts of them; then everybody is offline. */
export async function createGroupWorld(options: GroupWorldOptions): Promise<GroupWorld> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-groups-'));
  const stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const gateway = new GatewayProcess({
    home: join(folder, 'gateway-home'),
    listenPort: await freePort(),
    logFile: join(folder, 'gateway.log'),
  });
  await gateway.start();
  stack.defer(() => gateway.kill());
  const people = new Map<string, Person>();
  const own: [string, string, Person][] = [];
  for (const name of options.accounts) {
    const person = await Person.create(name, gateway.address);
    stack.defer(() => person[Symbol.asyncDispose]());
    people.set(name, person);
    own.push([`${name} 1`, name, person]);
  }
  const personOf = (name: string): Person => {
    const person = people.get(name);
    if (person === undefined) throw new Error(`nobody is called ${name}`);
    return person;
  };
  for (const name of options.two) {
    const second = await addDevice(personOf(name), '2');
    stack.defer(() => second[Symbol.asyncDispose]());
    own.push([`${name} 2`, name, second]);
  }
  for (const [a, b] of options.contacts) await befriend(personOf(a), personOf(b));
  // What second devices have to learn of it.
  await delay(1000);
  const ids = new Map<string, string>();
  for (const [name, person] of people) ids.set(name, (await person.messenger.self()).account);
  const members: MemberProcess[] = [];
  for (const [name, account, person] of own) {
    await person.messenger.close();
    const member = new MemberProcess(name, ids.get(account) ?? '', person.folder);
    stack.defer(() => member.kill());
    members.push(member);
  }
  return {
    gateway,
    members,
    member: (account, device = 1) => {
      const found = members.find(({ name }) => name === `${account} ${device}`);
      if (found === undefined) throw new Error(`there is no ${account} ${device}`);
      return found;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Brings devices online, a few at a time. */
export async function startAll(members: readonly MemberProcess[]): Promise<void> {
  const waiting = members.filter(({ online }) => !online);
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next.start();
  };
  await Promise.all(Array.from({ length: STARTING }, worker));
}
