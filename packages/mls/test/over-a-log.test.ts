import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { splitWelcome, TreeCache } from '@sotto/mls';
import { assertAgree, assertTalk, groupOf, join, person, refuses, Store, utf8 } from './people.ts';

const clients = Array.from({ length: 5 }, (_, i) => person(`member ${i}`));

describe('what a log of entries needs', () => {
  it('a held proposal stands only once its message came back, after a restart too', () => {
    const groups = groupOf(clients.slice(0, 3));
    const [a, b, c] = groups as [(typeof groups)[0], (typeof groups)[0], (typeof groups)[0]];
    const store = new Store();
    const leaving = c.propose({ kind: 'remove', leaf: 2 }, { held: true });
    const update = c.proposeUpdate({}, { held: true });
    assert.deepEqual(c.proposals(), []);
    store.save(c);
    const again = clients[2]!.load(store);
    assert.equal(again.process(update).kind, 'own_proposal');
    for (const group of [a, b]) group.process(update);
    store.save(again);
    const late = clients[2]!.load(store);
    assert.equal(late.proposals().length, 1);
    const commit = a.commit().create();
    a.merge(commit.digest);
    for (const group of [b, late]) group.process(commit.message);
    assertAgree([a, b, late]);
    // The other one was of an epoch that is over, and is forgotten.
    refuses('past_epoch', () => late.process(leaving));
    store.save(late);
    assert.ok(![...store.records.keys()].some((name) => name.startsWith('held/')));
    assertTalk([a, b, late]);
  });

  it('each part of a split Welcome lets in the member it is for, and no other', () => {
    const group = clients[0]!.createGroup();
    const bundles = clients.slice(1, 4).map((client) => client.createKeyPackage());
    const builder = group.commit();
    for (const bundle of bundles) builder.add(bundle.message);
    const commit = builder.create();
    assert.ok(commit.welcome);
    const parts = splitWelcome(commit.welcome);
    assert.deepEqual(
      parts.map(({ ref }) => ref),
      bundles.map(({ ref }) => ref),
    );
    group.merge(commit.digest);
    const joined = parts.map(({ welcome }, i) => join(clients[i + 1]!, welcome, bundles[i]));
    assertAgree([group, ...joined]);
    refuses('no_key_package', () => join(clients[1]!, parts[1]!.welcome, bundles[0]));
  });

  it('a deleted group leaves no record', () => {
    const groups = groupOf(clients);
    const store = new Store();
    for (const group of groups.slice(1)) groups[0]!.process(group.encrypt(utf8('x')));
    const late = [groups[1]!.encrypt(utf8('1')), groups[1]!.encrypt(utf8('2'))];
    groups[0]!.process(late[1]!);
    groups[0]!.propose({ kind: 'remove', leaf: 4 }, { held: true });
    groups[0]!.propose({ kind: 'remove', leaf: 3 });
    const commit = groups[1]!.commit().update().create();
    groups[0]!.process(commit.message);
    groups[0]!.propose({ kind: 'remove', leaf: 4 }, { held: true });
    groups[0]!.propose({ kind: 'remove', leaf: 3 });
    groups[0]!.commit().update().create();
    store.save(groups[0]!);
    const loaded = clients[0]!.load(store);
    loaded.delete();
    store.save(loaded);
    assert.deepEqual([...store.records.keys()], []);
  });

  it('a tree that is in the cache is not read, and gives the same', () => {
    const trees = new TreeCache({ nodes: 100 });
    const cached = person('cached', { trees });
    const others = clients.slice(0, 4);
    const groups = groupOf([cached, ...others]);
    const store = new Store();
    store.save(groups[0]!);
    const read: string[] = [];
    const reader = {
      read(name: string): Uint8Array | null {
        read.push(name);
        return store.read(name);
      },
    };
    const group = cached.load(reader);
    const commit = groups[1]!.commit().update().create();
    groups[1]!.merge(commit.digest);
    for (const other of [group, ...groups.slice(2)]) other.process(commit.message);
    assertAgree([group, ...groups.slice(1)]);
    assert.deepEqual(
      read.filter((name) => name.startsWith('node/')),
      [],
    );
    store.save(group);
    trees.clear();
    const reloaded = cached.load(store);
    assertTalk([reloaded, ...groups.slice(1)]);
    assert.deepEqual(reloaded.ratchetTree(), groups[1]!.ratchetTree());
    // Of what has no room only the newest stays.
    const small = new TreeCache({ nodes: 3 });
    const lone = person('lone', { trees: small });
    const first = lone.createGroup();
    lone.createGroup();
    assert.equal(small.get(1, first.groupId), null);
  });
});
