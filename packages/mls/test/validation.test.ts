import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Extension, Group, LeafNodeSource, MlsErrorCode, Proposal } from '@sotto/mls';
import { EXTENSION_TYPES, requiredCapabilitiesExtension } from '@sotto/mls';
import { byValue, encryptAs, externalPsk, Forger } from './forge.ts';
import type { ForgedCommit } from './forge.ts';
import { clock, deliver, groupOf, native, person, refuses, utf8 } from './people.ts';

/** Mallory at leaf 0, Bob who judges at 1, Carol at 2, Dave at 3; every node of the tree is filled. */
function scene(): { readonly mallory: Forger; readonly bob: Group; readonly others: readonly Group[] } {
  const groups = groupOf(['mallory', 'bob', 'carol', 'dave'].map((name) => person(name)));
  for (const group of groups)
    deliver(
      group.commit().update().create(),
      group,
      groups.filter((other) => other !== group),
    );
  const [mallory, bob, ...others] = groups as [Group, Group, Group, Group];
  bob.takeChanges();
  return { mallory: new Forger(mallory), bob, others };
}

/** Refused by this code, and nothing has changed. */
function refusesAll(code: MlsErrorCode, bob: Group, message: Uint8Array): void {
  const before = bob.epochAuthenticator;
  refuses(code, () => bob.process(message));
  assert.deepEqual(bob.takeChanges(), []);
  assert.deepEqual(bob.epochAuthenticator, before);
}

function commits(name: string, code: MlsErrorCode, forge: (mallory: Forger, bob: Group) => ForgedCommit): void {
  it(`${name}: ${code}`, () => {
    const { mallory, bob } = scene();
    refusesAll(code, bob, mallory.commit(forge(mallory, bob)));
  });
}

function proposals(name: string, code: MlsErrorCode, forge: (mallory: Forger) => Proposal): void {
  it(`${name}: ${code}`, () => {
    const { mallory, bob } = scene();
    refusesAll(code, bob, mallory.proposal(forge(mallory)));
  });
}

const NONCE = native.random(32);

/** Seconds from now. */
function lifetime(from: number, to: number): LeafNodeSource {
  const now = Math.floor(clock.now / 1000);
  return { kind: 'key_package', lifetime: { notBefore: BigInt(now + from), notAfter: BigInt(now + to) } };
}

describe('a forged commit that breaks no rule is taken', () => {
  it('with a path, an addition and a removal', () => {
    const { mallory, bob } = scene();
    const addition = byValue({ kind: 'add', keyPackage: mallory.keyPackage() });
    const got = bob.process(mallory.commit({ proposals: [addition, byValue({ kind: 'remove', leaf: 3 })] }));
    assert.equal(got.kind, 'commit');
  });

  it('an external one, but for its confirmation tag', () => {
    const { mallory, bob } = scene();
    refusesAll('confirmation_tag', bob, mallory.external([mallory.externalInit()]));
  });
});

