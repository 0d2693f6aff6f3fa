import { nativeProvider, Secret } from '@sotto/crypto';
import type { PrivateKey } from '@sotto/crypto';
import { CIPHER_SUITES, DEFAULT_POLICY } from '@sotto/mls';
import type { KeyPackageBundle } from '@sotto/mls';
import { Group } from '../../../packages/mls/src/group/group.ts';
import { epochOf } from '../../../packages/mls/src/group/stage.ts';
import { GroupState } from '../../../packages/mls/src/group/state.ts';
import { encodeGroupContext } from '../../../packages/mls/src/messages/group-context.ts';
import { signLeafNode } from '../../../packages/mls/src/messages/leaf-node.ts';
import { secretsOf } from '../../../packages/mls/src/schedule/key-schedule.ts';
import { SuiteCrypto } from '../../../packages/mls/src/suite.ts';
import { directPath } from '../../../packages/mls/src/tree/math.ts';
import { treeOf } from '../../../packages/mls/src/tree/ratchet-tree.ts';
import { createPath } from '../../../packages/mls/src/tree/treekem.ts';

/**
 * A group in which every parent node has a key, as it is after many members have committed, without what those commits
 * cost each member: one tree, in which every second leaf makes a path as its commit would. The members at `leaves` get a
 * group each, in the same epoch.
 */
export function groupsOverFullTree(bundles: readonly KeyPackageBundle[], leaves: readonly number[]): Group[] {
  const provider = nativeProvider();
  const [first, ...others] = bundles;
  const suite = CIPHER_SUITES.get(first?.keyPackage.cipherSuite ?? 0);
  if (first === undefined || suite === undefined) throw new Error('no members');
  const crypto = new SuiteCrypto(provider, suite);
  const groupId = provider.random(16);
  const tree = treeOf(crypto, first.keyPackage.leafNode);
  const keys = new Map<number, PrivateKey>([[0, first.keys.leafKey]]);
  for (const bundle of others) keys.set(2 * tree.addLeaf(bundle.keyPackage.leafNode), bundle.keys.leafKey);
  for (const [leafIndex, { keyPackage, keys: own }] of bundles.entries()) {
    if (leafIndex % 2 === 1) continue;
    const { fields } = keyPackage.leafNode;
    const path = createPath(crypto, tree, leafIndex, (encryptionKey, parentHash) =>
      signLeafNode(
        crypto,
        own.signer,
        { ...fields, encryptionKey, source: { kind: 'commit', parentHash } },
        { groupId, leafIndex },
      ),
    );
    keys.set(2 * leafIndex, path.leafKey);
    for (const { index, key } of path.steps) keys.set(index, key);
  }
  const context = {
    version: 1,
    cipherSuite: suite.id,
    groupId,
    epoch: 1000n,
    treeHash: tree.treeHash(),
    confirmedTranscriptHash: provider.random(crypto.hashSize),
    extensions: [],
  };
  const epochSecret = provider.random(crypto.hashSize);
  const around = {
    provider,
    authentication: { accepts: () => true },
    now: () => Date.now(),
    psks: {},
    // What others publish is good for ever.
    policy: { ...DEFAULT_POLICY, maxLifetime: Infinity },
  };
  return leaves.map((ownLeaf) => {
    using copy = Secret.copy(epochSecret);
    const { encryption, ...secrets } = secretsOf(crypto, copy);
    const signer = bundles[ownLeaf]?.keys.signer;
    if (signer === undefined) throw new Error('no such member');
    const contextBytes = encodeGroupContext(context);
    const epoch = epochOf(crypto, {
      context,
      contextBytes,
      secrets,
      ownLeaf,
      width: tree.width,
      signer,
      digest: null,
    });
    const own = [2 * ownLeaf, ...directPath(2 * ownLeaf, tree.width)].flatMap((index) => {
      const key = keys.get(index);
      return key === undefined ? [] : [[index, key] as const];
    });
    const staged = { epoch, encryption, tree: tree.copy(), keys: new Map(own) };
    return new Group(GroupState.begin(crypto, around, staged));
  });
}
