import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { CryptoProvider } from '@sotto/crypto';
import { InProcessEngine } from '@sotto/engine';
import type { EngineCalls, EngineRequest, RequestKind } from '@sotto/engine';
import { replay } from '@sotto/identity';
import { recordStore } from '@sotto/vault';
import type { Collection, Vault } from '@sotto/vault';
import { StoredAccountSchema } from '@sotto/wire/stored';

/** Where the SDK keeps the account: one row. */
const ACCOUNTS: Collection = { name: 'account', purpose: 'state', version: 1 };
const SELF = 'self';

export interface AddDeviceOptions {
  readonly provider: CryptoProvider;
  readonly now: number;
  /** Vault of a device of the account; its messenger is closed. */
  readonly first: Vault;
  /** A new, empty vault. */
  readonly second: Vault;
  readonly deviceName: string;
}

/** A further device of an account: makes its keys and has the first device sign AddDevice, as linking does. */
export async function addDevice({ provider, now, first, second, deviceName }: AddDeviceOptions): Promise<void> {
  const bytes = first.read((read) => read.get(ACCOUNTS, SELF));
  if (bytes === null) throw new Error('the first device holds no account');
  const row = fromBinary(StoredAccountSchema, bytes);
  const known = replay(provider, row.chain).view;
  const { accountKey } = known;
  const { device, certificate } = await call<'create-device'>(provider, second, {
    kind: 'create-device',
    accountKey,
    deviceName,
    now,
  });
  const { statement } = await call<'sign-statement'>(provider, first, {
    kind: 'sign-statement',
    chain: row.chain,
    statement: { kind: 'add-device', certificate },
    now,
  });
  const chain = [...row.chain, statement];
  const grown = { ...row, chain, unpublished: row.unpublished + 1 };
  first.transaction((write) => write.put(ACCOUNTS, SELF, toBinary(StoredAccountSchema, grown)));
  const { account, gateway, profile } = row;
  const named = profile === undefined ? {} : { profile };
  const own = create(StoredAccountSchema, { account, device, deviceName, gateway, chain, ...named });
  second.transaction((write) => write.put(ACCOUNTS, SELF, toBinary(StoredAccountSchema, own)));
}

/** An engine call over a vault's records, as the SDK makes them. */
async function call<Kind extends RequestKind>(
  provider: CryptoProvider,
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