describe('RFC 9420 §6: protection', () => {
  it('membership tag: membership_tag', () => {
    const { mallory, bob } = scene();
    const message = mallory.proposal({ kind: 'remove', leaf: 2 });
    message[message.length - 1] = (message.at(-1) ?? 0) ^ 1;
    refusesAll('membership_tag', bob, message);
  });

  it('a membership tag of a wrong length: membership_tag', () => {
    const { mallory, bob } = scene();
    const message = mallory.proposal({ kind: 'remove', leaf: 2 });
    // The tag is the last vector, of 32 bytes.
    const short = message.slice(0, -1);
    short[short.length - 32] = 31;
    refusesAll('membership_tag', bob, short);
  });

  it('bytes after the end: malformed', () => {
    const { mallory, bob, others } = scene();
    const [carol] = others as [Group];
    for (const message of [mallory.proposal({ kind: 'remove', leaf: 2 }), carol.encrypt(utf8('x'))]) {
      refusesAll('malformed', bob, Uint8Array.of(...message, 0));
    }
  });

  it('another version of the protocol, an unknown wire format: unsupported_version, malformed', () => {
    const { bob, others } = scene();
    const [carol] = others as [Group];
    const message = carol.encrypt(utf8('x'));
    refusesAll('unsupported_version', bob, Uint8Array.of(0, 2, ...message.subarray(2)));
    refusesAll('malformed', bob, Uint8Array.of(0, 1, 0, 9, ...message.subarray(4)));
  });

  it('content that does not decrypt, sender data that does not: decryption, sender_data', () => {
    const { bob, others } = scene();
    const [carol] = others as [Group];
    const message = carol.encrypt(utf8('x'));
    // Sender data is keyed by the ciphertext's first bytes, so its last are the content's own.
    const changed = message.slice();
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    refusesAll('decryption', bob, changed);
    const other = message.slice();
    // After version, wire format, a group id of 16 bytes, epoch, content type and no authenticated data.
    assert.deepEqual([...other.subarray(30, 32)], [0, 28]);
    other[35] = (other[35] ?? 0) ^ 1;
    refuses('sender_data', () => bob.process(other));
    assert.equal(bob.process(message).kind, 'application');
  });

  it('a commit by a sender who may only propose: commit_sender', () => {
    const { mallory, bob } = scene();
    const commit = { kind: 'commit', commit: { proposals: [], path: null } } as const;
    const tag = new Uint8Array(32);
    refusesAll('commit_sender', bob, mallory.message(commit, { sender: { kind: 'external', index: 0 }, tag }));
    refusesAll('commit_sender', bob, mallory.message(commit, { sender: { kind: 'new_member_proposal' }, tag }));
    const proposal = { kind: 'proposal', proposal: { kind: 'remove', leaf: 2 } } as const;
    refusesAll('commit_sender', bob, mallory.message(proposal, { sender: { kind: 'new_member_commit' } }));
  });

  it('a type of proposal that RFC 9420 does not define: unsupported_proposal', () => {
    const { mallory, bob } = scene();
    const message = mallory.proposal({ kind: 'remove', leaf: 2 });
    const at = message.lastIndexOf(3, message.length - 100);
    assert.deepEqual([...message.subarray(at - 1, at + 5)], [0, 3, 0, 0, 0, 2]);
    message[at - 1] = 0xf0;
    refusesAll('unsupported_proposal', bob, message);
  });

  it('signature by another key: signature', () => {
    const { mallory, bob } = scene();
    const sender = { kind: 'member', leaf: 2 } as const;
    refusesAll(
      'signature',
      bob,
      mallory.message({ kind: 'proposal', proposal: { kind: 'remove', leaf: 3 } }, { sender }),
    );
  });

  it('application data in a public message: wire_format', () => {
    const { mallory, bob } = scene();
    refusesAll('wire_format', bob, mallory.message({ kind: 'application', data: utf8('x') }));
  });

  it('a sender that is no member: unknown_sender', () => {
    const { mallory, bob } = scene();
    const content = { kind: 'proposal', proposal: { kind: 'remove', leaf: 3 } } as const;
    refusesAll('unknown_sender', bob, mallory.message(content, { sender: { kind: 'member', leaf: 9 } }));
    refusesAll('unknown_sender', bob, mallory.message(content, { sender: { kind: 'external', index: 0 } }));
  });

  it('another group, an epoch to come, a message of its own: wrong_group, future_epoch, own_message', () => {
    const { bob, others } = scene();
    const [other] = groupOf([person('x'), person('y')]) as [Group];
    refusesAll('wrong_group', bob, other.encrypt(utf8('x')));
    const own = bob.encrypt(utf8('x'));
    bob.takeChanges();
    refusesAll('own_message', bob, own);
    const [carol] = others as [Group];
    const commit = carol.commit().update().create();
    carol.merge(commit.digest);
    refusesAll('future_epoch', bob, carol.encrypt(utf8('x')));
  });

  it('padding that is not zero: padding', () => {
    const policy = { padding: () => 16 };
    const [a, b] = groupOf([person('a', { policy }), person('b')]) as [Group, Group];
    const forger = new Forger(a);
    const { crypto } = forger.state;
    const seal = crypto.seal.bind(crypto);
    crypto.seal = (key, nonce, plaintext, associated) => {
      if (plaintext.length > 16) plaintext[plaintext.length - 3] = 1;
      return seal(key, nonce, plaintext, associated);
    };
    const message = encryptAs(forger);
    b.takeChanges();
    refusesAll('padding', b, message);
  });
});

