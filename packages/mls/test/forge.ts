import assert from 'node:assert/strict';
import { nativeProvider } from '@sotto/crypto';
import type { PrivateKey, SignatureKind } from '@sotto/crypto';
import type { Group } from '@sotto/mls';
import { NO_BYTES } from '../src/bytes.ts';
import { protectPrivate } from '../src/framing/private.ts';
import { protectPublic, signContent, withTag } from '../src/framing/public.ts';
import { DEFAULT_POLICY } from '../src/group/options.ts';
import { GroupState } from '../src/group/state.ts';
import { makeEpoch, nextContext } from '../src/group/stage.ts';
import type { Commit, ProposalOrRef, UpdatePath } from '../src/messages/commit.ts';
import type { Content, Sender } from '../src/messages/content.ts';
import type { Extension } from '../src/messages/extension.ts';
import { encodeGroupContext } from '../src/messages/group-context.ts';
import { signKeyPackage } from '../src/messages/key-package.ts';
import type { KeyPackage } from '../src/messages/key-package.ts';
import { signLeafNode } from '../src/messages/leaf-node.ts';
import type { LeafNode, LeafNodeFields } from '../src/messages/leaf-node.ts';
import { encodeMessage } from '../src/messages/message.ts';
import type { Proposal } from '../src/messages/proposal.ts';
import { confirmedTranscriptHash } from '../src/schedule/transcript.ts';
import { pskSecret } from '../src/schedule/psk-secret.ts';
import type { RatchetTree } from '../src/tree/ratchet-tree.ts';
import { sealingHere } from '../src/sealing.ts';
import { createPath, encryptPath } from '../src/tree/treekem.ts';
import { clock, Store } from './people.ts';

const provider = nativeProvider();

/** What a forged commit does against the rules; the rest of it is right. */
export interface ForgedCommit {
  readonly proposals?: readonly ProposalOrRef[];
  readonly sender?: Sender;
  /** Applies the proposals by hand, without any check; the default applies adds, updates and removes. */
  readonly apply?: (tree: RatchetTree) => void;
  readonly extensions?: readonly Extension[];
  readonly path?: boolean;
  /** Of the committer's new leaf. */
  readonly leaf?: Partial<LeafNodeFields>;
  readonly parentHash?: Uint8Array;
  /** Puts another path in the place of the right one. */
  readonly changePath?: (path: UpdatePath) => UpdatePath;
  /** Changes the leaf's place that it is signed for. */
  readonly signedFor?: number;
  readonly confirmationTag?: Uint8Array;
}

/** A member that does as it likes: it signs and computes everything right that it is not told to get wrong. */
export class Forger {
  readonly state: GroupState;

  constructor(group: Group) {
    const store = new Store();
    store.save(group);
    this.state = GroupState.load(
      { provider, authentication: { accepts: () => true }, psks: {}, policy: DEFAULT_POLICY, now: () => clock.now },
      store,
    );
  }

  get leafFields(): LeafNodeFields {
    const leaf = this.state.leaf(this.state.epoch.ownLeaf);
    assert.ok(leaf);
    return leaf.fields;
  }

  /** A public message of any content, with the right signature and membership tag. */
  message(content: Content, input: { readonly sender?: Sender; readonly tag?: Uint8Array | null } = {}): Uint8Array {
    const { crypto, epoch } = this.state;
    const framed = {
      groupId: epoch.context.groupId,
      epoch: epoch.context.epoch,
      sender: input.sender ?? { kind: 'member', leaf: epoch.ownLeaf },
      authenticatedData: NO_BYTES,
      content,
    } as const;
    const signed = signContent(crypto, epoch.signer, 'public_message', framed, epoch.contextBytes);
    const message = protectPublic(
      crypto,
      withTag(signed, input.tag ?? null),
      epoch.secrets.membership,
      epoch.contextBytes,
    );
    return encodeMessage({ kind: 'public_message', message });
  }

  proposal(proposal: Proposal): Uint8Array {
    return this.message({ kind: 'proposal', proposal });
  }

