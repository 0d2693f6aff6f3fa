import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EXTENSION_TYPES, inspect } from '@sotto/mls';
import type { Group, Member, ReceivedCommit } from '@sotto/mls';
import { assertAgree, assertTalk, groupOf, native, person, refuses, text, utf8 } from './people.ts';

const names = ['alice', 'bob', 'carol', 'dave'];
const clients = names.map((name) => person(name));

function nameOf({ credential }: Member): string {
  return credential.kind === 'basic' ? text(credential.identity) : '';
}

describe('looking at a commit before it counts', () => {
  it('shows who made it, who comes, who goes and who changes, all as members', () => {
    const [a, b, c] = groupOf(clients) as [Group, Group, Group];
    const newcomer = person('erin').createKeyPackage();
    const update = c.proposeUpdate();
    for (const group of [a, b]) group.process(update);
    const commit = a.commit().add(newcomer.message).remove(3).authenticate(utf8('why')).create();
    let seen: ReceivedCommit | null = null;
    b.process(commit.message, {
      accept(candidate) {
        assert.equal(b.epoch, 1n, 'still in the epoch before');
        if (candidate.kind === 'commit') seen = candidate;
        return true;
      },
    });
    assert.ok(seen !== null);
    const { effects, epoch, authenticatedData, removed, digest } = seen as ReceivedCommit;
    assert.deepEqual([epoch, text(authenticatedData), removed], [1n, 'why', false]);
    assert.deepEqual(digest, commit.digest);
    assert.deepEqual(effects.committer, { kind: 'member', leaf: 0 });
    assert.deepEqual(effects.added.map(nameOf), ['erin']);
    assert.deepEqual(effects.removed.map(nameOf), ['dave']);
    assert.deepEqual(
      effects.updated.map(({ before, after }) => [nameOf(before), nameOf(after), before.leaf]),
      [
        ['carol', 'carol', 2],
        ['alice', 'alice', 0],
      ],
    );
    for (const { before, after } of effects.updated) {
      assert.notDeepEqual(before.node.encryptionKey, after.node.encryptionKey);
    }
    assert.deepEqual(
      effects.proposals.map(({ proposal, sender }) => [proposal.kind, sender]),
      [
        ['add', { kind: 'member', leaf: 0 }],
        ['remove', { kind: 'member', leaf: 0 }],
        ['update', { kind: 'member', leaf: 2 }],
      ],
    );
    assert.equal(b.epoch, 2n);
    assert.deepEqual(commit.effects.removed.map(nameOf), ['dave']);
  });

  it('an external joiner is among the added, its former leaf among the removed', () => {
    const [a, b] = groupOf(clients.slice(0, 3)) as [Group, Group];
    const { commit } = clients[2]!.joinExternally({ groupInfo: a.groupInfo(), remove: 2 });
    const got = b.process(commit);
    assert.ok(got.kind === 'commit');
    assert.equal(got.effects.committer.kind, 'new_member_commit');
    assert.deepEqual(got.effects.added.map(nameOf), ['carol']);
    assert.deepEqual(got.effects.removed.map(nameOf), ['carol']);
    assert.equal(got.effects.added[0]!.leaf, got.effects.committerLeaf);
  });

  it('extensions are seen before and after', () => {
    const [a, b] = groupOf(clients.slice(0, 2)) as [Group, Group];
    const before = b.extensions;
    const extensions = [{ type: EXTENSION_TYPES.externalSenders, data: new Uint8Array([0]) }];
    const got = b.process(a.commit().extensions(extensions).create().message);
    assert.ok(got.kind === 'commit' && got.effects.extensionsChanged);
    assert.deepEqual(before, []);
    assert.equal(got.effects.extensions.length, 1);
    assert.equal(b.extensions.length, 1);
  });

  it('what is refused changes nothing, and may be taken later', () => {
    const [a, b, c] = groupOf(clients.slice(0, 3)) as [Group, Group, Group];
    const proposal = c.propose({ kind: 'remove', leaf: 0 });
    refuses('refused', () => b.process(proposal, { accept: () => false }));
    assert.deepEqual(b.proposals(), []);
    b.takeChanges();
    refuses('refused', () => b.process(proposal, { accept: () => false }));
    assert.deepEqual(b.takeChanges(), []);
    assert.equal(b.process(proposal, { accept: () => true }).kind, 'proposal');
    assert.equal(b.proposals().length, 1);
    assertTalk([a, b, c]);
  });

  it('a refused commit and its keys leave the epoch as it was, also where it takes an own update in', () => {
    const [a, b, c] = groupOf(clients.slice(0, 3)) as [Group, Group, Group];
    const update = b.proposeUpdate();
    for (const group of [a, c]) group.process(update);
    b.takeChanges();
    const before = b.epochAuthenticator;
    const commit = a.commit().create();
    refuses('refused', () => b.process(commit.message, { accept: () => false }));
    const failure = new Error('the caller cannot say');
    assert.throws(
      () =>
        b.process(commit.message, {
          accept: () => {
            throw failure;
          },
        }),
      failure,
    );
    assert.deepEqual(b.takeChanges(), []);
    assert.deepEqual(b.epochAuthenticator, before);
    assertTalk([a, b, c]);
    a.merge(commit.digest);
    for (const group of [b, c]) assert.equal(group.process(commit.message, { accept: () => true }).kind, 'commit');
    assertAgree([a, b, c]);
    assertTalk([a, b, c]);
  });

  it('the own removal can be refused too', () => {
    const [a, b] = groupOf(clients.slice(0, 2)) as [Group, Group];
    const commit = a.commit().remove(1).create();
    refuses('refused', () => b.process(commit.message, { accept: ({ kind }) => kind !== 'commit' }));
    assert.equal(b.status.kind, 'active');
    assertTalk([a, b]);
  });
});

describe('what a message shows from outside', () => {
  it('group, epoch, content and authenticated data; whom a welcome is to; whose key package it is', () => {
    const [a] = groupOf(clients.slice(0, 2)) as [Group];
    const sent = inspect(native, a.encrypt(utf8('x'), { authenticatedData: utf8('seen') }));
    assert.ok(sent.kind === 'private_message');
    assert.deepEqual([sent.groupId, sent.epoch, sent.content], [a.groupId, 1n, 'application']);
    assert.equal(text(sent.authenticatedData), 'seen');
    const bundle = clients[2]!.createKeyPackage({ lastResort: true });
    const keyPackage = inspect(native, bundle.message);
    assert.ok(keyPackage.kind === 'key_package');
    assert.deepEqual(keyPackage.ref, bundle.ref);
    assert.ok(keyPackage.member.credential.kind === 'basic' && keyPackage.isLastResort);
    const { welcome, groupInfo, message } = a
      .commit()
      .add(bundle.message)
      .as('public_message')
      .withGroupInfo()
      .create();
    const to = inspect(native, welcome!);
    assert.ok(to.kind === 'welcome');
    assert.deepEqual(to.refs, [bundle.ref]);
    const info = inspect(native, groupInfo!);
    assert.ok(info.kind === 'group_info' && info.epoch === 2n);
    const shown = inspect(native, message);
    assert.ok(shown.kind === 'public_message');
    assert.deepEqual(shown.sender, { kind: 'member', leaf: 0 });
    refuses('malformed', () => inspect(native, message.subarray(0, -1)));
  });
});