describe('RFC 9420 §7.3 and §10.1: leaves and key packages', () => {
  proposals(
    'key package signed by another',
    'key_package_signature',
    add((m) => m.keyPackage({ packageSigner: 'other' })),
  );
  proposals(
    'its leaf signed by another',
    'leaf_signature',
    add((m) => m.keyPackage({ leafSigner: 'other' })),
  );
  proposals(
    'init key = encryption key',
    'init_key',
    add((m) => m.keyPackage({ sameKey: true })),
  );
  proposals(
    'a lifetime that is over',
    'lifetime',
    add((m) => m.keyPackage({ leaf: { source: lifetime(-100_000, -50_000) } })),
  );
  proposals(
    'a lifetime that is not yet',
    'lifetime',
    add((m) => m.keyPackage({ leaf: { source: lifetime(100_000, 200_000) } })),
  );
  proposals(
    'a lifetime that is too long',
    'lifetime',
    add((m) => m.keyPackage({ leaf: { source: lifetime(-10, 400 * 24 * 3600) } })),
  );
  proposals(
    'a lifetime that ends before it begins',
    'lifetime',
    add((m) => m.keyPackage({ leaf: { source: lifetime(10, -10_000) } })),
  );
  it('a key package of another cipher suite: key_package_suite', () => {
    const { mallory, bob } = scene();
    const { keyPackage } = person('x', { cipherSuite: 3 }).createKeyPackage();
    refusesAll('key_package_suite', bob, mallory.proposal({ kind: 'add', keyPackage }));
  });
  proposals(
    'a key package whose leaf is an update',
    'leaf_source',
    add((m) => m.keyPackage({ leaf: { source: { kind: 'update' } } })),
  );
  proposals(
    'an encryption key of low order',
    'bad_key',
    add((m) => m.keyPackage({ leaf: { encryptionKey: new Uint8Array(32) } })),
  );
  proposals(
    'an extension that the leaf does not list',
    'unsupported_extension',
    add((m) => m.keyPackage({ leaf: { extensions: [{ type: 0xff00, data: utf8('x') }] } })),
  );
  proposals(
    'a credential type that the leaf does not list',
    'unsupported_credential',
    add((m) => m.keyPackage({ leaf: { capabilities: { ...m.leafFields.capabilities, credentials: [2] } } })),
  );
  proposals('an update with the source of a commit', 'leaf_source', (m) =>
    m.update({ source: { kind: 'commit', parentHash: new Uint8Array(32) } }),
  );
  proposals('an update signed for another place', 'leaf_signature', (m) => m.update({}, 2));

  it('a credential that the authentication service does not accept: credential', () => {
    const authentication = {
      accepts: (credential: { readonly kind: string; readonly identity?: Uint8Array }) =>
        Buffer.from(credential.identity ?? []).toString() !== 'eve',
    };
    const [a, b] = groupOf([person('a'), person('b', { authentication })]) as [Group, Group];
    b.takeChanges();
    const eve = person('eve').createKeyPackage();
    refusesAll('credential', b, a.propose({ kind: 'add', keyPackage: eve.keyPackage }));
  });

  it('unknown extensions and GREASE in capabilities and key packages are kept', () => {
    const grease = { type: 0x0a0a, data: utf8('grease') };
    const capabilities = {
      extensions: [0x0a0a, 10],
      proposals: [0x1a1a],
      cipherSuites: [1, 0x2a2a],
      credentials: [1, 2, 0x3a3a],
    };
    const [a, b] = [person('a', { capabilities }), person('b', { capabilities })];
    const group = a.createGroup();
    const bundle = b.createKeyPackage({ extensions: [grease], leafExtensions: [grease] });
    const commit = group.commit().add(bundle.message).create();
    group.merge(commit.digest);
    assert.ok(commit.welcome);
    const joined = b.join({ welcome: commit.welcome, keyPackages: [bundle] }).group;
    assert.deepEqual(
      joined.member(1)?.node.extensions.map(({ type }) => type),
      [0x0a0a],
    );
    assert.ok(joined.member(1)?.node.capabilities.proposals.includes(0x1a1a));
  });
});

