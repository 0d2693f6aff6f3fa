import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, GatewayProcess, Person } from '../../tools/harness/processes.ts';
import { startTap } from '../../tools/tap/tap.ts';
import type { Tap } from '../../tools/tap/tap.ts';

/** A gateway process with a tap inside its TLS, and people with accounts on it, each with a home of their own. */
export interface World extends AsyncDisposable {
  readonly folder: string;
  readonly gateway: GatewayProcess;
  readonly tap: Tap;
  /** Somebody new: an account named like its profile. */
  person(name: string): Promise<Person>;
}

/** Starts it in a fresh folder. */
export async function createWorld(name: string): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), `sotto-${name}-`));
  const keys = join(folder, 'tls-keys');
  mkdirSync(keys);
  const keyLogs = [join(keys, 'gateway')];
  const nodeArgs = (who: string): string[] => [`--tls-keylog=${join(keys, who)}`, '--no-warnings'];
  const listenPort = await freePort();
  const tap = await startTap({ listenPort: 0, gatewayPort: listenPort, keyLogs: () => keyLogs });
  const gateway = new GatewayProcess({
    home: join(folder, 'gateway-home'),
    listenPort,
    publicPort: tap.port,
    nodeArgs: nodeArgs('gateway'),
    logFile: join(folder, 'gateway.log'),
  });
  await gateway.start();
  return {
    folder,
    gateway,
    tap,
    async person(who) {
      keyLogs.push(join(keys, who));
      const person = new Person(who, join(folder, who), { nodeArgs: nodeArgs(who) });
      const options = `--name ${who} --account-name ${who} --gateway ${gateway.address} --keystore file`;
      await person.must(['init', ...options.split(' ')]);
      return person;
    },
    async [Symbol.asyncDispose]() {
      await gateway.kill();
      await tap.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Makes two people contacts: one asks, the other accepts, the first learns of it. */
export async function befriend(asking: Person, accepting: Person): Promise<void> {
  await asking.must(['contact', 'add', accepting.profile]);
  await accepting.must(['requests', 'accept', asking.profile]);
  await asking.must(['inbox']);
}

/** Texts that a person has from a contact, oldest first. */
export async function textsFrom(reader: Person, contact: string): Promise<string[]> {
  const { objects } = await reader.must(['history', contact, '--limit', '100000']);
  return objects.filter((message) => message['own'] === false).map((message) => String(message['text']));
}
