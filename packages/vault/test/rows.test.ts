import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Collection } from '@sotto/vault';
import { bytes, coded, contacts, messages, sessions, TestVault, text } from './support.ts';

const inChat = (ordinal: number) => ({ order: { partition: 'chat', ordinal } });

suite('R-STO-1 rows of every purpose', () => {
  for (const collection of [contacts, sessions, messages]) {
    test(`${collection.purpose}: put, replace, get, delete, and the same after opening again`, async () => {
      const at = new TestVault();
      let vault = await at.create();
      vault.transaction((write) => {
        assert.equal(write.get(collection, 'anna'), null);
        write.put(collection, 'anna', bytes('one'));
        write.put(collection, 'anna', bytes('two'));
        write.put(collection, 'ben', bytes('three'));
        write.put(collection, 'gone', new Uint8Array(0));
        write.delete(collection, 'gone');
        write.delete(collection, 'never there');
        assert.equal(text(write.get(collection, 'anna')), 'two');
      });
      vault.close();
      vault = await at.open();
      vault.read((read) => {
        assert.equal(text(read.get(collection, 'anna')), 'two');
        assert.equal(read.get(collection, 'gone'), null);
        assert.equal(read.count(collection), 2);
        assert.deepEqual(
          read
            .all(collection)
            .map(({ key }) => key)
            .toSorted(),
          ['anna', 'ben'],
        );
      });
      vault.verify();
      vault.close();
    });
  }
});

test('lookups find rows by keyed hash, follow replacement, and end with the row', async () => {
  const vault = await new TestVault().create();
  const find = (name: string, value: string) =>
    vault.read((read) =>
      read
        .find(contacts, name, value)
        .map(({ key }) => key)
        .toSorted(),
    );
  vault.transaction((write) => {
    write.put(contacts, 'anna', bytes('a'), {
      lookups: [
        ['name', 'Anna'],
        ['city', 'Hanoi'],
      ],
    });
    write.put(contacts, 'ben', bytes('b'), {
      lookups: [
        ['city', 'Hanoi'],
        ['city', 'Hanoi'],
      ],
    });
  });
  assert.deepEqual(find('city', 'Hanoi'), ['anna', 'ben']);
  assert.deepEqual(find('name', 'Hanoi'), []);
  vault.transaction((write) => write.put(contacts, 'anna', bytes('a2'), { lookups: [['city', 'Kazan']] }));
  assert.deepEqual(find('city', 'Hanoi'), ['ben']);
  assert.deepEqual(find('name', 'Anna'), []);
  assert.deepEqual(find('city', 'Kazan'), ['anna']);
  vault.transaction((write) => write.put(contacts, 'anna', bytes('a3')));
  assert.deepEqual(find('city', 'Kazan'), ['anna'], 'without a placing the old one stays');
  vault.transaction((write) => write.put(contacts, 'anna', bytes('a4'), {}));
  assert.deepEqual(find('city', 'Kazan'), []);
  vault.transaction((write) => write.delete(contacts, 'ben'));
  assert.deepEqual(find('city', 'Hanoi'), []);
  vault.verify();
  vault.close();
});

test('a partition is listed by ordinal in both directions, between exclusive bounds', async () => {
  const vault = await new TestVault().create();
  vault.transaction((write) => {
    for (const ordinal of [30, -10, 20, 10, 40, 1_900_000_000_000]) {
      write.put(messages, `m${ordinal}`, bytes(String(ordinal)), { order: { partition: 'chat', ordinal } });
    }
    write.put(messages, 'other', bytes('x'), { order: { partition: 'another', ordinal: 20 } });
    write.put(messages, 'unordered', bytes('x'));
  });
  const list = (range: { after?: number; before?: number; limit?: number; newestFirst?: boolean }) =>
    vault.read((read) =>
      read.list(messages, { partition: 'chat', limit: 100, ...range }).map(({ ordinal }) => ordinal),
    );
  assert.deepEqual(list({}), [-10, 10, 20, 30, 40, 1_900_000_000_000]);
  assert.deepEqual(list({ after: 10, before: 40 }), [20, 30]);
  assert.deepEqual(list({ after: 11, before: 39 }), [20, 30]);
  assert.deepEqual(list({ newestFirst: true, limit: 2 }), [1_900_000_000_000, 40]);
  assert.deepEqual(list({ newestFirst: true, before: 30, limit: 2 }), [20, 10]);
  assert.deepEqual(list({ after: 1_900_000_000_000 }), []);
  assert.deepEqual(list({ limit: 0 }), []);
  assert.equal(
    vault.read((read) => read.count(messages, 'chat')),
    6,
  );
  assert.equal(
    vault.read((read) => read.count(messages)),
    8,
  );
  vault.close();
});