describe('RFC 9420 §7.5 and §7.9: paths', () => {
  commits('no path where one is needed', 'path_missing', () => ({ path: false }));
  commits('a wrong parent hash', 'parent_hash', () => ({ parentHash: new Uint8Array(32) }));
  commits('an empty parent hash under a filled node', 'parent_hash', () => ({ parentHash: new Uint8Array(0) }));
  commits('a path with a node too few', 'path_shape', () => ({
    changePath: (path) => ({ ...path, nodes: path.nodes.slice(1) }),
  }));
  commits('a path encrypted to fewer than it should be', 'path_shape', () => ({
    changePath: (path) => ({
      ...path,
      nodes: path.nodes.map((node) => ({ ...node, encryptedPathSecrets: node.encryptedPathSecrets.slice(1) })),
    }),
  }));
  commits('a path secret that does not open', 'path_decryption', () => ({
    changePath: (path) => ({
      ...path,
      nodes: path.nodes.map((node) => ({
        ...node,
        encryptedPathSecrets: node.encryptedPathSecrets.map((sealed) => ({
          ...sealed,
          ciphertext: new Uint8Array(48),
        })),
      })),
    }),
  }));
  commits('the old leaf key again', 'stale_key', (mallory) => ({
    leaf: { encryptionKey: mallory.leafFields.encryptionKey },
  }));
  commits("another member's encryption key", 'duplicate_key', (_, bob) => ({
    leaf: { encryptionKey: bob.member(2)!.node.encryptionKey },
  }));
  commits('a leaf with the source of an update', 'leaf_source', () => ({ leaf: { source: { kind: 'update' } } }));
  commits('a leaf signed for another place', 'leaf_signature', () => ({ signedFor: 2 }));
  commits('another credential than before', 'credential', () => ({
    leaf: { credential: { kind: 'basic', identity: utf8('bob') } },
  }));

  it('a node key that is not what its secret gives: path_keys', () => {
    const { mallory, bob } = scene();
    // The public key of the top is another's; parent hash and tree follow it, so that only the key is wrong.
    const { crypto } = mallory.state;
    const deriveKeyPair = crypto.deriveKeyPair.bind(crypto);
    let made = 0;
    crypto.deriveKeyPair = (secret) => (++made === 2 ? crypto.generateKey() : deriveKeyPair(secret));
    refusesAll('path_keys', bob, mallory.commit({}));
  });
});

