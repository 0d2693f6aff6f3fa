/** Puts logs into a gateway's data folder before it starts: `prepare.ts FOLDER COUNT`. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nativeProvider } from '@sotto/crypto';
import { DEFAULT_LIMITS, openEmbeddedStore, systemClock } from '@sotto/gateway';
import type { PreparedLog } from './protocol.ts';

const [folder, count] = process.argv.slice(2);
if (folder === undefined || count === undefined) throw new Error('usage: prepare.ts FOLDER COUNT');

const provider = nativeProvider();
const store = openEmbeddedStore({
  file: join(folder, 'gateway.db'),
  clock: systemClock,
  limits: { ...DEFAULT_LIMITS, logsPerAccount: Number(count) },
  onFailure: (error) => {
    throw error;
  },
});
const account = provider.random(32);
const added = [{ sequence: 0, bytes: provider.random(500) }];
await store.directory.writeChain({ account, expected: 0, added, active: [] });
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const logs = await Promise.all(
  Array.from({ length: Number(count) }, async (): Promise<PreparedLog> => {
    const log = provider.random(32);
    const key = provider.generate('ed25519');
    await store.groupLogs.create(account, log, key.publicKey);
    using seed = key.export();
    return { log: hex(log), seed: hex(seed.reveal()) };
  }),
);
store.close();
writeFileSync(join(folder, 'logs.json'), JSON.stringify(logs));
