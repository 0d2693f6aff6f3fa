import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { VaultWriter } from '@sotto/vault';
import { bytes, coded, contacts, messages, sessions, TestVault, text } from './support.ts';

function swallowing(write: VaultWriter): void {
  write.put(contacts, 'a', bytes('a'));
  try {
    write.put(contacts, 'x'.repeat(5000), bytes('b'));
  } catch {
    // A half-done step must not be committed.
  }
}

async function asynchronous(write: VaultWriter): Promise<void> {
  write.put(contacts, 'a', bytes('a'));
}

suite('R-STO-2 an event happens whole or not at all', () => {
  test('what a failing event wrote is gone, from the file and from memory', async () => {
    const at = new TestVault();
    let vault = await at.create();
    vault.transaction((write) => {
      write.put(contacts, 'kept', bytes('1'));
      write.put(messages, 'm1', bytes('1'), { order: { partition: 'p', ordinal: 1 } });
      write.index('m1', 'first words');
    });
    const generation = vault.generation();
    const reason = new Error('the event changed its mind');
    assert.throws(
      () =>
        vault.transaction((write) => {
          write.put(contacts, 'kept', bytes('2'));
          write.put({ name: 'new-collection', purpose: 'state', version: 1 }, 'x', bytes('x'));
          write.put(messages, 'm2', bytes('2'), { order: { partition: 'p', ordinal: 2 } });
          write.delete(messages, 'm1');
          write.unindex('m1');
          write.index('m2', 'second words');
          throw reason;
        }),
      (error) => error === reason,
    );
    assert.equal(vault.generation(), generation);
    const check = () => {
      assert.equal(text(vault.read((read) => read.get(contacts, 'kept'))), '1');
      assert.equal(
        vault.read((read) => read.count(messages)),
        1,
      );
      assert.deepEqual(
        vault.search('words', { limit: 5 }).map(({ reference }) => reference),
        ['m1'],
      );
      vault.verify();
    };
    check();
    vault.transaction((write) => write.put(messages, 'm3', bytes('3'), { order: { partition: 'p', ordinal: 2 } }));
    vault.transaction((write) => write.delete(messages, 'm3'));
    vault.close();
    vault = await at.open();
    check();
    vault.close();
  });

  test('an event whose step failed fails, also when it caught the error', async () => {
    const vault = await new TestVault().create();
    assert.throws(() => vault.transaction(swallowing), coded('misuse'));
    assert.equal(
      vault.read((read) => read.count(contacts)),
      0,
    );
    vault.close();
  });

  test('events do not nest, views do not write, an event is synchronous, a writer ends with its event', async () => {
    const vault = await new TestVault().create();
    assert.throws(() => vault.transaction(() => vault.transaction(() => 1)), coded('misuse'));
    assert.throws(() => vault.transaction(() => vault.read(() => 1)), coded('misuse'));
    assert.throws(() => vault.transaction(() => vault.search('x', { limit: 1 })), coded('misuse'));
    assert.throws(() => vault.transaction(() => vault.close()), coded('misuse'));
    assert.throws(() => vault.transaction(() => vault.verify()), coded('misuse'));
    assert.throws(() => vault.read(() => vault.transaction(() => 1)), coded('misuse'));
    assert.equal(
      vault.read(() => vault.read((read) => read.count(contacts))),
      0,
    );
    assert.throws(() => void vault.transaction(asynchronous), coded('misuse'));
    const escaped = vault.transaction((write) => write);
    assert.throws(() => escaped.put(contacts, 'a', bytes('a')), coded('misuse'));
    assert.equal(
      vault.read((read) => read.count(contacts)),
      0,
    );
    vault.close();
  });

  test('the generation counts changing events only', async () => {
    const at = new TestVault();
    let vault = await at.create();
    const start = vault.generation();
    vault.transaction((write) => write.get(contacts, 'a'));
    assert.equal(vault.generation(), start);
    vault.transaction((write) => write.put(contacts, 'a', bytes('a')));
    vault.transaction((write) => write.put(sessions, 'a', bytes('a')));
    assert.equal(vault.generation(), start + 2);
    vault.close();
    vault = await at.open();
    assert.equal(vault.generation(), start + 2);
    vault.close();
  });

  test('a closed vault refuses everything by code, and closes twice', async () => {
    const vault = await new TestVault().create();
    let reader: unknown;
    vault.read((read) => {
      reader = read;
    });
    vault.close();
    vault.close();
    assert.throws(() => vault.transaction(() => 1), coded('closed'));
    assert.throws(() => vault.read(() => 1), coded('closed'));
    assert.throws(() => vault.search('x', { limit: 1 }), coded('closed'));
    assert.throws(() => vault.maintain(), coded('closed'));
    assert.throws(() => vault.generation(), coded('closed'));
    assert.throws(() => (reader as VaultWriter).get(contacts, 'a'), coded('closed'));
  });
});
