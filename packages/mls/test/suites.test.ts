import { describe, it } from 'node:test';
import { CIPHER_SUITES } from '@sotto/mls';
import type { Group } from '@sotto/mls';
import { assertAgree, assertTalk, deliver, groupOf, join, native, person, utf8 } from './people.ts';

describe('cipher suites', () => {
  for (const suite of CIPHER_SUITES.values()) {
    it(`${suite.id} ${suite.name}: add, update, remove, external join`, () => {
      const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) =>
        person(name, {
          cipherSuite: suite.id,
          identity: { credential: { kind: 'basic', identity: utf8(name) }, signer: native.generate(suite.signature) },
        }),
      );
      if (!alice || !bob || !carol) throw new Error('nobody');
      const [a, b] = groupOf([alice, bob]) as [Group, Group];
      deliver(b.commit().update().create(), b, [a]);
      const bundle = carol.createKeyPackage();
      const commit = a.commit().add(bundle.message).update().create();
      deliver(commit, a, [b]);
      const c = join(carol, commit.welcome, bundle);
      assertTalk([a, b, c]);
      deliver(c.commit().remove(1).create(), c, [a]);
      const { group, commit: external } = bob.joinExternally({ groupInfo: c.groupInfo() });
      for (const member of [a, c]) member.process(external);
      assertAgree([a, c, group]);
      assertTalk([a, c, group]);
    });
  }
});
