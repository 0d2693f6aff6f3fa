import assert from 'node:assert/strict';
import { chmodSync, cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite, test } from 'node:test';
import { fileKeystore } from '@sotto/vault';
import { MIGRATIONS } from '../src/file/schema.ts';
import { createWith, openWith } from '../src/open.ts';
import { bytes, coded, contacts, DAY, messages, provider, sessions, tempFolder, TestClock, text } from './support.ts';

const FIXTURES = fileURLToPath(new URL('fixtures/', import.meta.url));

function optionsFor(path: string) {
  return {
    path,
    provider,
    clock: new TestClock(),
    keystore: fileKeystore({ provider, path: join(path, 'unlock.key') }),
  };
}

suite('R-STO-1 files of earlier versions', () => {
  test('there is a file of every version', () => {
    assert.deepEqual(
      readdirSync(FIXTURES).toSorted(),
      MIGRATIONS.map((_, i) => `version-${i + 1}`),
    );
  });

  for (const name of readdirSync(FIXTURES)) {
    test(`${name} opens, holds what was put in, and goes on`, async () => {
      const path = join(tempFolder(), 'vault');
      cpSync(join(FIXTURES, name), path, { recursive: true });
      // Version control keeps no file modes.
      const options = optionsFor(path);
      for (const file of readdirSync(path)) chmodSync(join(path, file), 0o600);
      for (let round = 0; round < 2; round++) {
        const vault = await openWith(options, MIGRATIONS);
        vault.read((read) => {
          assert.equal(text(read.get(contacts, 'anna')), 'contact of the fixture');
          assert.deepEqual(
            read.find(contacts, 'name', 'Anna').map(({ key }) => key),
            ['anna'],
          );
          assert.equal(text(read.get(sessions, 'with anna')), 'session of the fixture');
          const listed = read.list(messages, { partition: 'chat', limit: 99 });
          assert.deepEqual(
            listed.map(({ ordinal }) => ordinal),
            Array.from({ length: 40 }, (_, i) => 1000 + i * 10),
          );
        });
        assert.deepEqual(
          vault.search('tin nhan 529', { limit: 9 }).map(({ reference }) => reference),
          ['m529'],
        );
        assert.deepEqual(
          vault
            .search('tin nhan 7', { limit: 99, scope: 'chat' })
            .map(({ reference }) => reference)
            .at(-1),
          'm7',
        );
        vault.verify();
        options.clock.advance(DAY);
        vault.transaction((write) => write.put(sessions, 'new', bytes('new')));
        while (vault.maintain());
        vault.verify();
        vault.close();
      }
    });
  }

  test('a migration runs once, in one transaction with the head; an older program refuses the result by name', async () => {
    const options = optionsFor(join(tempFolder(), 'vault'));
    const next = [...MIGRATIONS, 'CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT; INSERT INTO later VALUES (1)'];
    const old = await createWith(options, MIGRATIONS);
    old.transaction((write) => write.put(contacts, 'anna', bytes('kept')));
    old.close();
    for (let round = 0; round < 2; round++) {
      const vault = await openWith(options, next);
      assert.equal(text(vault.read((read) => read.get(contacts, 'anna'))), 'kept');
      vault.verify();
      vault.close();
    }
    await assert.rejects(openWith(options, MIGRATIONS), coded('newer_version'));
  });

  test('a migration that fails changes nothing', async () => {
    const options = optionsFor(join(tempFolder(), 'vault'));
    (await createWith(options, MIGRATIONS)).close();
    await assert.rejects(openWith(options, [...MIGRATIONS, 'CREATE TABLE head (id)']));
    const vault = await openWith(options, MIGRATIONS);
    vault.verify();
    vault.close();
  });
});
