import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client, Group } from '@sotto/mls';
import {
  assertAgree,
  assertTalk,
  clock,
  deliver,
  groupOf,
  join,
  person,
  refuses,
  Store,
  text,
  utf8,
} from './people.ts';

const clients = Array.from({ length: 20 }, (_, i) => person(`member ${i}`));

/** Everyone's group, saved and loaded again. */
function reloaded(groups: readonly Group[], stores: readonly Store[]): Group[] {
  return groups.map((group, i) => {
    const [client, store] = [clients[i], stores[i]];
    assert.ok(client && store);
    store.save(group);
    return client.load(store);
  });
}

describe('state in records', () => {
  it('every operation goes on from loaded records', () => {
    const stores = clients.map(() => new Store());
    let groups = reloaded(groupOf(clients.slice(0, 5)), stores);
    assertTalk(groups);
    groups = reloaded(groups, stores);
    const commit = groups[2]!.commit().update().create();
    groups = reloaded(groups, stores);
    groups[2]!.merge(commit.digest);
    for (const [i, group] of groups.entries()) if (i !== 2) group.process(commit.message);
    assertAgree(groups);
    groups = reloaded(groups, stores);
    assertTalk(groups);

    const update = groups[4]!.proposeUpdate();
    groups = reloaded(groups, stores);
    for (const [i, group] of groups.entries()) if (i !== 4) group.process(update);
    groups = reloaded(groups, stores);
    const taking = groups[0]!.commit().create();
    deliver(taking, groups[0]!, groups.slice(1));
    groups = reloaded(groups, stores);
    assertTalk(groups);

    deliver(groups[1]!.commit().remove(4).create(), groups[1]!, [groups[0]!, groups[2]!, groups[3]!]);
    groups = reloaded(groups.slice(0, 4), stores);
    assertTalk(groups);
    assert.equal(groups[0]!.members().length, 4);
  });

  it('a message writes at most 1 KB, and loading for one does not read the tree', () => {
    const stores = clients.map(() => new Store());
    const groups = reloaded(groupOf(clients), stores);
    const [a, b] = groups as [Group, Group];
    const message = a.encrypt(utf8('x'));
    assert.ok(stores[0]!.save(a) <= 1024);
    const read: string[] = [];
    const counting = {
      read(name: string): Uint8Array | null {
        read.push(name);
        return stores[1]!.read(name);
      },
    };
    const loaded = clients[1]!.load(counting);
    const got = loaded.process(message);
    assert.equal(got.kind, 'application');
    assert.ok(stores[1]!.save(loaded) <= 1024);
    assert.deepEqual(
      read.filter((name) => name.startsWith('node/')),
      ['node/0'],
    );
    void b;
  });

  it('a commit writes the nodes it changed, not the tree', () => {
    const stores = clients.map(() => new Store());
    const groups = groupOf(clients);
    for (const group of groups)
      deliver(
        group.commit().update().create(),
        group,
        groups.filter((other) => other !== group),
      );
    const [a, b] = reloaded(groups, stores) as [Group, Group];
    const commit = a.commit().update().create();
    b.process(commit.message);
    const nodes = b.takeChanges().filter(({ name, bytes }) => bytes !== null && name.startsWith('node/'));
    // Leaf 0 and its five ancestors in a tree for 32.
    assert.equal(nodes.length, 6);
  });

  it('what was used up is in no record, taken late or not', () => {
    const [a, b] = groupOf(clients.slice(0, 2)) as [Group, Group];
    const store = new Store();
    store.save(b);
    const before = [...store.records].find(([name]) => /^secret\/.*\/0\.0$/.test(name));
    assert.ok(before);
    const root = Buffer.from(before[1].subarray(2));
    assert.equal(root.length, 32);
    b.process(a.encrypt(utf8('one')));
    b.process(a.encrypt(utf8('two')));
    store.save(b);
    for (const bytes of store.records.values()) assert.equal(Buffer.from(bytes).indexOf(root), -1);
    for (const change of a.takeChanges()) {
      if (change.bytes !== null) assert.equal(Buffer.from(change.bytes).indexOf(root), -1);
    }
  });

  it('a failed message changes no record', () => {
    const [a, b] = groupOf(clients.slice(0, 2)) as [Group, Group];
    b.takeChanges();
    const message = a.encrypt(utf8('x'));
    for (const at of [5, message.length >> 1, message.length - 1]) {
      const forged = message.slice();
      forged[at] = (forged[at] ?? 0) ^ 1;
      assert.throws(() => b.process(forged));
    }
    assert.deepEqual(b.takeChanges(), []);
    assert.equal(b.process(message).kind, 'application');
  });

  it('messages overtaken within the window are read once, older ones no more', () => {
    const policy = { skippedKeys: 8, maxGenerationJump: 20 };
    const [x, y] = [person('x', { policy }), person('y', { policy })];
    const [a, b] = groupOf([x, y]) as [Group, Group];
    const messages = Array.from({ length: 40 }, (_, i) => a.encrypt(utf8(`${i}`)));
    const store = new Store();
    b.process(messages[10]!);
    store.save(b);
    const loaded = y.load(store);
    for (const i of [9, 3, 7]) assert.equal(loaded.process(messages[i]!).kind, 'application');
    refuses('generation_used', () => loaded.process(messages[9]!));
    refuses('generation_used', () => loaded.process(messages[10]!));
    refuses('generation_used', () => loaded.process(messages[2]!));
    refuses('generation_too_far', () => loaded.process(messages[32]!));
    assert.equal(loaded.process(messages[12]!).kind, 'application');
    refuses('generation_used', () => loaded.process(messages[4]!));
    assert.equal(loaded.process(messages[5]!).kind, 'application');
    store.save(loaded);
    assert.equal([...store.records.keys()].filter((name) => /\/a\d+\.\d+$/.test(name)).length, 3);
  });

  it('late messages of past epochs are read by the leaf their sender had then, by count and age', () => {
    const policy = { pastEpochs: 2, pastEpochAge: 60_000 };
    const [x, y, z] = ['x', 'y', 'z'].map((name) => person(name, { policy })) as [Client, Client, Client];
    const [a, b, c] = groupOf([x, y, z]) as [Group, Group, Group];
    const store = new Store();
    const early = a.encrypt(utf8('0'));
    const old = c.encrypt(utf8('by one removed later'));
    deliver(a.commit().remove(2).update().create(), a, [b]);
    const other = person('someone else');
    const bundle = other.createKeyPackage();
    const commit = b.commit().add(bundle.message).create();
    deliver(commit, b, [a]);
    const again = join(other, commit.welcome, bundle);
    assert.equal(again.ownLeaf, 2);
    store.save(b);
    const loaded = y.load(store);
    assert.equal(loaded.process(early).kind, 'application');
    const got = loaded.process(old);
    assert.ok(got.kind === 'application' && got.sender === 2 && got.credential.kind === 'basic');
    assert.equal(text(got.credential.identity), 'z');
    assert.equal(got.epoch, 1n);
    refuses('generation_used', () => loaded.process(early));
    const late = a.encrypt(utf8('3'));
    deliver(a.commit().update().create(), a, [loaded]);
    refuses('past_epoch', () => loaded.process(c.encrypt(utf8('beyond the count'))));
    clock.now += 61_000;
    refuses('past_epoch', () => loaded.process(late));
    loaded.expire();
    store.save(loaded);
    assert.equal([...store.records.keys()].filter((name) => name.startsWith('past/')).length, 0);
    assert.equal(new Set([...store.records.keys()].map((name) => /^secret\/([^/]+)/.exec(name)?.[1])).size, 2);
    clock.now -= 61_000;
  });

  it('where no past epochs are kept, nothing of an epoch that is over is left, used or not', () => {
    const policy = { pastEpochs: 0 };
    const people = ['x', 'y', 'z'].map((name) => person(name, { policy }));
    const groups = groupOf(people);
    const stores = people.map(() => new Store());
    for (let i = 0; i < 3; i++) {
      const [a, b] = groups as [Group, Group];
      assertTalk(groups);
      const overtaken = a.encrypt(utf8('never read'));
      b.process(a.encrypt(utf8('read')));
      deliver(a.commit().update().create(), a, groups.slice(1));
      for (const [at, group] of groups.entries()) {
        stores[at]!.save(group);
        const names = [...stores[at]!.records.keys()];
        assert.equal(new Set(names.flatMap((name) => /^secret\/([^/]+)/.exec(name)?.[1] ?? [])).size, 1);
        assert.ok(!names.some((name) => name.startsWith('past/')));
        groups[at] = people[at]!.load(stores[at]!);
      }
      refuses('past_epoch', () => groups[1]!.process(overtaken));
    }
  });

  it('what is stored wrongly is refused by name: no_group, record, unsupported_suite', () => {
    const store = new Store();
    const client = person('x');
    refuses('no_group', () => client.load(store));
    store.save(client.createGroup());
    const without = (name: string): Store => {
      const copy = store.copy();
      copy.records.delete(name);
      return copy;
    };
    refuses('record', () => client.load(without('epoch')));
    refuses('record', () => client.load(without('node/0')).members());
    refuses('record', () => client.load(without('keys')).commit().update().create());
    const changed = (name: string, at: number, value: number): Store => {
      const copy = store.copy();
      const bytes = copy.records.get(name)!.slice();
      bytes[at] = value;
      copy.records.set(name, bytes);
      return copy;
    };
    refuses('record', () => client.load(changed('group', 0, 9)));
    refuses('unsupported_suite', () => client.load(changed('group', 2, 200)));
    refuses('unsupported_suite', () => person('y', { cipherSuite: 200 }));
  });
});
