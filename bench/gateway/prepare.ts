/** Fills a gateway's data folder with devices before it starts, as if each had registered: `prepare.ts FOLDER COUNT`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nativeProvider } from '@sotto/crypto';
import { DEFAULT_LIMITS, openEmbeddedStore, systemClock } from '@sotto/gateway';
import { capabilityHashOf } from '@sotto/wire';
import type { PreparedDevice } from './protocol.ts';

const [folder, count] = process.argv.slice(2);
if (folder === undefined || count === undefined) throw new Error('usage: prepare.ts FOLDER COUNT');

const provider = nativeProvider();
mkdirSync(folder, { recursive: true, mode: 0o700 });
const store = openEmbeddedStore({
  file: join(folder, 'gateway.db'),
  clock: systemClock,
  limits: DEFAULT_LIMITS,
  onFailure: (error) => {
    throw error;
  },
});
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

async function add(): Promise<PreparedDevice> {
  const [account, device, mailbox, secret] = [32, 16, 16, 32].map((length) => provider.random(length)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const key = provider.generate('ed25519');
  await store.directory.writeChain({
    account,
    expected: 0,
    added: [{ sequence: 0, bytes: provider.random(500) }],
    active: [device],
    register: { device, ed25519: key.publicKey, mailbox },
  });
  const hash = capabilityHashOf(secret, (...parts) => provider.hash('sha256', ...parts));
  await store.directory.createCapabilities(account, [{ hash, mailbox, dailyQuota: 1_000_000 }]);
  using seed = key.export();
  return {
    account: hex(account),
    device: hex(device),
    mailbox: hex(mailbox),
    secret: hex(secret),
    seed: hex(seed.reveal()),
  };
}

const devices: PreparedDevice[] = [];
while (devices.length < Number(count)) {
  const batch = Math.min(500, Number(count) - devices.length);
  devices.push(...(await Promise.all(Array.from({ length: batch }, add))));
}
store.close();
writeFileSync(join(folder, 'devices.json'), JSON.stringify(devices));
