import type { PrivateKey } from '@sotto/crypto';
import { NO_BYTES, sameBytes } from '../bytes.ts';
import { decodeWhole } from '../codec/reader.ts';
import { MlsError } from '../error.ts';
import { EXTENSION_TYPES, extensionOf } from '../messages/extension.ts';
import { encodeGroupContext } from '../messages/group-context.ts';
import { decodeGroupInfo, verifyGroupInfo } from '../messages/group-info.ts';
import type { GroupInfo } from '../messages/group-info.ts';
import { MLS10 } from '../messages/key-package.ts';
import type { KeyPackage } from '../messages/key-package.ts';
import type { PskId } from '../messages/psk.ts';
import { readGroupSecrets } from '../messages/welcome.ts';
import type { GroupSecrets, Welcome } from '../messages/welcome.ts';
import { welcomeKey, welcomeSecret } from '../schedule/key-schedule.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { SignatureKind } from '@sotto/crypto';
import { decodeTree } from '../tree/ratchet-tree.ts';
import type { RatchetTree } from '../tree/ratchet-tree.ts';
import { keysFromWelcome } from '../tree/treekem.ts';
import { validateParents } from '../tree/validate.ts';
import { demandsOf, requireCapabilities, requireLifetime, validateLeaf } from './leaf-rules.ts';
import type { Surroundings } from './options.ts';
import { requireDistinctPsks, requireNonce } from './proposal-list.ts';
import { resolvePskSecret } from './psks.ts';
import { epochFromJoiner } from './stage.ts';
import type { Staged } from './stage.ts';

/** The private half of a key package. */
export interface KeyPackageKeys {
  readonly initKey: PrivateKey;
  readonly leafKey: PrivateKey;
  readonly signer: PrivateKey<SignatureKind>;
}

/** The group that a new one follows, for a Welcome to its successor, RFC 9420 §11.2 and §11.3. */
export interface Predecessor {
  readonly usage: 'reinit' | 'branch';
  readonly groupId: Uint8Array;
  readonly epoch: bigint;
  /** Throws unless the new group is what the old one says. */
  check(info: GroupInfo, tree: RatchetTree): void;
}

export interface JoinInput {
  readonly welcome: Welcome;
  readonly ref: Uint8Array;
  readonly keyPackage: KeyPackage;
  readonly keys: KeyPackageKeys;
  /** When the Welcome does not bring it. */
  readonly ratchetTree: Uint8Array | null;
  /** Null for a group that follows no other. */
  readonly predecessor: Predecessor | null;
  readonly around: Surroundings;
}

/** Works a Welcome out, RFC 9420 §12.4.3.1. */
export function joinGroup(crypto: SuiteCrypto, input: JoinInput): Staged {
  const { around, keyPackage, welcome } = input;
  if (welcome.cipherSuite !== keyPackage.cipherSuite) {
    throw new MlsError('key_package_suite', 'a welcome is of another cipher suite than its key package');
  }
  const secrets = openSecrets(crypto, input);
  using joiner = secrets.joinerSecret;
  requireWelcomePsks(crypto, secrets.psks, input.predecessor);
  using psk = resolvePskSecret(crypto, secrets.psks, around.psks);
  const info = openGroupInfo(crypto, welcome, secrets, psk);
  const { context } = info;
  const tree = treeFor(crypto, info, input.ratchetTree, around);
  if (input.predecessor !== null) requireFirstEpoch(info, input.predecessor, tree);
  const signer = tree.leaf(info.signer);
  if (signer === null) throw new MlsError('group_info_signature', 'a group info is signed by no member');
  verifyGroupInfo(crypto, signer.verifier(crypto), info);
  const ownLeaf = tree.findLeaf(keyPackage.leafNode.encryptionKey);
  if (ownLeaf === null || !sameBytes(tree.leaf(ownLeaf)?.bytes ?? NO_BYTES, keyPackage.leafNode.bytes)) {
    throw new MlsError('not_in_tree', 'a welcome is to a group whose tree does not have this key package');
  }
  const contextBytes = encodeGroupContext(context);
  const made = epochFromJoiner(crypto, {
    context,
    contextBytes,
    joiner,
    psk,
    ownLeaf,
    width: tree.width,
    signer: input.keys.signer,
    digest: null,
  });
  if (!crypto.provider.equal(made.epoch.confirmationTag, info.confirmationTag)) {
    throw new MlsError('confirmation_tag', 'the confirmation tag of a group info is not valid');
  }
  const keys = new Map([[2 * ownLeaf, input.keys.leafKey]]);
  if (secrets.pathSecret !== null) {
    const path = { committer: info.signer, own: ownLeaf, pathSecret: secrets.pathSecret };
    for (const [index, key] of keysFromWelcome(crypto, tree, path)) keys.set(index, key);
  }
  return { ...made, tree, keys };
}

