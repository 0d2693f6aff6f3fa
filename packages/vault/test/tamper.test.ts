import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { suite, test } from 'node:test';
import { VaultError } from '@sotto/vault';
import type { Vault } from '@sotto/vault';
import { bytes, coded, contacts, messages, sessions, tempFolder, TestVault, text } from './support.ts';

type Filled = { readonly at: TestVault; readonly rows: readonly string[] };

/** A closed vault with a few rows of every kind, and some that were replaced. */
async function filled(): Promise<Filled> {
  const at = new TestVault();
  const vault = await at.create();
  for (let i = 0; i < 6; i++) {
    vault.transaction((write) => {
      write.put(contacts, `c${i}`, bytes(`contact ${i}`), { lookups: [['name', `n${i}`]] });
      write.put(sessions, `s${i}`, bytes(`session ${i}`));
      write.put(messages, `m${i}`, bytes(`message ${i}`), {
        order: { partition: 'chat', ordinal: i },
        lookups: [['id', `i${i}`]],
      });
      write.index(`m${i}`, `message number ${i}`);
    });
  }
  const rows = contents(vault);
  vault.close();
  return { at, rows };
}

function contents(vault: Vault): string[] {
  return vault
    .read((read) => [
      ...[contacts, sessions, messages].flatMap((collection) =>
        read.all(collection).map(({ key, value, ordinal }) => `${collection.name}/${key}=${text(value)}@${ordinal}`),
      ),
      ...read.list(messages, { partition: 'chat', limit: 99 }).map(({ key }) => key),
      ...read.find(contacts, 'name', 'n2').map(({ key }) => key),
      ...vault.search('message', { limit: 99 }).map(({ reference }) => reference),
    ])
    .toSorted();
}

/** Opens, verifies and reads everything. */
async function inspectAll(at: TestVault): Promise<string[]> {
  const vault = await at.open();
  try {
    const rows = contents(vault);
    vault.verify();
    return rows;
  } finally {
    vault.close();
  }
}

async function refuses(at: TestVault, ...codes: Parameters<typeof coded>): Promise<void> {
  await assert.rejects(inspectAll(at), coded(...codes));
}

const TABLES = ['state_row', 'ratchet_row', 'history_row'] as const;

