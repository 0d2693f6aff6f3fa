import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { fileKeystore, inspectVault, openVault, wipeVault } from '@sotto/vault';
import { bytes, coded, contacts, provider, tempFolder, TestVault } from './support.ts';

suite('R-ID-9 panic wipe', () => {
  test('keys are overwritten before they are unlinked, and nothing of the vault is left', async () => {
    const at = new TestVault();
    const vault = await at.create();
    vault.transaction((write) => write.put(contacts, 'a', bytes('a')));
    mkdirSync(join(at.path, 'attachments'));
    writeFileSync(join(at.path, 'attachments', 'sealed'), 'sealed');
    const keys = ['vault.key', 'unlock.key'].map((name) => {
      const path = join(at.path, name);
      return { before: readFileSync(path), file: openSync(path, 'r') };
    });
    // While the vault is open: nobody needs to unlock or close it first.
    await wipeVault({ path: at.path, provider });
    for (const { before, file } of keys) {
      const now = Buffer.alloc(before.length);
      assert.equal(readSync(file, now, 0, now.length, 0), before.length);
      closeSync(file);
      assert.notDeepEqual(now, before);
    }
    assert.ok(!existsSync(at.path));
    vault.close();
    assert.equal(inspectVault({ path: at.path, provider }), null);
    await assert.rejects(at.open(), coded('not_found'));
    await wipeVault({ path: at.path, provider });
  });

  test('also a key file elsewhere goes, and other people’s files stay', async () => {
    const at = new TestVault();
    (await at.create()).close();
    const elsewhere = fileKeystore({ provider, path: join(tempFolder(), 'key') });
    const vault = await at.open();
    await vault.rewrap(elsewhere);
    vault.close();
    writeFileSync(join(at.path, 'notes.txt'), 'not of the vault');
    await wipeVault({ path: at.path, provider, keystore: elsewhere });
    assert.deepEqual(readdirSync(at.path), ['notes.txt']);
    await assert.rejects(
      openVault({ path: at.path, provider, clock: at.clock, keystore: elsewhere }),
      coded('not_found'),
    );
  });

  test('a damaged vault is wiped as well', async () => {
    const at = new TestVault();
    (await at.create()).close();
    writeFileSync(at.file, 'rubbish');
    writeFileSync(join(at.path, 'vault.key'), '');
    await wipeVault({ path: at.path, provider });
    assert.ok(!existsSync(at.path));
  });
});