test('an ordinal belongs to one row; a row may move, and keeps its place when only its value changes', async () => {
  const vault = await new TestVault().create();
  vault.transaction((write) => {
    write.put(messages, 'a', bytes('a'), inChat(1));
    write.put(messages, 'b', bytes('b'), inChat(2));
  });
  assert.throws(() => vault.transaction((write) => write.put(messages, 'c', bytes('c'), inChat(1))), coded('misuse'));
  vault.transaction((write) => {
    write.put(messages, 'a', bytes('a again'));
    write.put(messages, 'b', bytes('b again'), inChat(2));
    write.put(messages, 'a', bytes('a moved'), inChat(3));
  });
  const rows = vault.read((read) => read.list(messages, { partition: 'chat', limit: 9 }));
  assert.deepEqual(
    rows.map(({ key, value, ordinal }) => [key, text(value), ordinal]),
    [
      ['b', 'b again', 2],
      ['a', 'a moved', 3],
    ],
  );
  vault.verify();
  vault.close();
});

test('rows of an older collection version are upgraded when they are read; newer ones are refused', async () => {
  const vault = await new TestVault().create();
  const first: Collection = { name: 'notes', purpose: 'state', version: 1 };
  const second: Collection = {
    ...first,
    version: 2,
    upgrade: (value, from) => bytes(`${text(value)} from ${from}`),
  };
  vault.transaction((write) => write.put(first, 'n', bytes('old')));
  assert.equal(text(vault.read((read) => read.get(second, 'n'))), 'old from 1');
  assert.deepEqual(
    vault.read((read) => read.all(second).map(({ value }) => text(value))),
    ['old from 1'],
  );
  assert.throws(() => vault.read((read) => read.get({ ...first, version: 3 }, 'n')), coded('misuse'));
  vault.transaction((write) => write.put(second, 'n', bytes('new')));
  assert.equal(text(vault.read((read) => read.get(second, 'n'))), 'new');
  assert.throws(() => vault.read((read) => read.get(first, 'n')), coded('newer_version'));
  vault.close();
});

test('arguments outside their bounds are refused as misuse and change nothing', async () => {
  const vault = await new TestVault().create();
  const long = 'x'.repeat(1025);
  const attempts: ((write: Parameters<Parameters<typeof vault.transaction>[0]>[0]) => void)[] = [
    (write) => write.put(contacts, long, bytes('x')),
    (write) => write.put(contacts, 'k', new Uint8Array(16 * 1024 * 1024 + 1)),
    (write) => write.put({ ...contacts, name: 'Not A Name' }, 'k', bytes('x')),
    (write) => write.put({ ...contacts, name: '~search/pending' }, '1', bytes('x')),
    (write) => write.put({ ...contacts, version: -1 }, 'k', bytes('x')),
    (write) => write.put(messages, 'k', bytes('x'), inChat(0.5)),
    (write) => write.put(messages, 'k', bytes('x'), inChat(2 ** 53)),
    (write) => write.put(contacts, 'k', bytes('x'), { lookups: [['name', long]] }),
    (write) => write.list(messages, { partition: 'p', limit: -1 }),
    (write) => write.index(long, 'text'),
    (write) => write.put({ ...contacts, purpose: 'history' }, 'k', bytes('x')),
  ];
  vault.transaction((write) => write.put(contacts, 'first', bytes('x')));
  const generation = vault.generation();
  for (const attempt of attempts) assert.throws(() => vault.transaction(attempt), coded('misuse'));
  assert.equal(vault.generation(), generation);
  assert.equal(
    vault.read((read) => read.count(contacts)),
    1,
  );
  vault.close();
});

test('values come back in buffers of their own, so that a caller can wipe them', async () => {
  const vault = await new TestVault().create();
  const value = bytes('secret state');
  vault.transaction((write) => write.put(sessions, 's', value));
  const read = vault.read((reader) => reader.get(sessions, 's'));
  assert.equal(read?.byteLength, read?.buffer.byteLength);
  read?.fill(0);
  assert.equal(text(vault.read((reader) => reader.get(sessions, 's'))), 'secret state');
  assert.equal(text(value), 'secret state');
  vault.close();
});