suite('R-STO-1 what somebody changes in the file is noticed', () => {
  for (const table of TABLES) {
    const change = async (name: string, sql: string | ((sqlite: DatabaseSync) => void)) => {
      await test(`${table}: ${name}`, async () => {
        const { at } = await filled();
        at.tamper((sqlite) => (typeof sql === 'string' ? sqlite.exec(sql) : sql(sqlite)));
        await refuses(at, 'tampered');
      });
    };
    void change('a row is deleted', `DELETE FROM ${table} WHERE counter = (SELECT min(counter) FROM ${table})`);
    void change('all rows are deleted', `DELETE FROM ${table}`);
    void change(
      'a row is copied under another counter',
      `INSERT INTO ${table} SELECT 1000000, zeroblob(16), collection, nonce, lookups, partition, rank, ordinal, sealed FROM ${table} LIMIT 1`,
    );
    void change('two rows swap their contents', (sqlite) => {
      const [a, b] = sqlite.prepare(`SELECT counter, nonce, sealed FROM ${table} ORDER BY counter LIMIT 2`).all();
      const set = sqlite.prepare(`UPDATE ${table} SET nonce = ?, sealed = ? WHERE counter = ?`);
      set.run(b!['nonce']!, b!['sealed']!, a!['counter']!);
      set.run(a!['nonce']!, a!['sealed']!, b!['counter']!);
    });
    void change('two rows swap their places', (sqlite) => {
      const [a, b] = sqlite.prepare(`SELECT counter, place FROM ${table} ORDER BY counter LIMIT 2`).all();
      const set = sqlite.prepare(`UPDATE ${table} SET place = ? WHERE counter = ?`);
      set.run(new Uint8Array(16), a!['counter']!);
      set.run(a!['place']!, b!['counter']!);
      set.run(b!['place']!, a!['counter']!);
    });
    void change('a sealed byte is changed', (sqlite) => {
      const row = sqlite.prepare(`SELECT counter, sealed FROM ${table} LIMIT 1`).get()!;
      const sealed = row['sealed'] as Uint8Array;
      sealed[3]! ^= 1;
      sqlite.prepare(`UPDATE ${table} SET sealed = ? WHERE counter = ?`).run(sealed, row['counter']!);
    });
    void change('a row moves to another collection', `UPDATE ${table} SET collection = collection + 1`);
  }

  test('an older version of a row is put back', async () => {
    for (const [table, collection] of [
      ['state_row', contacts],
      ['ratchet_row', sessions],
      ['history_row', messages],
    ] as const) {
      const { at } = await filled();
      let old: Record<string, unknown> = {};
      at.tamper((sqlite) => {
        old = sqlite.prepare(`SELECT * FROM ${table} ORDER BY counter LIMIT 1`).get()!;
      });
      const vault = await at.open();
      vault.transaction((write) => write.put(collection, `${collection.name[0]}0`, bytes('newer')));
      vault.close();
      at.tamper((sqlite) => {
        sqlite.prepare(`DELETE FROM ${table} WHERE place = ?`).run(old['place'] as Uint8Array);
        const columns = Object.keys(old);
        sqlite
          .prepare(`INSERT INTO ${table} (${columns.join()}) VALUES (${columns.map(() => '?').join()})`)
          .run(...(Object.values(old) as Uint8Array[]));
      });
      await refuses(at, 'tampered');
    }
  });

  test('the head is rolled back under newer rows, of live tables and of history alike', async () => {
    for (const collection of [contacts, sessions, messages]) {
      const { at } = await filled();
      let head: Record<string, unknown> = {};
      at.tamper((sqlite) => {
        head = sqlite.prepare('SELECT * FROM head').get()!;
      });
      const vault = await at.open();
      vault.transaction((write) => write.put(collection, 'new', bytes('row')));
      vault.close();
      at.tamper((sqlite) => {
        sqlite
          .prepare('UPDATE head SET nonce = ?, sealed = ?')
          .run(head['nonce'] as Uint8Array, head['sealed'] as Uint8Array);
      });
      await assert.rejects(at.open(), coded('tampered'), 'at once, without a verify');
    }
  });

  test('live rows that were removed or put back are noticed when the vault is opened', async () => {
    for (const table of ['state_row', 'ratchet_row']) {
      const { at } = await filled();
      at.tamper((sqlite) => sqlite.exec(`DELETE FROM ${table} WHERE counter = (SELECT max(counter) FROM ${table})`));
      await assert.rejects(at.open(), coded('tampered'));
    }
  });

  const others: Record<string, string> = {
    'a lookup is removed': 'DELETE FROM state_lookup WHERE hash = (SELECT hash FROM state_lookup LIMIT 1)',
    'a lookup of history is removed':
      'DELETE FROM history_lookup WHERE hash = (SELECT hash FROM history_lookup LIMIT 1)',
    'ranks are exchanged': 'UPDATE history_row SET rank = -rank',
    'two rows get one rank': 'UPDATE history_row SET rank = 0',
    'ordinals are changed': 'UPDATE history_row SET ordinal = zeroblob(8)',
    'a row leaves its partition':
      'UPDATE history_row SET partition = NULL WHERE counter = (SELECT max(counter) FROM history_row)',
    'the head is removed': 'DELETE FROM head',
    'a daily key is removed': 'DELETE FROM day_key',
    'search places are removed': 'DELETE FROM search_place',
    'a search place points elsewhere': 'UPDATE search_place SET document = document + 1',
    'a trigger is added': 'CREATE TRIGGER t AFTER INSERT ON state_row BEGIN DELETE FROM history_row; END',
    'a view is added': 'CREATE VIEW v AS SELECT * FROM head',
    'an index is dropped': 'DROP INDEX state_by_collection',
  };
  for (const [name, sql] of Object.entries(others)) {
    test(name, async () => {
      const { at } = await filled();
      at.tamper((sqlite) => sqlite.exec(sql));
      await refuses(at, 'tampered');
    });
  }

  test('a lookup that was bent leads to an error, not to another row', async () => {
    for (const sql of [
      'UPDATE state_lookup SET place = (SELECT place FROM state_row WHERE place NOT IN (SELECT place FROM state_lookup l WHERE l.hash = state_lookup.hash) LIMIT 1)',
      'UPDATE state_lookup SET place = zeroblob(16)',
    ]) {
      const { at } = await filled();
      at.tamper((sqlite) => sqlite.exec(sql));
      await refuses(at, 'tampered');
    }
  });

  test('a search segment that was changed, removed or exchanged', async () => {
    for (const sql of [
      'DELETE FROM search_block WHERE id = (SELECT max(id) FROM search_block)',
      'UPDATE search_block SET sealed = (SELECT sealed FROM search_block b WHERE b.id <> search_block.id LIMIT 1)',
      'INSERT INTO search_block (id, sealed) VALUES (1, zeroblob(40))',
    ]) {
      const at = new TestVault();
      const vault = await at.create();
      vault.transaction((write) => {
        for (let i = 0; i < 513; i++) write.index(`m${i}`, `some words ${i}`);
      });
      vault.close();
      at.tamper((sqlite) => sqlite.exec(sql));
      await refuses(at, 'tampered');
    }
  });

  test('a file that says it is of a newer or another version', async () => {
    const { at } = await filled();
    const before = tempFolder();
    cpSync(at.path, before, { recursive: true });
    at.tamper((sqlite) => sqlite.exec('PRAGMA user_version = 99'));
    await refuses(at, 'newer_version');
    cpSync(before, at.path, { recursive: true });
    at.tamper((sqlite) => sqlite.exec('PRAGMA user_version = 0'));
    await refuses(at, 'damaged');
    cpSync(before, at.path, { recursive: true });
    at.tamper((sqlite) => sqlite.exec('PRAGMA application_id = 7'));
    await refuses(at, 'damaged');
  });

  test('the rows of another vault with the same key file', async () => {
    const first = await filled();
    const second = await filled();
    rmSync(first.at.file);
    cpSync(second.at.file, first.at.file);
    await refuses(first.at, 'tampered');
  });
});

