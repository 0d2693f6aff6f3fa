import { join } from 'node:path';
import { nativeProvider } from '@sotto/crypto';
import { systemClock } from '@sotto/transport';
import { openVault } from '@sotto/vault';
import * as tables from '../../src/store/tables.ts';
import { keystoreIn } from './people.ts';
import type { Person } from './people.ts';

/** Tables in whose decrypted rows a text still is, of a messenger that is closed; and `index`, where search finds it. */
export async function residue(person: Person, text: string): Promise<string[]> {
  const path = join(person.folder, 'vault');
  const vault = await openVault({
    path,
    keystore: keystoreIn(person.folder),
    provider: nativeProvider(),
    clock: systemClock,
  });
  try {
    const found: string[] = [];
    for (const each of Object.values(tables)) {
      if (typeof each === 'string') continue;
      const rows = vault.read((read) => read.all(each.collection));
      if (rows.some(({ value }) => Buffer.from(value).includes(text))) found.push(each.collection.name);
    }
    if (vault.search(text, { limit: 1 }).length > 0) found.push('index');
    return found;
  } finally {
    vault.close();
  }
}