describe('RFC 9420 §12.2: lists of proposals', () => {
  commits('the committer removes itself', 'own_removal', () => ({
    proposals: [byValue({ kind: 'remove', leaf: 0 })],
    apply: () => {},
  }));
  commits('the committer commits its own update', 'own_update', (mallory) => ({
    proposals: [byValue(mallory.update())],
  }));
  commits('a member removed twice', 'same_leaf_twice', () => ({
    proposals: [byValue({ kind: 'remove', leaf: 2 }), byValue({ kind: 'remove', leaf: 2 })],
  }));
  commits('a removal of nobody', 'unknown_member', () => ({ proposals: [byValue({ kind: 'remove', leaf: 9 })] }));
  commits('two lists of extensions', 'duplicate_proposal', () => ({
    proposals: [1, 2].map(() => byValue({ kind: 'group_context_extensions', extensions: [] })),
  }));
  commits('a re-init beside another proposal', 'reinit_alone', () => ({
    proposals: [
      byValue({ kind: 'reinit', groupId: utf8('x'), version: 1, cipherSuite: 1, extensions: [] }),
      byValue({ kind: 'remove', leaf: 2 }),
    ],
  }));
  commits('a re-init to version 0', 'reinit_version', () => ({
    proposals: [byValue({ kind: 'reinit', groupId: utf8('x'), version: 0, cipherSuite: 1, extensions: [] })],
  }));
  commits('an external init by a member', 'proposal_sender', (mallory) => ({ proposals: [mallory.externalInit()] }));
  commits('a reference to a proposal nobody sent', 'unknown_proposal', () => ({
    proposals: [{ kind: 'reference', ref: new Uint8Array(32) }],
  }));
  commits('one key package twice', 'duplicate_key', (mallory) => {
    const keyPackage = mallory.keyPackage();
    return { proposals: [1, 2].map(() => byValue({ kind: 'add', keyPackage })) };
  });
  commits("a newcomer with a member's signature key", 'duplicate_key', (mallory, bob) => {
    const keyPackage = bobsSecondPackage(mallory, bob);
    return { proposals: [byValue({ kind: 'add', keyPackage })] };
  });
  commits('a PSK named twice', 'duplicate_psk', () => ({
    proposals: [byValue(externalPsk(NONCE)), byValue(externalPsk(NONCE))],
  }));
  commits('a PSK with a short nonce', 'psk_nonce', () => ({ proposals: [byValue(externalPsk(NONCE.subarray(1)))] }));
  commits('a PSK for a branch', 'psk_usage', () => ({
    proposals: [
      byValue({
        kind: 'psk',
        psk: { kind: 'resumption', usage: 'branch', groupId: utf8('x'), epoch: 1n, nonce: NONCE },
      }),
    ],
  }));
  commits('a PSK that this member does not know', 'unknown_psk', () => ({ proposals: [byValue(externalPsk(NONCE))] }));
  commits('a wrong confirmation tag', 'confirmation_tag', () => ({ confirmationTag: new Uint8Array(32) }));
  commits('a confirmation tag of a wrong length', 'confirmation_tag', () => ({ confirmationTag: new Uint8Array(31) }));

  it('a newcomer who lacks a capability that the group requires: capabilities', () => {
    const { mallory, bob, others } = scene();
    const [carol] = others as [Group];
    deliver(
      carol
        .commit()
        .extensions([requiredCapabilitiesExtension({ extensions: [10], proposals: [], credentials: [] })])
        .create(),
      carol,
      [bob],
    );
    void mallory;
    const poor = person('poor', { capabilities: { extensions: [] } }).createKeyPackage();
    refuses('capabilities', () => carol.commit().add(poor.message).create());
    const kept = carol.commit().add(person('rich').createKeyPackage().message).create();
    assert.equal(bob.process(kept.message).kind, 'commit');
  });

  it('capabilities are asked of those who are members afterwards: not of who is removed, but of who is added', () => {
    const able = { capabilities: { extensions: [0xff55] } };
    const people = [person('a', able), person('b', able), person('c')] as const;
    const [a, b] = groupOf(people) as [Group, Group];
    const extensions = [{ type: 0xff55, data: utf8('x') }];
    refuses('capabilities', () => a.commit().extensions(extensions).create());
    const poor = person('d').createKeyPackage();
    refuses('capabilities', () => a.commit().extensions(extensions).remove(2).add(poor.message).create());
    deliver(a.commit().extensions(extensions).remove(2).create(), a, [b]);
  });

  commits('extensions that a member does not support', 'capabilities', () => {
    const extensions: Extension[] = [{ type: 0xff77, data: utf8('x') }];
    return { proposals: [byValue({ kind: 'group_context_extensions', extensions })], extensions };
  });
  commits('a required proposal type that nobody has', 'capabilities', () => {
    const extensions = [requiredCapabilitiesExtension({ extensions: [], proposals: [0xff01], credentials: [] })];
    return { proposals: [byValue({ kind: 'group_context_extensions', extensions })], extensions };
  });
});

describe('RFC 9420 §12.4.3.2: external commits', () => {
  external('without an external init', 'external_commit', (m) => m.external([]));
  external('with two', 'external_commit', (m) => m.external([m.externalInit(), m.externalInit()]));
  external('with two removals', 'external_commit', (m) =>
    m.external([m.externalInit(), byValue({ kind: 'remove', leaf: 2 }), byValue({ kind: 'remove', leaf: 3 })]),
  );
  it("with a member's encryption key in its leaf: duplicate_key", () => {
    const { mallory, bob } = scene();
    const { encryptionKey } = bob.member(2)!.node;
    refusesAll('duplicate_key', bob, mallory.external([mallory.externalInit()], { leaf: { encryptionKey } }));
  });
  external("with a member's signature key in its leaf", 'duplicate_key', (m) =>
    m.external([m.externalInit()], { signer: m.state.epoch.signer }),
  );
  external('with a leaf that is an update', 'leaf_source', (m) =>
    m.external([m.externalInit()], { leaf: { source: { kind: 'update' } } }),
  );
  external('with a leaf that lacks what the group requires', 'unsupported_credential', (m) =>
    m.external([m.externalInit()], { leaf: { capabilities: { ...m.leafFields.capabilities, credentials: [2] } } }),
  );
  external('with an addition', 'proposal_sender', (m) =>
    m.external([m.externalInit(), byValue({ kind: 'add', keyPackage: m.keyPackage() })]),
  );
  external('with a reference', 'external_commit', (m) =>
    m.external([m.externalInit(), { kind: 'reference', ref: new Uint8Array(32) }]),
  );
  external('without a path', 'path_missing', (m) => m.external([m.externalInit()], { path: false }));
  external('in place of a member with another credential', 'credential', (m) =>
    m.external([m.externalInit(), byValue({ kind: 'remove', leaf: 2 })]),
  );
  external('with a KEM output that nobody can have made', 'external_init', (m) =>
    m.external([byValue({ kind: 'external_init', kemOutput: new Uint8Array(31) })]),
  );
});