suite('damage to the files', () => {
  test('a bit flipped anywhere in the file is noticed, or changes nothing', async () => {
    const { at, rows } = await filled();
    const original = readFileSync(at.file);
    let noticed = 0;
    // Most of a small file is unused zeros: every 41st of the other bytes, and some zeros.
    const used = [...original.keys()].filter((i) => original[i] !== 0).filter((_, i) => i % 41 === 0);
    const unused = [...original.keys()].filter((i) => original[i] === 0).filter((_, i) => i % 1999 === 0);
    for (const [i, position] of [...used, ...unused].entries()) {
      const bit = position * 8 + (i % 8);
      const flipped = Buffer.from(original);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(at.file, flipped);
      let found: string[];
      try {
        found = await inspectAll(at);
      } catch (error) {
        assert.ok(error instanceof VaultError, `bit ${bit}: ${String(error)}`);
        assert.ok(['tampered', 'damaged', 'newer_version', 'full'].includes(error.code), `bit ${bit}: ${error.code}`);
        noticed++;
        continue;
      } finally {
        rmSync(`${at.file}-wal`, { force: true });
        rmSync(`${at.file}-journal`, { force: true });
      }
      assert.deepEqual(found, rows, `bit ${bit}`);
    }
    assert.ok(noticed > used.length / 2, `only ${noticed} of ${used.length} flips were noticed`);
  });

  test('a bit flipped in the wrapped key is damage, and no wrong passphrase', async () => {
    const { at } = await filled();
    const path = join(at.path, 'vault.key');
    const original = readFileSync(path);
    for (let bit = 0; bit < original.length * 8; bit += 7) {
      const flipped = Buffer.from(original);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      writeFileSync(path, flipped);
      await refuses(at, 'damaged', 'newer_version');
    }
    for (const length of [0, 1, 40, original.length - 1]) {
      writeFileSync(path, original.subarray(0, length));
      await refuses(at, 'damaged');
    }
    writeFileSync(path, Buffer.concat([original, Buffer.alloc(1)]));
    await refuses(at, 'damaged');
    writeFileSync(path, Buffer.alloc(1_000_000));
    await refuses(at, 'damaged');
  });

  test('a truncated file', async () => {
    const { at } = await filled();
    const { size } = statSync(at.file);
    const whole = readFileSync(at.file);
    for (let pages = 0; pages < size / 4096; pages += 3) {
      for (const extra of [0, 100]) {
        writeFileSync(at.file, whole);
        truncateSync(at.file, pages * 4096 + extra);
        await refuses(at, 'damaged', 'tampered', 'not_found');
        rmSync(`${at.file}-wal`, { force: true });
      }
    }
  });

  test('missing files and files of something else', async () => {
    const { at } = await filled();
    renameSync(join(at.path, 'vault.key'), join(at.path, 'elsewhere'));
    await refuses(at, 'keystore_unavailable');
    renameSync(join(at.path, 'elsewhere'), join(at.path, 'vault.key'));
    writeFileSync(at.file, 'this is a text and no database at all, however long it may be'.repeat(100));
    await refuses(at, 'damaged');
    rmSync(at.file);
    await refuses(at, 'damaged');
    assert.ok(!existsSync(at.file), 'opening makes no file');
    rmSync(at.path, { recursive: true });
    await refuses(at, 'not_found');
  });
});