/**
 * The tree that a group info speaks of, whole and checked, RFC 9420 §12.4.3.1. Throws `ratchet_tree` when there is none
 * or it is another, and what the checks throw.
 */
export function treeFor(
  crypto: SuiteCrypto,
  info: GroupInfo,
  apart: Uint8Array | null,
  around: Surroundings,
): RatchetTree {
  const { context } = info;
  if (context.version !== MLS10 || context.cipherSuite !== crypto.suite.id) {
    throw new MlsError('group_suite', 'a group is of another version or cipher suite');
  }
  const bytes = extensionOf(info.extensions, EXTENSION_TYPES.ratchetTree) ?? apart;
  if (bytes === null) throw new MlsError('ratchet_tree', 'the ratchet tree of a group is missing');
  const tree = decodeTree(crypto, bytes, around.policy.maxLeaves);
  if (!sameBytes(tree.treeHash(), context.treeHash)) {
    throw new MlsError('ratchet_tree', 'a ratchet tree is not the one of its group');
  }
  validateParents(tree);
  tree.requireAllUnique();
  const demands = demandsOf(context.extensions);
  const types = [...tree.credentialTypes().keys()];
  for (const [leafIndex, leaf] of tree.leaves()) {
    validateLeaf(crypto, leaf, { source: null, place: { groupId: context.groupId, leafIndex }, around });
    const { source, capabilities } = leaf.fields;
    if (source.kind === 'key_package' && around.policy.checkTreeLifetimes) requireLifetime(source.lifetime, around);
    requireCapabilities(capabilities, demands);
    if (!types.every((type) => capabilities.credentials.includes(type))) {
      throw new MlsError('unsupported_credential', 'a member does not support a credential type in use');
    }
  }
  return tree;
}

function openSecrets(crypto: SuiteCrypto, { welcome, ref, keys }: JoinInput): GroupSecrets {
  const entry = welcome.secrets.find(({ newMember }) => sameBytes(newMember, ref));
  if (entry === undefined) throw new MlsError('no_key_package', 'a welcome is not to this key package');
  const { encryptedGroupSecrets } = entry;
  const plaintext = crypto.decrypt(keys.initKey, 'Welcome', welcome.encryptedGroupInfo, encryptedGroupSecrets);
  if (plaintext === null) throw new MlsError('welcome_decryption', 'the secrets of a welcome do not decrypt');
  try {
    return decodeWhole(plaintext, (reader) => {
      const secrets = readGroupSecrets(reader);
      // PSK ids are views, and the plaintext is wiped.
      return { ...secrets, psks: secrets.psks.map(copyPskId) };
    });
  } finally {
    plaintext.fill(0);
  }
}

function copyPskId(psk: PskId): PskId {
  const nonce = psk.nonce.slice();
  return psk.kind === 'external'
    ? { ...psk, id: psk.id.slice(), nonce }
    : { ...psk, groupId: psk.groupId.slice(), nonce };
}

function openGroupInfo(
  crypto: SuiteCrypto,
  welcome: Welcome,
  secrets: GroupSecrets,
  psk: GroupSecrets['joinerSecret'],
): GroupInfo {
  using secret = welcomeSecret(crypto, secrets.joinerSecret, psk);
  const { key, nonce } = welcomeKey(crypto, secret);
  using ownedKey = key;
  using ownedNonce = nonce;
  const bytes = crypto.open(ownedKey, ownedNonce.reveal(), welcome.encryptedGroupInfo, NO_BYTES);
  if (bytes === null) throw new MlsError('welcome_decryption', 'the group info of a welcome does not decrypt');
  return decodeGroupInfo(bytes);
}

/** RFC 9420 §12.4.3.1, §11.2, §11.3: at most one re-init or branch key, and exactly in the flow it is for. */
function requireWelcomePsks(crypto: SuiteCrypto, psks: readonly PskId[], predecessor: Predecessor | null): void {
  for (const psk of psks) requireNonce(crypto, psk);
  requireDistinctPsks(psks);
  const successors = psks.filter((psk) => psk.kind === 'resumption' && psk.usage !== 'application');
  if (successors.length > 1) throw new MlsError('psk_usage', 'a welcome follows from two groups');
  const [successor] = successors;
  const isMeant =
    predecessor === null
      ? successor === undefined
      : successor?.kind === 'resumption' &&
        successor.usage === predecessor.usage &&
        successor.epoch === predecessor.epoch &&
        sameBytes(successor.groupId, predecessor.groupId);
  if (!isMeant) throw new MlsError('psk_usage', 'a welcome does not follow from the group that it should');
}

function requireFirstEpoch(info: GroupInfo, predecessor: Predecessor, tree: RatchetTree): void {
  if (info.context.epoch !== 1n)
    throw new MlsError('successor', 'a group that follows another is beyond its first epoch');
  predecessor.check(info, tree);
}