  commit(input: ForgedCommit): Uint8Array {
    const { crypto, epoch } = this.state;
    const { groupId } = epoch.context;
    const proposals = input.proposals ?? [];
    const tree = this.state.tree.copy();
    if (input.apply === undefined) applyBlindly(tree, proposals);
    else input.apply(tree);
    const sender = input.sender ?? { kind: 'member', leaf: epoch.ownLeaf };
    const place = { groupId, leafIndex: input.signedFor ?? epoch.ownLeaf };
    const made =
      input.path === false
        ? null
        : createPath(crypto, tree, epoch.ownLeaf, (encryptionKey, parentHash) =>
            signLeafNode(
              crypto,
              epoch.signer,
              {
                ...this.leafFields,
                encryptionKey,
                source: { kind: 'commit', parentHash: input.parentHash ?? parentHash },
                ...input.leaf,
              },
              place,
            ),
          );
    const context = nextContext(epoch.context, tree, input.extensions ?? epoch.context.extensions);
    const added = [...tree.leaves()].filter(([leaf, node]) => leaf !== epoch.ownLeaf && node !== this.state.leaf(leaf));
    const absent = new Set(added.map(([leaf]) => leaf));
    const right =
      made === null ? null : sealingHere(crypto, encryptPath(crypto, tree, made, encodeGroupContext(context), absent));
    const path = right === null ? null : (input.changePath?.(right) ?? right);
    const commit: Commit = { proposals, path };
    const framed = {
      groupId,
      epoch: epoch.context.epoch,
      sender,
      authenticatedData: NO_BYTES,
      content: { kind: 'commit', commit },
    } as const;
    const signed = signContent(crypto, epoch.signer, 'public_message', framed, epoch.contextBytes);
    const confirmed = confirmedTranscriptHash(crypto, epoch.interimTranscriptHash, signed, signed.signature);
    const { staged } = makeEpoch(crypto, {
      context: { ...context, confirmedTranscriptHash: confirmed },
      init: epoch.secrets.init,
      commit: made?.commitSecret ?? null,
      psk: pskSecret(crypto, []),
      ownLeaf: epoch.ownLeaf,
      width: tree.width,
      signer: epoch.signer,
      digest: null,
    });
    const tag = input.confirmationTag ?? staged.epoch.confirmationTag;
    const content = withTag(signed, tag);
    const message = protectPublic(crypto, content, epoch.secrets.membership, epoch.contextBytes);
    return encodeMessage({ kind: 'public_message', message });
  }

  /** An external commit signed by the leaf that it brings, with these proposals and a path of the right form. */
  external(
    proposals: readonly ProposalOrRef[],
    input: {
      readonly path?: boolean;
      readonly leaf?: Partial<LeafNodeFields>;
      readonly signer?: PrivateKey<SignatureKind>;
    } = {},
  ): Uint8Array {
    const { crypto, epoch } = this.state;
    const tree = this.state.tree.copy();
    applyBlindly(tree, proposals);
    const signer = input.signer ?? crypto.generateSigner();
    const fields = { ...this.leafFields, signatureKey: signer.publicKey };
    const placeholder = signLeafNode(
      crypto,
      signer,
      { ...fields, encryptionKey: crypto.generateKey().publicKey, source: { kind: 'update' } },
      { groupId: NO_BYTES, leafIndex: 0 },
    );
    const leafIndex = tree.addLeaf(placeholder);
    const { groupId } = epoch.context;
    const made = createPath(crypto, tree, leafIndex, (encryptionKey, parentHash) =>
      signLeafNode(
        crypto,
        signer,
        { ...fields, encryptionKey, source: { kind: 'commit', parentHash }, ...input.leaf },
        { groupId, leafIndex },
      ),
    );
    const context = nextContext(epoch.context, tree, epoch.context.extensions);
    const path = sealingHere(crypto, encryptPath(crypto, tree, made, encodeGroupContext(context), new Set()));
    const framed = {
      groupId,
      epoch: epoch.context.epoch,
      sender: { kind: 'new_member_commit' },
      authenticatedData: NO_BYTES,
      content: { kind: 'commit', commit: { proposals, path: input.path === false ? null : path } },
    } as const;
    const signed = signContent(crypto, signer, 'public_message', framed, epoch.contextBytes);
    const message = { content: withTag(signed, crypto.zero()), membershipTag: null };
    return encodeMessage({ kind: 'public_message', message });
  }

