import type { PrivateKey, Secret } from '@sotto/crypto';
import { NO_BYTES } from '../bytes.ts';
import { Writer } from '../codec/writer.ts';
import { MlsError } from '../error.ts';
import { signContent, withTag } from '../framing/public.ts';
import type { AuthenticatedContent, WireFormat } from '../messages/authenticated.ts';
import type { Commit, ProposalOrRef } from '../messages/commit.ts';
import type { FramedContent } from '../messages/content.ts';
import { EXTENSION_TYPES } from '../messages/extension.ts';
import type { Extension } from '../messages/extension.ts';
import { encodeGroupContext } from '../messages/group-context.ts';
import { signGroupInfo } from '../messages/group-info.ts';
import type { GroupInfo } from '../messages/group-info.ts';
import { keyPackageRef } from '../messages/key-package.ts';
import { signLeafNode } from '../messages/leaf-node.ts';
import type { LeafNodeFields } from '../messages/leaf-node.ts';
import { encodeGroupSecrets } from '../messages/welcome.ts';
import type { Welcome } from '../messages/welcome.ts';
import { externalKey, welcomeKey, welcomeSecret, wipeEpochSecrets } from '../schedule/key-schedule.ts';
import { confirmedTranscriptHash } from '../schedule/transcript.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { SignatureKind } from '@sotto/crypto';
import { commonAncestor } from '../tree/math.ts';
import type { RatchetTree } from '../tree/ratchet-tree.ts';
import { createPath, encryptPath } from '../tree/treekem.ts';
import type { NewPath } from '../tree/treekem.ts';
import { applyProposals } from './apply.ts';
import type { Applied } from './apply.ts';
import { effectsOf } from './effects.ts';
import type { CommitEffects } from './effects.ts';
import type { Epoch } from './epoch.ts';
import { needsPath, validateProposalList } from './proposal-list.ts';
import type { Committer, SentProposal } from './proposal-list.ts';
import { resolvePskSecret } from './psks.ts';
import type { SealJob, Sealing } from '../sealing.ts';
import { keysIn, makeEpoch, nextContext, requireValidTree } from './stage.ts';
import type { Current, Staged } from './stage.ts';

/** What a member may change of its own leaf as it commits or updates. */
export interface LeafChanges {
  readonly credential?: LeafNodeFields['credential'];
  readonly signer?: PrivateKey<SignatureKind>;
  readonly capabilities?: LeafNodeFields['capabilities'];
  readonly extensions?: LeafNodeFields['extensions'];
}

export interface CommitParts {
  readonly proposals: readonly SentProposal[];
  readonly committer: Committer;
  /** Null for an external joiner, whose leaf is new. */
  readonly leafFields: Omit<LeafNodeFields, 'encryptionKey' | 'source'>;
  /** Signs leaf and commit (a commit by the leaf's old key, which members know). */
  readonly leafSigner: PrivateKey<SignatureKind>;
  readonly signer: PrivateKey<SignatureKind>;
  readonly forcePath: boolean;
  readonly authenticatedData: Uint8Array;
  readonly wireFormat: WireFormat;
  /** External joiners only: init_secret as encapsulated. */
  readonly initSecret: Secret | null;
  /** For the first commit of a group that follows another. */
  readonly successor: 'reinit' | 'branch' | null;
}

export interface BuiltCommit {
  readonly content: AuthenticatedContent;
  readonly staged: Staged;
  readonly effects: CommitEffects;
  /** Null when it was not asked for. */
  readonly groupInfo: GroupInfo | null;
  /** Null when nobody was added. */
  readonly welcome: Welcome | null;
}

type Continued = Omit<Current, 'proposal' | 'updateKey'>;

/** Makes a commit and all that follows from it, RFC 9420 §12.4.1. Changes nothing of `current`. */
export function* buildCommit(
  current: Continued,
  parts: CommitParts,
  options: { readonly ratchetTree: boolean; readonly externalPub: boolean; readonly groupInfo: boolean },
): Sealing<BuiltCommit> {
  const next = nextTree(current, parts);
  const { path } = next;
  let isComplete = false;
  try {
    const built = yield* completeCommit(current, parts, next, options);
    isComplete = true;
    return built;
  } finally {
    for (const { pathSecret, key } of path?.steps ?? []) {
      pathSecret.dispose();
      if (!isComplete) key[Symbol.dispose]();
    }
    path?.commitSecret.dispose();
    if (!isComplete) path?.leafKey[Symbol.dispose]();
  }
}

/** The tree after a commit, with its path where it has one. */
interface NextTree {
  readonly tree: RatchetTree;
  readonly applied: Applied;
  readonly committerLeaf: number;
  readonly path: NewPath | null;
}

