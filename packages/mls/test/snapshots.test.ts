import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Client, Group } from '@sotto/mls';
import { assertAgree, assertTalk, clock, deliver, groupOf, person, refuses, Store, utf8 } from './people.ts';

const policy = { snapshots: 3, snapshotAge: 60_000 };
const clients = ['a', 'b', 'c'].map((name) => person(name, { policy })) as [Client, Client, Client];

describe('going back to a kept epoch', () => {
  it('after a fork, all take the other commit: its maker, the maker of the lost one, and a third', () => {
    const [a, b, c] = groupOf(clients) as [Group, Group, Group];
    const lost = a.commit().update().create();
    const won = b.commit().update().create();
    const early = b.encrypt(utf8('before the fork'));
    const { commitDigest } = a;
    const atC = c.commitDigest;
    deliver(lost, a, [c]);
    assertTalk([a, c]);
    assert.equal(c.process(early).kind, 'application');
    b.merge(won.digest);
    a.resume(commitDigest);
    c.resume(atC);
    for (const group of [a, c]) group.process(won.message);
    assertAgree([a, b, c]);
    assertTalk([a, b, c]);
    // A key that was used up on the lost branch is not back.
    refuses('generation_used', () => c.process(early));
    refuses('no_snapshot', () => c.resume(lost.digest));
  });

  it('over several epochs, with additions and removals, from stored records', () => {
    const [a, b, c] = groupOf(clients) as [Group, Group, Group];
    const store = new Store();
    const start = a.epochAuthenticator;
    const digest = c.commitDigest;
    const first = a.commit().update().create();
    deliver(first, a, [c]);
    const dave = person('d', { policy });
    deliver(a.commit().add(dave.createKeyPackage().message).add(person('e').createKeyPackage().message).create(), a, [
      c,
    ]);
    deliver(a.commit().remove(1).create(), a, [c]);
    assert.equal(c.epoch, 4n);
    store.save(c);
    const loaded = clients[2].load(store);
    assert.deepEqual(
      loaded.snapshots().map(({ epoch }) => epoch),
      [1n, 2n, 3n],
    );
    loaded.resume(digest);
    assert.equal(loaded.epoch, 1n);
    assert.deepEqual(loaded.epochAuthenticator, start);
    store.save(loaded);
    const again = clients[2].load(store);
    deliver(b.commit().update().create(), b, [again]);
    assertAgree([b, again]);
    assertTalk([b, again]);
    store.save(again);
    const kept = new Set([again.epoch, 1n].map(String));
    assert.equal(
      new Set([...store.records.keys()].flatMap((name) => /^secret\/([^/]+)/.exec(name)?.[1] ?? [])).size,
      kept.size,
    );
  });

  it('a member removed on the lost branch is back on the other', () => {
    const [a, b, c] = groupOf(clients) as [Group, Group, Group];
    const digest = c.commitDigest;
    const lost = a.commit().remove(2).create();
    c.process(lost.message);
    assert.equal(c.status.kind, 'removed');
    const won = b.commit().update().create();
    c.resume(digest);
    deliver(won, b, [a, c]);
    assertTalk([a, b, c]);
  });

  it('snapshots go by count, by age and when the epoch is settled, and with them their secrets', () => {
    const [a, b] = groupOf(clients) as [Group, Group, Group];
    for (let i = 0; i < 5; i++) deliver(a.commit().update().create(), a, [b]);
    const store = new Store();
    store.save(b);
    assert.equal([...store.records.keys()].filter((name) => name.startsWith('snapshot/')).length, 3);
    const [oldest] = b.snapshots();
    assert.ok(oldest);
    clock.now += 61_000;
    refuses('no_snapshot', () => b.resume(oldest.digest));
    b.expire();
    clock.now -= 61_000;
    store.save(b);
    assert.equal([...store.records.keys()].filter((name) => name.startsWith('snapshot/')).length, 0);
    deliver(a.commit().update().create(), a, [b]);
    assert.equal(b.snapshots().length, 1);
    b.dropSnapshots();
    store.save(b);
    assert.equal([...store.records.keys()].filter((name) => name.startsWith('snapshot/')).length, 0);
    assertTalk([a, b]);
  });
});