  /** A right external init for this group. */
  externalInit(): ProposalOrRef {
    const { crypto, epoch } = this.state;
    const external = crypto.deriveKeyPair(epoch.secrets.external);
    const { kemOutput } = crypto.externalInit(crypto.importPublicKey(external.publicKey));
    return byValue({ kind: 'external_init', kemOutput });
  }

  /** A key package of a stranger that gets wrong what it is told to. */
  keyPackage(
    input: {
      readonly leaf?: Partial<LeafNodeFields>;
      readonly sameKey?: boolean;
      readonly leafSigner?: 'other';
      readonly packageSigner?: 'other';
    } = {},
  ): KeyPackage {
    const { crypto } = this.state;
    const signer = crypto.generateSigner();
    const other = crypto.generateSigner();
    const leafKey = crypto.generateKey();
    const seconds = BigInt(Math.floor(clock.now / 1000));
    const fields: LeafNodeFields = {
      ...this.leafFields,
      encryptionKey: leafKey.publicKey,
      signatureKey: signer.publicKey,
      source: { kind: 'key_package', lifetime: { notBefore: seconds - 10n, notAfter: seconds + 1000n } },
      ...input.leaf,
    };
    const place = { groupId: this.state.epoch.context.groupId, leafIndex: 0 };
    const leafNode: LeafNode = signLeafNode(crypto, input.leafSigner === 'other' ? other : signer, fields, place);
    return signKeyPackage(crypto, input.packageSigner === 'other' ? other : signer, {
      initKey: input.sameKey === true ? leafNode.encryptionKey : crypto.generateKey().publicKey,
      leafNode,
      extensions: [],
    });
  }

  /** A leaf for an Update of the own place. */
  update(leaf: Partial<LeafNodeFields> = {}, signedFor: number = this.state.epoch.ownLeaf): Proposal {
    const { crypto, epoch } = this.state;
    const encryptionKey = crypto.generateKey().publicKey;
    const fields: LeafNodeFields = { ...this.leafFields, encryptionKey, source: { kind: 'update' }, ...leaf };
    const place = { groupId: epoch.context.groupId, leafIndex: signedFor };
    return { kind: 'update', leafNode: signLeafNode(crypto, epoch.signer, fields, place) };
  }
}

export function byValue(proposal: Proposal): ProposalOrRef {
  return { kind: 'proposal', proposal };
}

export function externalPsk(nonce: Uint8Array, id = 1): Proposal {
  return { kind: 'psk', psk: { kind: 'external', id: Uint8Array.of(id), nonce } };
}

function applyBlindly(tree: RatchetTree, proposals: readonly ProposalOrRef[]): void {
  const plain = proposals.flatMap((item) => (item.kind === 'proposal' ? [item.proposal] : []));
  for (const proposal of plain) {
    if (proposal.kind === 'remove' && tree.leaf(proposal.leaf) !== null) tree.removeLeaf(proposal.leaf);
  }
  for (const proposal of plain) if (proposal.kind === 'add') tree.addLeaf(proposal.keyPackage.leafNode);
}

/** A private message with one byte of text and 16 of padding. */
export function encryptAs(forger: Forger): Uint8Array {
  const { crypto, epoch, secretTree } = forger.state;
  const framed = {
    groupId: epoch.context.groupId,
    epoch: epoch.context.epoch,
    sender: { kind: 'member', leaf: epoch.ownLeaf },
    authenticatedData: NO_BYTES,
    content: { kind: 'application', data: Uint8Array.of(1) },
  } as const;
  const signed = signContent(crypto, epoch.signer, 'private_message', framed, epoch.contextBytes);
  const message = protectPrivate(crypto, withTag(signed, null), {
    leaf: epoch.ownLeaf,
    tree: secretTree,
    senderDataSecret: epoch.secrets.senderData,
    padding: () => 16,
  });
  return encodeMessage({ kind: 'private_message', message });
}