function nextTree(current: Continued, parts: CommitParts): NextTree {
  const { crypto, around, epoch } = current;
  const { groupId, extensions } = epoch.context;
  const { proposals, committer } = parts;
  validateProposalList(crypto, proposals, committer, current.tree, parts.successor);
  if (parts.successor !== null && epoch.context.epoch !== 0n) {
    throw new MlsError('successor', 'only the first commit of a group can follow from another');
  }
  const tree = current.tree.copy();
  const applied = applyProposals(crypto, tree, proposals, { groupId, extensions, around });
  const committerLeaf = committer.kind === 'member' ? committer.leaf : reserveLeaf(crypto, tree, parts);
  const path =
    parts.forcePath || needsPath(proposals)
      ? createPath(crypto, tree, committerLeaf, (encryptionKey, parentHash) =>
          signLeafNode(
            crypto,
            parts.leafSigner,
            { ...parts.leafFields, encryptionKey, source: { kind: 'commit', parentHash } },
            { groupId, leafIndex: committerLeaf },
          ),
        )
      : null;
  const changed = path === null ? [] : [committerLeaf, ...path.steps.map(({ index }) => index)];
  requireValidTree(current, tree, applied, changed);
  return { tree, applied, committerLeaf, path };
}

function* completeCommit(
  current: Continued,
  parts: CommitParts,
  { tree, applied, committerLeaf, path }: NextTree,
  options: { readonly ratchetTree: boolean; readonly externalPub: boolean; readonly groupInfo: boolean },
): Sealing<BuiltCommit> {
  const { crypto, around, epoch } = current;
  const { proposals, committer, authenticatedData } = parts;
  const absent = new Set(applied.added.map(({ leaf }) => leaf));
  const provisional = nextContext(epoch.context, tree, applied.extensions);
  const commit: Commit = {
    proposals: proposals.map(toProposalOrRef),
    path: path === null ? null : yield* encryptPath(crypto, tree, path, encodeGroupContext(provisional), absent),
  };
  const { groupId, epoch: number } = epoch.context;
  const framed = { groupId, epoch: number, sender: committer, authenticatedData, content: { kind: 'commit', commit } };
  const signed = signContent(crypto, parts.signer, parts.wireFormat, framed as FramedContent, epoch.contextBytes);
  using psk = resolvePskSecret(crypto, applied.psks, around.psks, (id, at) => current.resumption(id, at));
  const confirmed = confirmedTranscriptHash(crypto, epoch.interimTranscriptHash, signed, signed.signature);
  const made = makeEpoch(crypto, {
    context: { ...provisional, confirmedTranscriptHash: confirmed },
    init: parts.initSecret ?? epoch.secrets.init,
    commit: path?.commitSecret ?? null,
    psk,
    ownLeaf: committerLeaf,
    width: tree.width,
    signer: path === null ? parts.signer : parts.leafSigner,
    digest: null,
  });
  using joiner = made.joiner;
  const { epoch: next, encryption } = made.staged;
  let isComplete = false;
  try {
    const isAdding = applied.added.length > 0;
    const groupInfo = isAdding || options.groupInfo ? makeGroupInfo(crypto, next, tree, options) : null;
    const welcome =
      !isAdding || groupInfo === null
        ? null
        : yield* makeWelcome(crypto, { joiner, psk, applied, path, committerLeaf, groupInfo });
    const keys = keysIn(tree, current.keys);
    if (path !== null) {
      keys.set(2 * committerLeaf, path.leafKey);
      for (const { index, key } of path.steps) keys.set(index, key);
    }
    isComplete = true;
    return {
      content: withTag(signed, next.confirmationTag),
      staged: { ...made.staged, tree, keys },
      effects: effectsOf(applied, {
        committer,
        committerLeaf,
        hasPath: path !== null,
        proposals,
        before: current.tree,
        after: tree,
      }),
      groupInfo: options.groupInfo ? groupInfo : null,
      welcome,
    };
  } finally {
    if (!isComplete) {
      wipeEpochSecrets(next.secrets);
      encryption.dispose();
    }
  }
}

/**
 * A commit of the own proposals and as many of those `kept` as go with them, tried in their order: members must not be
 * able to stop commits by proposals that stand against each other. If the own ones cannot stand, it says so.
 */
export function* buildWithKept(
  build: (proposals: readonly SentProposal[]) => Sealing<BuiltCommit>,
  current: Pick<Current, 'crypto' | 'around' | 'epoch' | 'tree' | 'resumption'>,
  committer: Committer,
  own: readonly SentProposal[],
  kept: readonly SentProposal[],
): Sealing<BuiltCommit> {
  try {
    return yield* build([...own, ...kept]);
  } catch (error) {
    if (!(error instanceof MlsError) || kept.length === 0) throw error;
  }
  const accepted = [...own];
  for (const proposal of kept) {
    if (canStand(current, committer, [...accepted, proposal])) accepted.push(proposal);
  }
  return yield* build(accepted);
}

