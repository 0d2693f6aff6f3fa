import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Forger } from './forge.ts';
import type { Group, MlsErrorCode } from '@sotto/mls';
import { MlsError } from '@sotto/mls';
import { assertAgree, assertTalk, deliver, groupOf, native, person, refuses, Store, utf8 } from './people.ts';

function four(): [Group, Group, Group, Group] {
  const groups = groupOf(['a', 'b', 'c', 'd'].map((name) => person(name))) as [Group, Group, Group, Group];
  for (const group of groups)
    deliver(
      group.commit().update().create(),
      group,
      groups.filter((other) => other !== group),
    );
  return groups;
}

describe('hostile members and servers', () => {
  it('a commit that only some can decrypt leaves the others where they are, and the group can go on without it', () => {
    const [a, b, c, d] = four();
    const partial = new Forger(a).commit({
      changePath: (path) => ({
        ...path,
        // Node 1's secret is for Bob; the top one's for Carol and Dave.
        nodes: path.nodes.map((node, i) =>
          i === 0
            ? node
            : {
                ...node,
                encryptedPathSecrets: node.encryptedPathSecrets.map((sealed) => ({
                  ...sealed,
                  ciphertext: new Uint8Array(sealed.ciphertext.length),
                })),
              },
        ),
      }),
    });
    for (const group of [c, d]) refuses('path_decryption', () => group.process(partial));
    assertTalk([b, c, d]);
    deliver(c.commit().remove(a.ownLeaf).create(), c, [b, d]);
    assertAgree([b, c, d]);
    assertTalk([b, c, d]);
  });

  it('a member racing its own removal: whichever commit is first counts, the other is of a past epoch', () => {
    const [a, b, c, d] = four();
    const removal = a.commit().remove(b.ownLeaf).create();
    const race = b.commit().update().create();
    deliver(removal, a, [c, d]);
    for (const group of [a, c, d]) refuses('past_epoch', () => group.process(race.message));
    const got = b.process(removal.message);
    assert.ok(got.kind === 'commit' && got.removed);
    refuses('unknown_commit', () => b.merge(race.digest));
    assertTalk([a, c, d]);
    // What b sent in its last epoch may still be read, as its.
    const [e, f, g] = four();
    const late = f.encrypt(utf8('last words'));
    deliver(e.commit().remove(f.ownLeaf).create(), e, [g]);
    const words = g.process(late);
    assert.ok(words.kind === 'application' && words.sender === 1);
  });

  it('equivocation: two commits of one epoch do not lead to one epoch, and messages do not cross', () => {
    const [a, b, c, d] = four();
    const one = a.commit().update().create();
    const two = b.commit().update().create();
    c.process(one.message);
    d.process(two.message);
    assert.equal(c.epoch, d.epoch);
    assert.notDeepEqual(c.epochAuthenticator, d.epochAuthenticator);
    refuses('sender_data', () => d.process(c.encrypt(utf8('x'))));
    refuses('membership_tag', () => d.process(c.commit().as('public_message').update().create().message));
  });

  it('replay within an epoch, across epochs and across groups', () => {
    const [a, b, c] = four();
    const message = a.encrypt(utf8('once'));
    assert.equal(b.process(message).kind, 'application');
    refuses('generation_used', () => b.process(message));
    const commit = a.commit().as('public_message').update().create();
    deliver(commit, a, [b, c]);
    refuses('past_epoch', () => b.process(commit.message));
    refuses('generation_used', () => b.process(message));
    const groupId = native.random(16);
    const [x] = groupOf([person('a'), person('b')], groupId) as [Group];
    const [, y] = groupOf([person('a'), person('b')], groupId) as [Group, Group];
    // The same group id and epoch, and still another group.
    refuses('sender_data', () => y.process(x.encrypt(utf8('x'))));
  });

  it('a proposal that stands against others does not stop commits', () => {
    const [a, b, c, d] = four();
    const twice = person('e').createKeyPackage();
    for (const maker of [a, d]) {
      const message = maker.propose({ kind: 'add', keyPackage: twice.keyPackage });
      for (const group of [a, b, c, d]) if (group !== maker) group.process(message);
    }
    const conflict = a.propose({
      kind: 'psk',
      psk: { kind: 'external', id: utf8('nobody has it'), nonce: native.random(32) },
    });
    for (const group of [b, c, d]) group.process(conflict);
    const commit = b.commit().create();
    deliver(commit, b, [a, c, d]);
    assert.equal(commit.effects.added.length, 1);
    assertAgree([a, b, c, d]);
  });

  it('a flood of proposals is kept up to a limit', () => {
    const [a, b] = groupOf([person('a'), person('b', { policy: { maxProposals: 3 } })]) as [Group, Group];
    for (let i = 0; i < 3; i++) b.process(a.proposeUpdate());
    refuses('too_large', () => b.process(a.proposeUpdate()));
    deliver(b.commit().create(), b, [a]);
    assertTalk([a, b]);
  });

  it('a tree of more leaves than are allowed, or with parents that nobody set, is not joined', () => {
    const [a] = four();
    const newcomer = person('e', { policy: { maxLeaves: 4 } });
    refuses('too_large', () => {
      const bundle = newcomer.createKeyPackage();
      const { welcome } = a.commit().add(bundle.message).create();
      assert.ok(welcome);
      newcomer.join({ welcome, keyPackages: [bundle] });
    });
  });
});