describe('RFC 9420 §12.4.3.1: welcomes', () => {
  it('to another key package, to another tree, changed anywhere: refused by name', () => {
    const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => person(name));
    assert.ok(alice && bob && carol);
    const group = alice.createGroup();
    const bundle = bob.createKeyPackage();
    const commit = group.commit().add(bundle.message).withoutRatchetTree().create();
    group.merge(commit.digest);
    assert.ok(commit.welcome);
    const { welcome } = commit;
    refuses('no_key_package', () => bob.join({ welcome, keyPackages: [bob.createKeyPackage()] }));
    refuses('ratchet_tree', () => bob.join({ welcome, keyPackages: [bundle] }));
    const [other] = groupOf([alice, carol]) as [Group];
    refuses('ratchet_tree', () => bob.join({ welcome, keyPackages: [bundle], ratchetTree: other.ratchetTree() }));
    const changed = welcome.slice();
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    refuses('welcome_decryption', () => bob.join({ welcome: changed, keyPackages: [bundle] }));
    const { group: joined } = bob.join({ welcome, keyPackages: [bundle], ratchetTree: group.ratchetTree() });
    assert.equal(joined.epoch, 1n);
  });

  it('a tree that is too large: too_large', () => {
    const small = person('small', { policy: { maxLeaves: 4 } });
    const group = person('a').createGroup();
    const bundle = small.createKeyPackage();
    const builder = group.commit();
    for (let i = 0; i < 4; i++) builder.add(person(`m${i}`).createKeyPackage().message);
    const { welcome } = builder.add(bundle.message).create();
    assert.ok(welcome);
    refuses('too_large', () => small.join({ welcome, keyPackages: [bundle] }));
  });

  it('lifetimes in the tree are checked when the policy asks for it: lifetime', () => {
    const strict = person('strict', { policy: { checkTreeLifetimes: true, clockSkew: 0 } });
    const group = person('a').createGroup();
    clock.now += 100 * 24 * 3600 * 1000;
    const bundle = strict.createKeyPackage();
    const { welcome } = group.commit().add(bundle.message).create();
    assert.ok(welcome);
    refuses('lifetime', () => strict.join({ welcome, keyPackages: [bundle] }));
    clock.now -= 100 * 24 * 3600 * 1000;
  });

  it('extension types are unique: duplicate_extension', () => {
    const twice = [1, 2].map(() => ({ type: EXTENSION_TYPES.applicationId, data: utf8('x') }));
    const bundle = (): unknown => person('a').createKeyPackage({ extensions: twice });
    refuses('duplicate_extension', bundle);
  });
});

/** Bob's signature key in a fresh leaf: as if Bob were added again under a key that he has in the group. */
function bobsSecondPackage(mallory: Forger, bob: Group): ReturnType<Forger['keyPackage']> {
  const { crypto } = mallory.state;
  const generateSigner = crypto.generateSigner.bind(crypto);
  const { signer } = mallory.state.epoch;
  crypto.generateSigner = () => signer;
  void bob;
  try {
    return mallory.keyPackage();
  } finally {
    crypto.generateSigner = generateSigner;
  }
}

function add(
  forge: (mallory: Forger) => ReturnType<Forger['keyPackage']>,
): (mallory: Forger) => Extract<Proposal, { kind: 'add' }> {
  return (mallory) => ({ kind: 'add', keyPackage: forge(mallory) });
}

function external(name: string, code: MlsErrorCode, forge: (mallory: Forger) => Uint8Array): void {
  it(`${name}: ${code}`, () => {
    const { mallory, bob } = scene();
    refusesAll(code, bob, forge(mallory));
  });
}