function canStand(
  current: Pick<Current, 'crypto' | 'around' | 'epoch' | 'tree' | 'resumption'>,
  committer: Committer,
  proposals: readonly SentProposal[],
): boolean {
  const { crypto, around, epoch } = current;
  const { groupId, extensions } = epoch.context;
  try {
    validateProposalList(crypto, proposals, committer, current.tree);
    const tree = current.tree.copy();
    const applied = applyProposals(crypto, tree, proposals, { groupId, extensions, around });
    requireValidTree(current, tree, applied, []);
    resolvePskSecret(crypto, applied.psks, around.psks, (id, number) => current.resumption(id, number)).dispose();
    return true;
  } catch (error) {
    if (error instanceof MlsError) return false;
    throw error;
  }
}

/** GroupInfo of an epoch, RFC 9420 §12.4.3. */
export function makeGroupInfo(
  crypto: SuiteCrypto,
  epoch: Epoch,
  tree: RatchetTree,
  options: { readonly ratchetTree: boolean; readonly externalPub: boolean },
): GroupInfo {
  const extensions: Extension[] = [];
  if (options.ratchetTree) extensions.push({ type: EXTENSION_TYPES.ratchetTree, data: tree.encode() });
  if (options.externalPub) {
    const { publicKey } = externalKey(crypto, epoch.secrets.external);
    const data = new Writer(publicKey.length + 4).vector(publicKey).finish();
    extensions.push({ type: EXTENSION_TYPES.externalPub, data });
  }
  return signGroupInfo(crypto, epoch.signer, {
    context: epoch.context,
    extensions,
    confirmationTag: epoch.confirmationTag,
    signer: epoch.ownLeaf,
  });
}

interface WelcomeParts {
  readonly joiner: Secret;
  readonly psk: Secret;
  readonly applied: Pick<Applied, 'added' | 'psks'>;
  readonly path: NewPath | null;
  readonly committerLeaf: number;
  readonly groupInfo: GroupInfo;
}

/** RFC 9420 §12.4.3.1. */
function* makeWelcome(crypto: SuiteCrypto, parts: WelcomeParts): Sealing<Welcome> {
  using welcome = welcomeSecret(crypto, parts.joiner, parts.psk);
  const { key, nonce } = welcomeKey(crypto, welcome);
  using ownedKey = key;
  using ownedNonce = nonce;
  const encryptedGroupInfo = crypto.seal(ownedKey, ownedNonce.reveal(), parts.groupInfo.bytes, NO_BYTES);
  const { added, psks } = parts.applied;
  const jobs: SealJob[] = [];
  try {
    for (const { leaf, keyPackage } of added) {
      const shared = commonAncestor(2 * parts.committerLeaf, 2 * leaf);
      const pathSecret = parts.path?.steps.find(({ index }) => index === shared)?.pathSecret ?? null;
      const receiver = crypto.importPublicKey(keyPackage.initKey);
      jobs.push({ receiver, plaintext: encodeGroupSecrets({ joinerSecret: parts.joiner, pathSecret, psks }) });
    }
    const sealed = yield { cipherSuite: crypto.suite.id, label: 'Welcome', context: encryptedGroupInfo, jobs };
    const secrets = added.map(({ keyPackage }, i) => {
      const encryptedGroupSecrets = sealed[i];
      if (encryptedGroupSecrets === undefined) throw new MlsError('internal', 'a sealed secret is missing');
      return { newMember: keyPackageRef(crypto, keyPackage.bytes), encryptedGroupSecrets };
    });
    return { cipherSuite: crypto.suite.id, secrets, encryptedGroupInfo };
  } finally {
    for (const { plaintext } of jobs) plaintext.dispose();
  }
}

function toProposalOrRef({ proposal, ref }: SentProposal): ProposalOrRef {
  return ref === null ? { kind: 'proposal', proposal } : { kind: 'reference', ref };
}

/** Takes the leftmost blank leaf for an external joiner; the path replaces what is put there. */
function reserveLeaf(crypto: SuiteCrypto, tree: RatchetTree, parts: CommitParts): number {
  using key = crypto.generateKey();
  const fields = { ...parts.leafFields, encryptionKey: key.publicKey, source: { kind: 'update' } } as const;
  return tree.addLeaf(signLeafNode(crypto, parts.leafSigner, fields, { groupId: NO_BYTES, leafIndex: 0 }));
}
