import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordStore } from '@sotto/vault';
import { bytes, TestVault, text } from './support.ts';

test('engine records: null deletes, ratchet records lie under the daily key, long-lived keys and public trees do not', async () => {
  const at = new TestVault();
  const vault = await at.create();
  vault.transaction((write) => {
    const records = recordStore(write);
    records.put('account/keys', bytes('account'));
    records.put('device/keys', bytes('device'));
    for (const name of [
      'session/a/b',
      'skipped/b/1',
      'prekey/7',
      'opening/b',
      'a kind of the future',
      'mls/0a/keys',
      'mls/0a/node/7',
    ]) {
      records.put(name, bytes(name));
    }
    assert.equal(text(records.get('prekey/7')), 'prekey/7');
    records.put('prekey/7', null);
    assert.equal(records.get('prekey/7'), null);
  });
  vault.read((read) => {
    const records = recordStore(read);
    assert.ok(!('put' in records));
    assert.equal(text(records.get('session/a/b')), 'session/a/b');
    assert.equal(text(records.get('device/keys')), 'device');
    assert.equal(text(records.get('mls/0a/node/7')), 'mls/0a/node/7');
    assert.equal(records.get('prekey/7'), null);
  });
  vault.close();
  at.tamper((sqlite) => {
    assert.equal(sqlite.prepare('SELECT count(*) AS rows FROM ratchet_row').get()!['rows'], 5);
    assert.equal(sqlite.prepare('SELECT count(*) AS rows FROM state_row').get()!['rows'], 3);
  });
});
