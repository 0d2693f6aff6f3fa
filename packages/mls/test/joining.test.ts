import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Secret } from '@sotto/crypto';
import { requiredCapabilitiesExtension } from '@sotto/mls';
import type { Group, MlsErrorCode, PskId } from '@sotto/mls';
import { ParentNode } from '../src/tree/node.ts';
import { forgedWelcome } from './forge-welcome.ts';
import type { ForgedWelcome } from './forge-welcome.ts';
import { groupOf, native, person, refuses, utf8 } from './people.ts';

const NONCE = native.random(32);
const [LEFT, ROOT, RIGHT] = [1, 3, 5];

function refused(name: string, code: MlsErrorCode, forgery: ForgedWelcome): void {
  it(`${name}: ${code}`, () => {
    const client = person('newcomer');
    const bundle = client.createKeyPackage();
    const welcome = forgedWelcome(bundle, forgery);
    refuses(code, () => client.join({ welcome, keyPackages: [bundle] }));
  });
}

/** Puts another list of unmerged leaves into a parent. */
function unmerged(index: number, leaves: readonly number[]): ForgedWelcome {
  return {
    nodes: (nodes) => {
      const node = nodes[index];
      assert.ok(node instanceof ParentNode);
      nodes[index] = node.withUnmerged(leaves);
    },
  };
}

describe('RFC 9420 §12.4.3.1: a Welcome', () => {
  it('that breaks no rule is taken', () => {
    const client = person('newcomer');
    const bundle = client.createKeyPackage();
    const { group } = client.join({ welcome: forgedWelcome(bundle, {}), keyPackages: [bundle] });
    assert.equal(group.members().length, 4);
  });

  refused('of another cipher suite than its key package', 'key_package_suite', { cipherSuite: 3 });
  refused('to a group of another cipher suite', 'group_suite', { context: { cipherSuite: 3 } });
  refused('to a group of another version', 'group_suite', { context: { version: 2 } });
  refused('whose GroupInfo is signed by another', 'group_info_signature', { signature: 'other' });
  refused('whose GroupInfo is signed by nobody in the tree', 'group_info_signature', { signer: 9 });
  refused('with a wrong confirmation tag', 'confirmation_tag', { confirmationTag: new Uint8Array(32) });
  refused('with a confirmation tag of a wrong length', 'confirmation_tag', { confirmationTag: new Uint8Array(31) });
  refused('with another tree hash', 'ratchet_tree', { context: { treeHash: native.random(32) } });
  refused('to a tree that does not have the newcomer', 'not_in_tree', {
    leaves: ({ leaf }) => [[1, leaf(1)]],
  });
  refused('with a path secret of other keys', 'path_keys', { pathSecret: Secret.take(native.random(32)) });
  refused('with a path secret for a node that is not there', 'path_keys', {
    nodes: (nodes) => {
      // Nothing above the leaves: the committer's path is blank, as nobody has one.
      for (const index of [LEFT, ROOT, RIGHT]) nodes[index] = null;
    },
    pathSecret: Secret.take(native.random(32)),
  });
});

describe('RFC 9420 §7.3 and §7.9: the tree of a Welcome', () => {
  refused('a parent that nobody set', 'parent_hash', {
    nodes: (nodes, { crypto }) => {
      nodes[RIGHT] = new ParentNode(crypto.generateKey().publicKey, new Uint8Array(0), []);
    },
  });
  refused('a parent over a leaf with another parent hash', 'parent_hash', {
    nodes: (nodes, { leaf }) => {
      nodes[0] = leaf(0, { source: { kind: 'commit', parentHash: native.random(32) } });
    },
  });
  refused('a leaf without a parent hash under a parent that claims it', 'parent_hash', {
    nodes: (nodes, { leaf }) => {
      nodes[0] = leaf(0);
    },
  });
  refused('a parent hash that leaves the top out', 'parent_hash', {
    nodes: (nodes) => {
      const [node, top] = [nodes[LEFT], nodes[ROOT]];
      assert.ok(node instanceof ParentNode && top instanceof ParentNode);
      nodes[ROOT] = new ParentNode(top.encryptionKey, native.random(32), []);
    },
  });
  refused('an unmerged leaf that is not below its node', 'unmerged_leaves', unmerged(LEFT, [2]));
  refused('an unmerged leaf that is blank', 'unmerged_leaves', {
    nodes: (nodes) => {
      nodes[6] = null;
      const top = nodes[ROOT];
      assert.ok(top instanceof ParentNode);
      nodes[ROOT] = top.withUnmerged([3]);
    },
  });
  refused('unmerged leaves out of order', 'unmerged_leaves', unmerged(ROOT, [3, 2]));
  refused('an unmerged leaf twice', 'unmerged_leaves', unmerged(ROOT, [2, 2]));
  refused('an unmerged leaf that a node between does not list', 'unmerged_leaves', unmerged(ROOT, [1]));
  refused('a leaf signed for another place', 'leaf_signature', {
    leaves: ({ leaf }) => [[2, leaf(3)]],
  });
  refused("one member's encryption key in another's leaf", 'duplicate_key', {
    leaves: ({ leaf, crypto }) => {
      const encryptionKey = crypto.generateKey().publicKey;
      return [
        [2, leaf(2, { encryptionKey })],
        [3, leaf(3, { encryptionKey })],
      ];
    },
  });
  refused("a parent's key in a leaf", 'duplicate_key', {
    leaves: ({ leaf, crypto }) => {
      const key = crypto.generateKey();
      const deriveKeyPair = crypto.deriveKeyPair.bind(crypto);
      let made = 0;
      crypto.deriveKeyPair = (secret) => (made++ === 0 ? key : deriveKeyPair(secret));
      return [[2, leaf(2, { encryptionKey: key.publicKey })]];
    },
  });
  refused('an encryption key of low order', 'bad_key', {
    leaves: ({ leaf }) => [[2, leaf(2, { encryptionKey: new Uint8Array(32) })]],
  });
  refused('an extension that its leaf does not list', 'unsupported_extension', {
    leaves: ({ leaf }) => [[2, leaf(2, { extensions: [{ type: 0xff00, data: utf8('x') }] })]],
  });
  refused('a member without what the group requires', 'capabilities', {
    extensions: [requiredCapabilitiesExtension({ extensions: [0xff01], proposals: [], credentials: [] })],
  });
  refused('a member who does not support a credential type in use', 'unsupported_credential', {
    leaves: ({ leaf }) => {
      const kinds = { credentials: [1], versions: [1], cipherSuites: [1], extensions: [], proposals: [] };
      return [
        [2, leaf(2, { capabilities: kinds })],
        [3, leaf(3, { credential: { kind: 'x509', certificates: [utf8('certificate')] } })],
      ];
    },
  });
});

