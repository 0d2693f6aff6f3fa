// A process of its own for tests: node child.ts MODE PATH
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { nativeProvider } from '@sotto/crypto';
import { createVault, fileKeystore, openVault, VaultError } from '@sotto/vault';
import type { Collection } from '@sotto/vault';

const contacts: Collection = { name: 'contacts', purpose: 'state', version: 1 };
const sessions: Collection = { name: 'sessions', purpose: 'ratchet', version: 1 };
const messages: Collection = { name: 'messages', purpose: 'history', version: 1 };

const [, , mode, path = ''] = process.argv;
const provider = nativeProvider();
let now = Date.UTC(2030, 0, 1);
const options = {
  path,
  provider,
  keystore: fileKeystore({ provider, path: join(path, 'unlock.key') }),
  clock: { now: () => now },
};

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

try {
  if (mode === 'open') {
    (await openVault(options)).close();
    say('opened');
  }
  if (mode === 'create') {
    (await createVault(options)).close();
    say('created');
  }
  if (mode === 'hold') {
    await openVault(options);
    say('holding');
    setInterval(() => {}, 1000);
  }
  if (mode === 'events') {
    const vault = await openVault(options);
    const last = vault.read((read) => read.get(contacts, 'last'));
    const start = last === null ? 0 : Number(new TextDecoder().decode(last));
    say('started');
    for (let n = start + 1; ; n++) {
      now = Date.UTC(2030, 0, 1) + n * 600_000;
      vault.transaction((write) => {
        write.put(contacts, 'last', bytes(String(n)));
        write.put(sessions, `s${n % 7}`, bytes(String(n)));
        write.put(messages, `m${n}`, bytes('x'.repeat(n % 900)), { order: { partition: 'chat', ordinal: n } });
        write.index(`m${n}`, `word${n} common`);
        if (n > 3 && n % 5 === 0) write.unindex(`m${n - 3}`);
      });
      say(String(n));
      if (n % 100 === 0) vault.maintain();
    }
  }
  if (mode === 'fill') {
    const vault = await createVault(options);
    let n = 0;
    try {
      for (; n < 1_000_000; n++) {
        vault.transaction((write) => {
          write.put(contacts, 'last', bytes(String(n)));
          write.put(messages, `m${n}`, provider.random(3000));
        });
      }
    } catch (error) {
      say(String(n));
      if (error instanceof VaultError) say(`error ${error.code}`);
      vault.transaction((write) => write.put(contacts, 'small', bytes('fits')));
      say('went on');
    }
  }
} catch (error) {
  if (!(error instanceof VaultError)) throw error;
  say(`error ${error.code}`);
  process.exit(3);
}
