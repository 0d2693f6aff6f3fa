// Writes fixtures/version-N for the current version of the file's schema: run once, when a version is released.
//   node --conditions=@sotto/source packages/vault/test/make-fixture.ts
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nativeProvider } from '@sotto/crypto';
import { createVault, fileKeystore } from '@sotto/vault';
import { MIGRATIONS } from '../src/file/schema.ts';

const path = fileURLToPath(new URL(`fixtures/version-${MIGRATIONS.length}`, import.meta.url));
const provider = nativeProvider();
const keystore = fileKeystore({ provider, path: join(path, 'unlock.key') });
const bytes = (text: string) => new TextEncoder().encode(text);

const vault = await createVault({ path, provider, keystore, clock: { now: () => Date.UTC(2026, 10, 20) } });
vault.transaction((write) => {
  const contacts = { name: 'contacts', purpose: 'state', version: 1 } as const;
  const sessions = { name: 'sessions', purpose: 'ratchet', version: 1 } as const;
  const messages = { name: 'messages', purpose: 'history', version: 1 } as const;
  write.put(contacts, 'anna', bytes('contact of the fixture'), { lookups: [['name', 'Anna']] });
  write.put(sessions, 'with anna', bytes('session of the fixture'));
  for (let i = 0; i < 40; i++) {
    write.put(messages, `m${i}`, bytes(`message ${i}`), { order: { partition: 'chat', ordinal: 1000 + i * 10 } });
  }
  // More than one segment takes.
  for (let i = 0; i < 530; i++) write.index(`m${i}`, `Tin nhắn số ${i}`, 'chat');
});
while (vault.maintain());
vault.close();
