import type { PrivateKey, Secret } from '@sotto/crypto';
import { sameBytes } from '../bytes.ts';
import { MlsError } from '../error.ts';
import type { AuthenticatedContent } from '../messages/authenticated.ts';
import type { UpdatePath } from '../messages/commit.ts';
import type { Extension } from '../messages/extension.ts';
import { encodeGroupContext } from '../messages/group-context.ts';
import type { GroupContext } from '../messages/group-context.ts';
import { epochSecrets, externalKey, joinerSecret, wipeEpochSecrets } from '../schedule/key-schedule.ts';
import { confirmationTag, confirmedTranscriptHash, interimTranscriptHash } from '../schedule/transcript.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { SignatureKind } from '@sotto/crypto';
import type { RatchetTree } from '../tree/ratchet-tree.ts';
import { applyPath, openPath } from '../tree/treekem.ts';
import type { PathKeys } from '../tree/treekem.ts';
import { applyProposals, requireNewKey } from './apply.ts';
import type { Applied } from './apply.ts';
import { effectsOf } from './effects.ts';
import type { CommitEffects } from './effects.ts';
import { epochId } from './epoch.ts';
import type { Epoch } from './epoch.ts';
import { demandsOf, requireCompatible, requireSuccessor, validateLeaf } from './leaf-rules.ts';
import type { Surroundings } from './options.ts';
import { needsPath, resolveProposals, validateProposalList } from './proposal-list.ts';
import type { Committer, SentProposal } from './proposal-list.ts';
import { resolvePskSecret } from './psks.ts';

/** What an epoch is continued from. */
export interface Current {
  readonly crypto: SuiteCrypto;
  readonly around: Surroundings;
  readonly epoch: Epoch;
  readonly tree: RatchetTree;
  readonly keys: PathKeys;
  /** Proposals of this epoch by reference. */
  proposal(ref: Uint8Array): SentProposal | null;
  /** The private key of an own update that was proposed in this epoch, by its public key. */
  updateKey(encryptionKey: Uint8Array): OwnUpdate | null;
  resumption(groupId: Uint8Array, epoch: bigint): Secret | null;
}

/** What an own Update proposal needs once it is committed. */
export interface OwnUpdate {
  readonly leafKey: PrivateKey;
  readonly signer: PrivateKey<SignatureKind>;
}

/** The next epoch, ready to take the current one's place. */
export interface Staged {
  readonly epoch: Epoch;
  /** The root of the secret tree. */
  readonly encryption: Secret;
  readonly tree: RatchetTree;
  readonly keys: PathKeys;
}

/** Wipes a next epoch that does not come about. `kept` are keys that it shares with the current one. */
export function wipeStaged({ epoch, encryption, keys }: Staged, kept: ReadonlySet<PrivateKey>): void {
  wipeEpochSecrets(epoch.secrets);
  encryption.dispose();
  for (const key of keys.values()) if (!kept.has(key)) key[Symbol.dispose]();
}

export type StageResult =
  | { readonly kind: 'staged'; readonly staged: Staged; readonly effects: CommitEffects }
  /** This member is removed: what follows is not for it to know. */
  | { readonly kind: 'removed'; readonly effects: CommitEffects };

/**
 * Works a received commit out, RFC 9420 §12.4.2; its signature and membership tag have been verified. Changes nothing.
 * `digest` is of the message that carried it.
 */
