import assert from 'node:assert/strict';
import { Secret } from '@sotto/crypto';
import type { PrivateKey } from '@sotto/crypto';
import { CIPHER_SUITES } from '@sotto/mls';
import type { Extension, KeyPackageBundle, PskId } from '@sotto/mls';
import { NO_BYTES } from '../src/bytes.ts';
import { epochFromJoiner } from '../src/group/stage.ts';
import { EXTENSION_TYPES } from '../src/messages/extension.ts';
import { encodeGroupContext } from '../src/messages/group-context.ts';
import type { GroupContext } from '../src/messages/group-context.ts';
import { signGroupInfo } from '../src/messages/group-info.ts';
import { signLeafNode } from '../src/messages/leaf-node.ts';
import type { LeafNode, LeafNodeFields } from '../src/messages/leaf-node.ts';
import { encodeMessage } from '../src/messages/message.ts';
import { encodeGroupSecrets } from '../src/messages/welcome.ts';
import { welcomeKey, welcomeSecret } from '../src/schedule/key-schedule.ts';
import { pskSecret } from '../src/schedule/psk-secret.ts';
import { SuiteCrypto } from '../src/suite.ts';
import { RatchetTree, treeOf } from '../src/tree/ratchet-tree.ts';
import type { TreeNode } from '../src/tree/node.ts';
import { createPath } from '../src/tree/treekem.ts';
import { native, person } from './people.ts';

/** What a forged Welcome does against the rules; the rest of it is right. */
export interface ForgedWelcome {
  /** Leaves in the place of the newcomer's (1) or the strangers' (2 and 3), before Mallory makes a path over them. */
  readonly leaves?: (make: TreeMaker) => readonly (readonly [leafIndex: number, leaf: LeafNode])[];
  /** Changes the nodes of the finished tree, by index. */
  readonly nodes?: (nodes: (TreeNode | null)[], make: TreeMaker) => void;
  readonly context?: Partial<GroupContext>;
  readonly psks?: readonly { readonly id: PskId; readonly secret: Secret | null }[];
  /** Who is said to have signed the GroupInfo. */
  readonly signer?: number;
  readonly signature?: 'other';
  readonly confirmationTag?: Uint8Array;
  readonly pathSecret?: Secret;
  /** Of the Welcome itself. */
  readonly cipherSuite?: number;
  readonly extensions?: readonly Extension[];
  readonly groupId?: Uint8Array;
}

export interface TreeMaker {
  readonly crypto: SuiteCrypto;
  /** A valid leaf for a place, of a stranger unless told otherwise. */
  readonly leaf: (leafIndex: number, fields?: Partial<LeafNodeFields>) => LeafNode;
}

/** A Welcome to `bundle`, into a group of four that Mallory has made up. */
export function forgedWelcome(bundle: KeyPackageBundle, input: ForgedWelcome): Uint8Array {
  const suite = CIPHER_SUITES.get(1);
  assert.ok(suite);
  const crypto = new SuiteCrypto(native, suite);
  const groupId = input.groupId ?? native.random(16);
  const mallory = person('mallory').createKeyPackage();
  const { signer } = mallory.keys;
  const maker: TreeMaker = {
    crypto,
    leaf: (leafIndex, fields = {}) => {
      const own: PrivateKey<'ed25519'> = native.generate('ed25519');
      return signLeafNode(
        crypto,
        own,
        {
          ...mallory.keyPackage.leafNode.fields,
          encryptionKey: crypto.generateKey().publicKey,
          signatureKey: own.publicKey,
          source: { kind: 'update' },
          ...fields,
        },
        { groupId, leafIndex },
      );
    },
  };
  const made = treeOf(crypto, mallory.keyPackage.leafNode);
  made.addLeaf(bundle.keyPackage.leafNode);
  made.addLeaf(maker.leaf(2));
  made.addLeaf(maker.leaf(3));
  for (const [leafIndex, leaf] of input.leaves?.(maker) ?? []) made.setLeaf(leafIndex, leaf);
  createPath(crypto, made, 0, (encryptionKey, parentHash) =>
    signLeafNode(
      crypto,
      signer,
      { ...mallory.keyPackage.leafNode.fields, encryptionKey, source: { kind: 'commit', parentHash } },
      { groupId, leafIndex: 0 },
    ),
  );
  const nodes = Array.from({ length: made.nodeCount }, (_, index) => made.node(index));
  input.nodes?.(nodes, maker);
  const tree = new RatchetTree(crypto, nodes);
  const context: GroupContext = {
    version: 1,
    cipherSuite: 1,
    groupId,
    epoch: 1n,
    treeHash: tree.treeHash(),
    confirmedTranscriptHash: native.random(32),
    extensions: input.extensions ?? [],
    ...input.context,
  };
  const psks = input.psks ?? [];
  const psk = pskSecret(
    crypto,
    psks.map(({ id, secret }) => ({ id, secret: secret ?? crypto.zero() })),
  );
  const joiner = Secret.take(native.random(32));
  const { epoch } = epochFromJoiner(crypto, {
    context,
    contextBytes: encodeGroupContext(context),
    joiner,
    psk,
    ownLeaf: 0,
    width: tree.width,
    signer,
    digest: null,
  });
  const info = signGroupInfo(crypto, input.signature === 'other' ? native.generate('ed25519') : signer, {
    context,
    extensions: [{ type: EXTENSION_TYPES.ratchetTree, data: tree.encode() }],
    confirmationTag: input.confirmationTag ?? epoch.confirmationTag,
    signer: input.signer ?? 0,
  });
  const { key, nonce } = welcomeKey(crypto, welcomeSecret(crypto, joiner, psk));
  const encryptedGroupInfo = crypto.seal(key, nonce.reveal(), info.bytes, NO_BYTES);
  const secrets = encodeGroupSecrets({
    joinerSecret: joiner,
    pathSecret: input.pathSecret ?? null,
    psks: psks.map(({ id }) => id),
  });
  const initKey = crypto.importPublicKey(bundle.keyPackage.initKey);
  const welcome = {
    cipherSuite: input.cipherSuite ?? 1,
    secrets: [
      {
        newMember: bundle.ref,
        encryptedGroupSecrets: crypto.encrypt(initKey, 'Welcome', encryptedGroupInfo, secrets),
      },
    ],
    encryptedGroupInfo,
  };
  return encodeMessage({ kind: 'welcome', welcome });
}
