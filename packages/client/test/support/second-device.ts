import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { nativeProvider } from '@sotto/crypto';
import { InProcessEngine } from '@sotto/engine';
import type { EngineCalls, EngineRequest, RequestKind } from '@sotto/engine';
import { replay } from '@sotto/identity';
import { systemClock } from '@sotto/transport';
import { createVault, openVault, recordStore } from '@sotto/vault';
import type { Vault } from '@sotto/vault';
import { StoredAccountSchema } from '@sotto/wire/stored';
import { accounts, SELF } from '../../src/store/tables.ts';
import { keystoreIn, Person } from './people.ts';
import { testFolder } from './folders.ts';

const provider = nativeProvider();

/** Engine calls over a vault's records, as the client makes them. */
async function call<Kind extends RequestKind>(
  vault: Vault,
  request: EngineRequest<Kind>,
): Promise<EngineCalls[Kind]['result']> {
  const engine = new InProcessEngine({ crypto: provider });
  const names = ['account/keys', 'device/keys'];
  const records = new Map(names.map((name) => [name, vault.read((read) => recordStore(read).get(name))]));
  const reply = await engine.call<Kind>(request, records);
  if (reply.kind !== 'done') throw new Error(`more records wanted: ${reply.names.join()}`);
  vault.transaction((write) => {
    for (const { name, bytes } of reply.changed) recordStore(write).put(name, bytes);
  });
  await engine.close();
  return reply.result;
}

async function openOf(person: Person): Promise<Vault> {
  const path = join(person.folder, 'vault');
  return openVault({ path, keystore: keystoreIn(person.folder), provider, clock: systemClock });
}

/**
 * AddDevice for a device nobody has, signed by the first device of someone (closed meanwhile) right after Genesis: beside
 * any other statement there it is a second one at the same place.
 */
export async function signAnotherSecond(person: Person): Promise<Uint8Array> {
  const vault = await openOf(person);
  const [genesis = new Uint8Array()] = vault.read((read) => accounts.need(read, SELF)).chain;
  const folder = testFolder('nobody');
  const nobody = await createVault({
    path: join(folder, 'vault'),
    keystore: keystoreIn(folder),
    provider,
    clock: systemClock,
  });
  const { certificate } = await call<'create-device'>(nobody, {
    kind: 'create-device',
    accountKey: replay(provider, [genesis]).view.accountKey,
    deviceName: 'nobody',
    now: Date.now(),
  });
  const { statement } = await call<'sign-statement'>(vault, {
    kind: 'sign-statement',
    chain: [genesis],
    statement: { kind: 'add-device', certificate },
    now: Date.now(),
  });
  vault.close();
  nobody.close();
  rmSync(folder, { recursive: true, force: true });
  return statement;
}

/**
 * A further device of someone's account: makes its keys, has the first device sign AddDevice, opens a messenger on it.
 * What linking will do between two screens.
 */
export async function addDevice(person: Person, deviceName: string, now = Date.now()): Promise<Person> {
  await person.messenger.close();
  const first = await openOf(person);
  const row = first.read((read) => accounts.need(read, SELF));
  const known = replay(provider, row.chain).view;

  const folder = testFolder(`${person.name}-${deviceName}`);
  const second = await createVault({
    path: join(folder, 'vault'),
    keystore: keystoreIn(folder),
    provider,
    clock: systemClock,
  });
  const { device, certificate } = await call<'create-device'>(second, {
    kind: 'create-device',
    accountKey: known.accountKey,
    deviceName,
    now,
  });
  const { statement } = await call<'sign-statement'>(first, {
    kind: 'sign-statement',
    chain: row.chain,
    statement: { kind: 'add-device', certificate },
    now,
  });
  first.transaction((write) => {
    accounts.put(write, SELF, { ...row, chain: [...row.chain, statement], unpublished: row.unpublished + 1 });
  });
  second.transaction((write) => {
    const { account, gateway, profile } = row;
    const chain = [...row.chain, statement];
    accounts.put(
      write,
      SELF,
      create(StoredAccountSchema, {
        account,
        device,
        deviceName,
        gateway,
        chain,
        ...(profile === undefined ? {} : { profile }),
      }),
    );
  });
  first.close();
  second.close();
  await person.open();
  return Person.at(`${person.name}-${deviceName}`, folder, person);
}