export function stageCommit(current: Current, content: AuthenticatedContent, digest: Uint8Array): StageResult {
  const { crypto, around, epoch } = current;
  const { framed, auth } = content;
  if (framed.content.kind !== 'commit' || auth.confirmationTag === null) {
    throw new MlsError('internal', 'only commits are staged');
  }
  const { commit } = framed.content;
  const committer = committerOf(content);
  const proposals = resolveProposals(commit.proposals, committer, (ref) => current.proposal(ref));
  validateProposalList(crypto, proposals, committer, current.tree);
  if (commit.path === null && needsPath(proposals)) throw new MlsError('path_missing', 'a commit lacks its path');
  const tree = current.tree.copy();
  const applied = applyProposals(crypto, tree, proposals, {
    groupId: epoch.context.groupId,
    extensions: epoch.context.extensions,
    around,
  });
  const absent = new Set(applied.added.map(({ leaf }) => leaf));
  const committerLeaf = committer.kind === 'member' ? committer.leaf : joinExternally(tree, commit.path, absent);
  const steps =
    commit.path === null
      ? null
      : takePath(current, tree, { path: commit.path, committer, committerLeaf, applied, absent });
  requireValidTree(current, tree, applied, commit.path === null ? [] : [committerLeaf, ...pathNodes(steps)]);
  const effects = effectsOf(applied, {
    committer,
    committerLeaf,
    hasPath: commit.path !== null,
    proposals,
    before: current.tree,
    after: tree,
  });
  if (applied.removed.includes(epoch.ownLeaf)) return { kind: 'removed', effects };

  const provisional = nextContext(epoch.context, tree, applied.extensions);
  const { keys, signer } = ownKeys(current, tree);
  const opened =
    commit.path === null || steps === null
      ? null
      : openPath(crypto, {
          tree,
          sender: committerLeaf,
          own: epoch.ownLeaf,
          keys,
          path: commit.path,
          steps,
          context: encodeGroupContext(provisional),
          absent,
        });
  using initSecret =
    applied.externalInit === null
      ? null
      : crypto.openExternalInit(externalKey(crypto, epoch.secrets.external), applied.externalInit);
  using psk = resolvePskSecret(crypto, applied.psks, around.psks, (id, number) => current.resumption(id, number));
  const confirmed = confirmedTranscriptHash(crypto, epoch.interimTranscriptHash, content, auth.signature);
  const made = makeEpoch(crypto, {
    context: { ...provisional, confirmedTranscriptHash: confirmed },
    init: initSecret ?? epoch.secrets.init,
    commit: opened?.commitSecret ?? null,
    psk,
    ownLeaf: epoch.ownLeaf,
    width: tree.width,
    signer,
    digest,
  });
  made.joiner.dispose();
  opened?.commitSecret.dispose();
  if (!crypto.provider.equal(made.staged.epoch.confirmationTag, auth.confirmationTag)) {
    throw new MlsError('confirmation_tag', 'the confirmation tag of a commit is not valid');
  }
  const allKeys = new Map([...keys, ...(opened?.keys ?? [])]);
  return { kind: 'staged', staged: { ...made.staged, tree, keys: allKeys }, effects };
}

/** Who made a commit. */
function committerOf(content: AuthenticatedContent): Committer {
  const { sender } = content.framed;
  if (sender.kind === 'member' || sender.kind === 'new_member_commit') return sender;
  throw new MlsError('commit_sender', 'a commit is from a sender that may only propose');
}

/** The context of the epoch after `context`, still without its confirmed transcript hash. */
export function nextContext(context: GroupContext, tree: RatchetTree, extensions: readonly Extension[]): GroupContext {
  return { ...context, epoch: context.epoch + 1n, treeHash: tree.treeHash(), extensions };
}

/** Everything that follows from the secrets of a new epoch, RFC 9420 §8. */
export function makeEpoch(
  crypto: SuiteCrypto,
  input: {
    readonly context: GroupContext;
    readonly init: Secret;
    /** Null without a path. */
    readonly commit: Secret | null;
    readonly psk: Secret;
    readonly ownLeaf: number;
    readonly width: number;
    readonly signer: PrivateKey<SignatureKind>;
    readonly digest: Uint8Array | null;
  },
): { readonly joiner: Secret; readonly staged: Pick<Staged, 'epoch' | 'encryption'> } {
  const contextBytes = encodeGroupContext(input.context);
  const commit = input.commit ?? crypto.zero();
  const joiner = joinerSecret(crypto, { init: input.init, commit, context: contextBytes });
  return { joiner, staged: epochFromJoiner(crypto, { ...input, contextBytes, joiner }) };
}

export function epochFromJoiner(
  crypto: SuiteCrypto,
  input: {
    readonly context: GroupContext;
    readonly contextBytes: Uint8Array;
    readonly joiner: Secret;
    readonly psk: Secret;
    readonly ownLeaf: number;
    readonly width: number;
    readonly signer: PrivateKey<SignatureKind>;
    readonly digest: Uint8Array | null;
  },
): Pick<Staged, 'epoch' | 'encryption'> {
  const { encryption, ...secrets } = epochSecrets(crypto, input.joiner, input.psk, input.contextBytes);
  return { encryption, epoch: epochOf(crypto, { ...input, secrets }) };
}

