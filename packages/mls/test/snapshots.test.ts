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
    // The lost branch is left, not forgotten: for its maker too, who cannot process its commit again.
    const read = a.encrypt(utf8('on the branch that won'));
    assert.equal(b.process(read).kind, 'application');
    a.resume(lost.digest);
    c.resume(lost.digest);
    assertAgree([a, c]);
    assertTalk([a, c]);
    a.resume(won.digest);
    c.resume(won.digest);
    assertTalk([a, b, c]);
    refuses('generation_used', () => b.process(read));
  });

  it('a commit that was gone back from is taken again as it comes, own or not, and what was used up stays so', () => {
    const [a, b, c] = groupOf(clients) as [Group, Group, Group];
    const { commitDigest: atA } = a;
    const { commitDigest: atC } = c;
    const commit = a.commit().update().create();
    deliver(commit, a, [b, c]);
    const before = b.encrypt(utf8('read before going back'));
    for (const group of [a, c]) group.process(before);
    const store = new Store();
    a.resume(atA);
    store.save(a);
    const loaded = clients[0].load(store);
    c.resume(atC);
    assertAgree([loaded, c]);
    for (const group of [loaded, c]) assert.equal(group.process(commit.message).kind, 'resumed');
    assertAgree([loaded, b, c]);
    for (const group of [loaded, c]) refuses('generation_used', () => group.process(before));
    assertTalk([loaded, b, c]);
  });

  it('a group that a branch re-initialised is over there, and goes on elsewhere', () => {
    const [a, b] = groupOf(clients) as [Group, Group, Group];
    const digest = b.commitDigest;
    const ending = a
      .commit()
      .reinit({ groupId: utf8('next'), cipherSuite: 1 })
      .create();
    b.process(ending.message);
    b.resume(digest);
    assert.equal(b.status.kind, 'active');
    b.resume(ending.digest);
    assert.equal(b.status.kind, 'reinitialised');
    refuses('group_closed', () => b.encrypt(utf8('x')));
  });

  it('late messages are read on the branch that they were sent on', () => {
    const [a, b, c] = groupOf(clients) as [Group, Group, Group];
    const digest = c.commitDigest;
    const early = b.encrypt(utf8('before the fork'));
    const lost = [a.commit().update().create()];
    deliver(lost[0]!, a, [c]);
    const beside = a.encrypt(utf8('beside'));
    lost.push(a.commit().update().create());
    deliver(lost[1]!, a, [c]);
    c.resume(digest);
    const won = b.commit().update().create();
    deliver(won, b, [c]);
    refuses('sender_data', () => c.process(beside));
    c.resume(lost[1]!.digest);
    assert.equal(c.process(beside).kind, 'application');
    assert.equal(c.process(early).kind, 'application');
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
    again.dropSnapshots();
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