describe('mutation', () => {
  it('of every byte of a private message, proposals and commits, from inside and outside: refused, nothing changes', () => {
    const [a, b] = four();
    const store = new Store();
    store.save(b);
    const messages = [
      a.encrypt(utf8('private')),
      new Forger(a).proposal({ kind: 'remove', leaf: 2 }),
      a.commit().as('public_message').update().create().message,
      a.commit().update().create().message,
      person('e').joinExternally({ groupInfo: a.groupInfo() }).commit,
      person('f').proposeJoin({ groupInfo: a.groupInfo(), keyPackage: person('f').createKeyPackage() }),
    ];
    for (const message of messages) {
      for (let at = 0; at < message.length; at++) {
        const changed = message.slice();
        changed[at] = (changed[at] ?? 0) ^ (1 << (at & 7));
        const code = expected(() => b.process(changed));
        assert.ok(code !== null && code !== 'internal', `byte ${at}: ${code ?? 'accepted'}`);
        assert.deepEqual(b.takeChanges(), []);
      }
      for (const length of [0, 1, message.length >> 1, message.length - 1]) {
        assert.notEqual(
          expected(() => b.process(message.subarray(0, length))),
          null,
        );
      }
      const longer = new Uint8Array(message.length + 1);
      longer.set(message);
      assert.equal(
        expected(() => b.process(longer)),
        'malformed',
      );
    }
    assert.deepEqual(b.takeChanges(), []);
  });

  it('of a welcome, a group info and a key package: refused, or without meaning to the receiver', () => {
    const [a] = four();
    const [client, other] = [person('e'), person('f')];
    const bundle = client.createKeyPackage();
    const commit = a.commit().add(other.createKeyPackage().message).add(bundle.message).create();
    const { welcome } = commit;
    assert.ok(welcome);
    const { epochAuthenticator } = client.join({ welcome, keyPackages: [bundle] }).group;
    const step = 3;
    for (let at = 0; at < welcome.length; at += step) {
      const changed = welcome.slice();
      changed[at] = (changed[at] ?? 0) ^ 4;
      const code = expected(() => {
        // Another's entry is not authenticated to this one.
        const { group } = client.join({ welcome: changed, keyPackages: [bundle] });
        assert.deepEqual(group.epochAuthenticator, epochAuthenticator);
      });
      assert.notEqual(code, 'internal');
    }
    const info = a.groupInfo();
    for (let at = 0; at < info.length; at += step) {
      const changed = info.slice();
      changed[at] = (changed[at] ?? 0) ^ 2;
      const code = expected(() => client.joinExternally({ groupInfo: changed }));
      assert.ok(code !== null && code !== 'internal', `byte ${at}: ${code ?? 'accepted'}`);
    }
    for (let at = 0; at < bundle.message.length; at++) {
      const changed = bundle.message.slice();
      changed[at] = (changed[at] ?? 0) ^ 1;
      const code = expected(() => a.commit().add(changed).create());
      assert.ok(code !== null && code !== 'internal', `byte ${at}: ${code ?? 'accepted'}`);
    }
  });
});

/** The code that a call is refused by; null when it is not. */
function expected(run: () => unknown): MlsErrorCode | null {
  try {
    run();
    return null;
  } catch (error) {
    if (error instanceof MlsError) return error.code;
    throw error;
  }
}