export function epochOf(
  crypto: SuiteCrypto,
  input: Pick<Epoch, 'context' | 'contextBytes' | 'secrets' | 'ownLeaf' | 'width' | 'signer'> & {
    readonly digest: Uint8Array | null;
  },
): Epoch {
  const { context, contextBytes, secrets, ownLeaf, width, signer } = input;
  const tag = confirmationTag(crypto, secrets.confirmation, context.confirmedTranscriptHash);
  return {
    id: epochId(crypto, tag),
    context,
    contextBytes,
    confirmationTag: tag,
    interimTranscriptHash: interimTranscriptHash(crypto, context.confirmedTranscriptHash, tag),
    secrets,
    ownLeaf,
    width,
    signer,
    commitDigest: input.digest,
  };
}

/** What is checked of all leaves together, for those that a commit changed. */
export function requireValidTree(
  current: Pick<Current, 'tree' | 'epoch'>,
  tree: RatchetTree,
  applied: Applied,
  pathNodeIndices: readonly number[],
): void {
  const leaves = new Set([...applied.added.map(({ leaf }) => leaf), ...applied.updated]);
  const [committerLeaf, ...nodes] = pathNodeIndices;
  if (committerLeaf !== undefined) leaves.add(committerLeaf);
  tree.requireUniqueKeys([...[...leaves].map((leaf) => 2 * leaf), ...nodes]);
  requireCompatible(tree, leaves, {
    demands: demandsOf(applied.extensions),
    demandsChanged: applied.extensionsChanged,
    previous: current.tree.credentialTypes(),
  });
}

/** The private keys that are still good in `tree`: nodes may have got unmerged leaves, but not another key. */
export function keysIn(tree: RatchetTree, keys: PathKeys): Map<number, PrivateKey> {
  const kept = new Map<number, PrivateKey>();
  for (const [index, key] of keys) {
    const node = tree.node(index);
    if (node !== null && sameBytes(node.encryptionKey, key.publicKey)) kept.set(index, key);
  }
  return kept;
}

/** The own keys that are still good, with an own update's if it was committed. */
function ownKeys(
  current: Current,
  tree: RatchetTree,
): { readonly keys: Map<number, PrivateKey>; readonly signer: PrivateKey<SignatureKind> } {
  const keys = keysIn(tree, current.keys);
  const own = 2 * current.epoch.ownLeaf;
  const leaf = tree.leaf(current.epoch.ownLeaf);
  if (keys.has(own) || leaf === null) return { keys, signer: current.epoch.signer };
  const update = current.updateKey(leaf.encryptionKey);
  if (update === null) throw new MlsError('internal', 'the key of an own update is lost');
  keys.set(own, update.leafKey);
  return { keys, signer: update.signer };
}

/** The leftmost blank leaf, RFC 9420 §12.4.3.2. */
function joinExternally(tree: RatchetTree, path: UpdatePath | null, absent: ReadonlySet<number>): number {
  if (path === null || absent.size > 0) throw new MlsError('external_commit', 'an external commit has no path');
  return tree.addLeaf(path.leafNode);
}

function takePath(
  current: Current,
  tree: RatchetTree,
  input: {
    readonly path: UpdatePath;
    readonly committer: Committer;
    readonly committerLeaf: number;
    readonly applied: Applied;
    readonly absent: ReadonlySet<number>;
  },
): ReturnType<typeof applyPath> {
  const { crypto, around, epoch } = current;
  const { path, committer, committerLeaf } = input;
  const place = { groupId: epoch.context.groupId, leafIndex: committerLeaf };
  validateLeaf(crypto, path.leafNode, { source: 'commit', place, around });
  const replaced = committer.kind === 'member' ? committerLeaf : (input.applied.removed[0] ?? null);
  const old = replaced === null ? null : current.tree.leaf(replaced);
  if (old !== null) {
    requireNewKey(old.encryptionKey, path.leafNode.encryptionKey);
    requireSuccessor(old.credential, path.leafNode.credential, around);
  }
  for (const { encryptionKey } of path.nodes) crypto.importPublicKey(encryptionKey);
  return applyPath(tree, committerLeaf, path, input.absent);
}

function pathNodes(steps: ReturnType<typeof applyPath> | null): number[] {
  return (steps ?? []).map(({ index }) => index);
}