describe('RFC 9420 §11.2 and §11.3: a Welcome to a group that follows another', () => {
  const clients = [person('alice'), person('bob')] as const;
  const [alice] = groupOf(clients) as [Group];
  const psk = (usage: 'application' | 'reinit' | 'branch', epoch = alice.epoch): PskId => ({
    kind: 'resumption',
    usage,
    groupId: alice.groupId,
    epoch,
    nonce: NONCE,
  });
  const refusedFrom = (
    name: string,
    code: MlsErrorCode,
    usage: 'reinit' | 'branch' | null,
    forgery: ForgedWelcome,
    from: Group = alice,
  ): void => {
    it(`${name}: ${code}`, () => {
      const client = clients[0];
      const bundle = client.createKeyPackage();
      const welcome = forgedWelcome(bundle, forgery);
      const follows = usage === null ? {} : { from: { usage, group: from } };
      refuses(code, () => client.join({ welcome, keyPackages: [bundle], ...follows }));
    });
  };
  const secret = alice.resumptionPsk();
  const one = (id: PskId) => [{ id, secret }];

  refusedFrom('a branch key where no branch is expected', 'psk_usage', null, { psks: one(psk('branch')) });
  refusedFrom('a re-init key where none is expected', 'psk_usage', null, { psks: one(psk('reinit')) });
  refusedFrom('a re-init key in a branch', 'psk_usage', 'branch', { psks: one(psk('reinit')) });
  refusedFrom('a branch key in a re-init', 'psk_usage', 'reinit', { psks: one(psk('branch')) });
  refusedFrom('an application key in a branch', 'psk_usage', 'branch', { psks: one(psk('application')) });
  refusedFrom('no key in a branch', 'psk_usage', 'branch', {});
  refusedFrom('a branch key of another epoch', 'psk_usage', 'branch', { psks: one(psk('branch', 0n)) });
  refusedFrom('a branch key of another group', 'psk_usage', 'branch', {
    psks: one({ ...psk('branch'), groupId: utf8('other') } as PskId),
  });
  refusedFrom('keys of two groups that it follows', 'psk_usage', 'branch', {
    psks: [
      { id: psk('branch'), secret },
      { id: { ...psk('branch'), nonce: native.random(32) }, secret },
    ],
  });
  refusedFrom('a key named twice', 'duplicate_psk', 'branch', {
    psks: [...one(psk('branch')), ...one(psk('branch'))],
  });
  refusedFrom('a key with a short nonce', 'psk_nonce', 'branch', {
    psks: one({ ...psk('branch'), nonce: NONCE.subarray(1) }),
  });
  refusedFrom('a branch beyond its first epoch', 'successor', 'branch', {
    psks: one(psk('branch')),
    context: { epoch: 2n },
  });
  refusedFrom('a branch with members that its origin has not', 'successor', 'branch', { psks: one(psk('branch')) });
  refusedFrom('a re-init that nobody announced', 'successor', 'reinit', { psks: one(psk('reinit')) });

  const announced = utf8('announced');
  const ended = (): Group => {
    const [group] = groupOf(clients) as [Group];
    const { digest } = group.commit().reinit({ groupId: announced, cipherSuite: 1 }).create();
    group.merge(digest);
    return group;
  };
  const over = ended();
  const reinit = [
    {
      id: { kind: 'resumption', usage: 'reinit', groupId: over.groupId, epoch: over.epoch, nonce: NONCE } as const,
      secret: over.resumptionPsk(),
    },
  ];
  refusedFrom('a re-init to another group id', 'successor', 'reinit', { psks: reinit }, over);
  refusedFrom(
    'a re-init with other extensions',
    'successor',
    'reinit',
    {
      psks: reinit,
      groupId: announced,
      extensions: [requiredCapabilitiesExtension({ extensions: [], proposals: [], credentials: [] })],
    },
    over,
  );
  it('the announced one is joined', () => {
    const bundle = clients[0].createKeyPackage();
    const welcome = forgedWelcome(bundle, { psks: reinit, groupId: announced });
    clients[0].join({ welcome, keyPackages: [bundle], from: { usage: 'reinit', group: over } });
  });
});
