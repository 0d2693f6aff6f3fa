import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Secret } from '@sotto/crypto';
import { externalSendersExtension } from '@sotto/mls';
import type { Group } from '@sotto/mls';
import { assertAgree, assertTalk, deliver, groupOf, join, native, person, refuses, utf8 } from './people.ts';

const [alice, bob, carol, dave] = ['alice', 'bob', 'carol', 'dave'].map((name) => person(name));
assert.ok(alice && bob && carol && dave);

describe('R-GRP-1: the life of a group', () => {
  it('create, add, talk, update, remove', () => {
    const groups = groupOf([alice, bob, carol]);
    assertAgree(groups);
    assertTalk(groups);
    const [a, b, c] = groups as [Group, Group, Group];
    deliver(b.commit().update().create(), b, [a, c]);
    assertAgree(groups);
    assertTalk(groups);
    const removal = c.commit().remove(a.ownLeaf).create();
    deliver(removal, c, [b]);
    const got = a.process(removal.message);
    assert.ok(got.kind === 'commit' && got.removed);
    assert.equal(a.status.kind, 'removed');
    assertAgree([b, c]);
    assertTalk([b, c]);
    refuses('group_closed', () => a.encrypt(utf8('no')));
  });

  it('a blank place is taken again, and the tree shrinks', () => {
    const [a, b, c] = groupOf([alice, bob, carol]) as [Group, Group, Group];
    deliver(a.commit().remove(1).create(), a, [c]);
    assert.deepEqual(
      c.members().map(({ leaf }) => leaf),
      [0, 2],
    );
    const bundle = dave.createKeyPackage();
    const commit = c.commit().add(bundle.message).create();
    deliver(commit, c, [a]);
    const d = join(dave, commit.welcome, bundle);
    assert.equal(d.ownLeaf, 1);
    assertAgree([a, c, d]);
    assertTalk([a, c, d]);
    void b;
  });

  it('proposals by reference: update, remove, add', () => {
    const [a, b, c] = groupOf([alice, bob, carol]) as [Group, Group, Group];
    const bundle = dave.createKeyPackage();
    const update = b.proposeUpdate();
    for (const group of [a, c]) group.process(update);
    const add = a.propose({ kind: 'add', keyPackage: bundle.keyPackage });
    for (const group of [b, c]) group.process(add);
    const commit = c.commit().create();
    deliver(commit, c, [a, b]);
    const d = join(dave, commit.welcome, bundle);
    assertAgree([a, b, c, d]);
    assertTalk([a, b, c, d]);
    // The updated member's former path keys are of no use, and it has none in their place: paths reach it by its new leaf.
    for (const maker of [d, a, b]) {
      const others = [a, b, c, d].filter((group) => group !== maker);
      deliver(maker.commit().update().create(), maker, others);
    }
    assertAgree([a, b, c, d]);
  });

  it('leaving: a member proposes its own removal and another commits it', () => {
    const [a, b, c] = groupOf([alice, bob, carol]) as [Group, Group, Group];
    const leave = b.propose({ kind: 'remove', leaf: b.ownLeaf });
    for (const group of [a, c]) group.process(leave);
    const commit = a.commit().create();
    deliver(commit, a, [c]);
    const got = b.process(commit.message);
    assert.ok(got.kind === 'commit' && got.removed);
    assertTalk([a, c]);
  });

  it('external commit, also in place of an own former leaf', () => {
    const [a, b, c] = groupOf([alice, bob, carol]) as [Group, Group, Group];
    const first = dave.joinExternally({ groupInfo: a.groupInfo() });
    for (const group of [a, b, c]) group.process(first.commit);
    assertAgree([a, b, c, first.group]);
    assertTalk([a, b, c, first.group]);
    const again = dave.joinExternally({ groupInfo: b.groupInfo(), remove: first.group.ownLeaf });
    for (const group of [a, b, c]) group.process(again.commit);
    const out = first.group.process(again.commit);
    assert.ok(out.kind === 'commit' && out.removed);
    assertAgree([a, b, c, again.group]);
    assertTalk([a, b, c, again.group]);
  });

  it('pre-shared keys, external and of a past epoch', () => {
    const shared = utf8('a key that all have from elsewhere');
    const psks = { external: () => Secret.copy(shared) };
    const [x, y] = [person('x', { psks }), person('y', { psks })];
    const groups = groupOf([x, y]) as [Group, Group];
    const [a, b] = groups;
    deliver(a.commit().externalPsk(utf8('shared')).create(), a, [b]);
    assertAgree(groups);
    deliver(
      b
        .commit()
        .resumptionPsk(b.groupId, b.epoch - 1n)
        .create(),
      b,
      [a],
    );
    assertAgree(groups);
    const z = person('z', { psks });
    const bundle = z.createKeyPackage();
    const commit = a.commit().add(bundle.message).externalPsk(utf8('shared')).create();
    deliver(commit, a, [b]);
    assertTalk([a, b, join(z, commit.welcome, bundle)]);
  });

  it('a server named as external sender, and a newcomer, propose', () => {
    const signer = native.generate('ed25519');
    const credential = { kind: 'basic', identity: utf8('server') } as const;
    const server = person('server', { identity: { credential, signer } });
    const [a, b] = groupOf([alice, bob]) as [Group, Group];
    const extension = externalSendersExtension([{ signatureKey: signer.publicKey, credential }]);
    deliver(a.commit().extensions([extension]).create(), a, [b]);
    const bundle = carol.createKeyPackage();
    const asked = carol.proposeJoin({ groupInfo: a.groupInfo(), keyPackage: bundle });
    const where = { groupId: a.groupId, epoch: a.epoch, index: 0 };
    const removal = server.proposeFromOutside({ ...where, proposal: { kind: 'remove', leaf: 1 } });
    for (const message of [asked, removal]) for (const group of [a, b]) group.process(message);
    const commit = a.commit().create();
    a.merge(commit.digest);
    const got = b.process(commit.message);
    assert.ok(got.kind === 'commit' && got.removed);
    assertTalk([a, join(carol, commit.welcome, bundle)]);
  });

  it('re-init: the old group freezes and the announced one follows', () => {
    const [a, b] = groupOf([alice, bob]) as [Group, Group];
    const groupId = utf8('successor');
    deliver(a.commit().reinit({ groupId, cipherSuite: 3 }).create(), a, [b]);
    assert.equal(b.status.kind, 'reinitialised');
    refuses('group_closed', () => b.encrypt(utf8('no')));
    refuses('group_closed', () => a.commit());
    const [alice3, bob3] = [person('alice', { cipherSuite: 3 }), person('bob', { cipherSuite: 3 })];
    const bundle = bob3.createKeyPackage();
    const next = alice3.createGroup({ groupId, from: a });
    const commit = next.commit().succeed('reinit', a).add(bundle.message).create();
    next.merge(commit.digest);
    assert.ok(commit.welcome);
    const { welcome } = commit;
    const joined = bob3.join({ welcome, keyPackages: [bundle], from: { usage: 'reinit', group: b } });
    assertTalk([next, joined.group]);
    refuses('psk_usage', () => bob3.join({ welcome, keyPackages: [bundle] }));
    refuses('psk_usage', () => bob3.join({ welcome, keyPackages: [bundle], from: { usage: 'branch', group: b } }));
  });

  it('branch: some members begin a group of their own', () => {
    const [a, b, c] = groupOf([alice, bob, carol]) as [Group, Group, Group];
    const bundle = bob.createKeyPackage();
    const branch = alice.createGroup({ from: a });
    const commit = branch.commit().succeed('branch', a).add(bundle.message).create();
    branch.merge(commit.digest);
    assert.ok(commit.welcome);
    const { welcome } = commit;
    const { group } = bob.join({ welcome, keyPackages: [bundle], from: { usage: 'branch', group: b } });
    assertTalk([branch, group]);
    refuses('psk_usage', () => bob.join({ welcome, keyPackages: [bundle] }));
    void c;
  });

  it('a commit changes nothing until it is merged, and can be dropped', () => {
    const [a, b] = groupOf([alice, bob]) as [Group, Group];
    const before = a.epochAuthenticator;
    const dropped = a.commit().update().create();
    assert.deepEqual(a.epochAuthenticator, before);
    assertTalk([a, b]);
    a.drop(dropped.digest);
    refuses('unknown_commit', () => a.merge(dropped.digest));
    const mine = a.commit().update().create();
    b.process(mine.message);
    const got = a.process(mine.message);
    assert.equal(got.kind, 'own_commit');
    assertAgree([a, b]);
  });

  it('the commit of another takes the place of an own pending one', () => {
    const [a, b] = groupOf([alice, bob]) as [Group, Group];
    const mine = a.commit().update().create();
    const theirs = b.commit().update().create();
    deliver(theirs, b, [a]);
    refuses('unknown_commit', () => a.merge(mine.digest));
    refuses('past_epoch', () => b.process(mine.message));
    assertTalk([a, b]);
  });

  it('exported secrets agree within an epoch and differ between epochs', () => {
    const [a, b] = groupOf([alice, bob]) as [Group, Group];
    const before = exported(a);
    assert.equal(before.length, 40);
    assert.deepEqual(before, exported(b));
    deliver(a.commit().update().create(), a, [b]);
    assert.deepEqual(exported(a), exported(b));
    assert.notDeepEqual(exported(a), before);
  });
});

function exported(group: Group): Uint8Array {
  return group.exportSecret('label', utf8('context'), 40).reveal();
}
