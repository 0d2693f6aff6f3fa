import { decodeWhole } from '../codec/reader.ts';
import { MlsError } from '../error.ts';
import { sameBytes } from '../bytes.ts';
import { openPrivate } from '../framing/private.ts';
import { requireMembership, verifyContent } from '../framing/public.ts';
import { encodeAuthenticatedContent } from '../messages/authenticated.ts';
import type { AuthenticatedContent } from '../messages/authenticated.ts';
import type { ContentKind, Sender } from '../messages/content.ts';
import type { Credential } from '../messages/credential.ts';
import { EXTENSION_TYPES, extensionOf } from '../messages/extension.ts';
import { readExternalSenders } from '../messages/external-senders.ts';
import type { LeafNode } from '../messages/leaf-node.ts';
import { decodeMessage } from '../messages/message.ts';
import type { PrivateMessage, PublicMessage } from '../messages/message.ts';
import type { Proposal } from '../messages/proposal.ts';
import type { SecretTree } from '../schedule/secret-tree.ts';
import type { SuiteCrypto } from '../suite.ts';
import { validateKeyPackage, validateLeaf } from './leaf-rules.ts';
import { requireCommitPsk, requireSenderMayPropose } from './proposal-list.ts';
import { stageCommit, wipeStaged } from './stage.ts';
import type { CommitEffects } from './effects.ts';
import type { GroupState } from './state.ts';
import type { KeptProposal } from './state-records.ts';

/** What a received message was. Leaf numbers are of the message's epoch. */
export type Processed =
  | {
      readonly kind: 'application';
      /** A leaf. */
      readonly sender: number;
      readonly credential: Credential;
      /** That it was sent in: this one or a kept past one. */
      readonly epoch: bigint;
      readonly data: Uint8Array;
      readonly authenticatedData: Uint8Array;
    }
  | ReceivedProposal
  /** An own proposal that was held came back: it stands from here on. */
  | (Omit<ReceivedProposal, 'kind'> & { readonly kind: 'own_proposal' })
  | ReceivedCommit
  /** An own commit came back: the group is in the epoch that it begins. Its maker knows its effects. */
  | { readonly kind: 'own_commit'; readonly digest: Uint8Array }
  /** A commit that was taken before, and gone back from: the group is in the epoch that it began, as it was left. */
  | { readonly kind: 'resumed'; readonly digest: Uint8Array };

/** Kept until the epoch ends: commits may refer to it. */
export interface ReceivedProposal {
  readonly kind: 'proposal';
  readonly epoch: bigint;
  readonly sender: Sender;
  readonly proposal: Proposal;
  readonly ref: Uint8Array;
  readonly authenticatedData: Uint8Array;
}

/** Once it counts, the group is in the next epoch; or, when `removed`, this member is out of it. */
export interface ReceivedCommit {
  readonly kind: 'commit';
  /** That it ends. */
  readonly epoch: bigint;
  readonly removed: boolean;
  readonly effects: CommitEffects;
  readonly authenticatedData: Uint8Array;
  readonly digest: Uint8Array;
}

export interface ProcessOptions {
  /**
   * Asked before a proposal or commit of another counts, while the group is still as it was (`member(leaf)` of it gives
   * who proposed). False refuses it; what this throws passes through. In both cases nothing has changed.
   */
  readonly accept?: (candidate: ReceivedProposal | ReceivedCommit) => boolean;
}

/** ProposalRef, RFC 9420 §5.2. */
export function proposalRef(crypto: SuiteCrypto, content: AuthenticatedContent): Uint8Array {
  return crypto.refHash('MLS 1.0 Proposal Reference', encodeAuthenticatedContent(content));
}

/** What recognises a commit: SHA-2 of the whole message, in the suite's hash. */
export function messageDigest(crypto: SuiteCrypto, message: Uint8Array): Uint8Array {
  return crypto.hash(message);
}

/** Receives one MLSMessage. Nothing has changed when it throws. `message` must not change afterwards. */
export function receive(state: GroupState, message: Uint8Array, options: ProcessOptions): Processed {
  const digest = messageDigest(state.crypto, message);
  const pending = state.pending(digest);
  if (pending !== null) {
    state.planAdvance(pending.staged, statusAfter(pending))();
    return { kind: 'own_commit', digest };
  }
  const held = state.takeHeld(digest);
  if (held !== null) return ownProposal(held);
  const left = state.leftEpoch(digest);
  if (left !== null) {
    requireActive(state);
    state.planResume(left.id)();
    return { kind: 'resumed', digest };
  }
  const decoded = decodeMessage(message);
  if (decoded.kind !== 'public_message' && decoded.kind !== 'private_message') {
    throw new MlsError('wire_format', 'a message is not one to a group');
  }
  const header = decoded.kind === 'public_message' ? decoded.message.content.framed : decoded.message;
  const { context } = state.epoch;
  if (!sameBytes(header.groupId, context.groupId)) throw new MlsError('wrong_group', 'a message is to another group');
  if (header.epoch > context.epoch) throw new MlsError('future_epoch', 'a message is of an epoch to come');
  if (header.epoch < context.epoch) {
    if (decoded.kind === 'private_message' && decoded.message.contentKind === 'application') {
      return receiveLate(state, decoded.message);
    }
    throw new MlsError('past_epoch', 'a handshake message is of an epoch that is over');
  }
  return decoded.kind === 'public_message'
    ? receivePublic(state, decoded.message, { digest, ...options })
    : receivePrivate(state, decoded.message, { digest, ...options });
}

function ownProposal({ content, ref }: KeptProposal): Processed {
  const { content: inner, sender, epoch, authenticatedData } = content.framed;
  if (inner.kind !== 'proposal') throw new MlsError('internal', 'what was held is no proposal');
  return { kind: 'own_proposal', epoch, sender, proposal: inner.proposal, ref, authenticatedData };
}

interface Receiving extends ProcessOptions {
  readonly digest: Uint8Array;
}

function receivePublic(state: GroupState, message: PublicMessage, receiving: Receiving): Processed {
  requireActive(state);
  const { content } = message;
  const { sender } = content.framed;
  requireMembership(state.crypto, message, state.epoch.secrets.membership, state.epoch.contextBytes);
  if (sender.kind === 'member' && sender.leaf === state.epoch.ownLeaf) throw ownMessage();
  prepareFor(state, content.framed.content.kind, sender.kind === 'member' ? sender.leaf : undefined);
  verifyContent(state.crypto, verifierOf(state, content), content, state.epoch.contextBytes);
  return take(state, content, receiving, { consume: () => {}, discard: () => {} });
}

function receivePrivate(state: GroupState, message: PrivateMessage, receiving: Receiving): Processed {
  if (message.contentKind !== 'application') requireActive(state);
  const { crypto, epoch } = state;
  const opened = openFrom(crypto, message, {
    secretTree: state.secretTree,
    senderData: epoch.secrets.senderData,
    contextBytes: epoch.contextBytes,
    ownLeaf: epoch.ownLeaf,
    leaf: (leaf) => {
      prepareFor(state, message.contentKind, leaf);
      return state.leaf(leaf);
    },
  });
  return take(state, opened.content, receiving, opened);
}

function receiveLate(state: GroupState, message: PrivateMessage): Processed {
  const past = state.past(message.epoch);
  if (past === null) throw new MlsError('past_epoch', 'a message is of an epoch that is no longer kept');
  const { epoch, secretTree, leaf } = past;
  const { senderData, contextBytes, ownLeaf } = epoch;
  const opened = openFrom(state.crypto, message, { secretTree, senderData, contextBytes, ownLeaf, leaf });
  opened.consume();
  return application(opened.content, opened.sender);
}

function prepareFor(state: GroupState, kind: ContentKind, sender: number | undefined): void {
  const commit = kind === 'commit';
  state.prepare({ commit, ending: commit, ...(sender === undefined ? {} : { sender }) });
}

/** Decrypts and verifies; the key is used up only by `consume`. */
function openFrom(
  crypto: SuiteCrypto,
  message: PrivateMessage,
  from: {
    readonly secretTree: SecretTree;
    readonly senderData: Parameters<typeof openPrivate>[2]['senderDataSecret'];
    readonly contextBytes: Uint8Array;
    readonly ownLeaf: number;
    readonly leaf: (leaf: number) => LeafNode | null;
  },
): {
  readonly content: AuthenticatedContent;
  readonly sender: LeafNode;
  readonly consume: () => void;
  readonly discard: () => void;
} {
  let found: readonly LeafNode[] = [];
  const opened = openPrivate(crypto, message, {
    tree: from.secretTree,
    senderDataSecret: from.senderData,
    requireSender: (leaf) => {
      if (leaf === from.ownLeaf) throw ownMessage();
      const sender = from.leaf(leaf);
      if (sender === null) throw new MlsError('unknown_sender', 'a message is from no member of the group');
      found = [sender];
    },
  });
  try {
    const known = required(found[0] ?? null);
    verifyContent(crypto, known.verifier(crypto), opened.content, from.contextBytes);
    return {
      content: opened.content,
      sender: known,
      consume: () => {
        opened.consume();
      },
      discard: () => {
        opened.discard();
      },
    };
  } catch (error) {
    opened.discard();
    throw error;
  }
}

function take(state: GroupState, content: AuthenticatedContent, receiving: Receiving, key: UsedKey): Processed {
  const { content: inner, sender } = content.framed;
  if (inner.kind === 'application') {
    key.consume();
    if (sender.kind !== 'member') throw new MlsError('internal', 'application data is not from a member');
    return application(content, required(state.leaf(sender.leaf)));
  }
  try {
    if (inner.kind === 'proposal') {
      validateProposal(state, inner.proposal, sender);
      const ref = proposalRef(state.crypto, content);
      const { epoch, authenticatedData } = content.framed;
      const received = { kind: 'proposal', epoch, sender, proposal: inner.proposal, ref, authenticatedData } as const;
      requireAccepted(receiving, received);
      key.consume();
      state.addProposal({ content, ref, ownUpdate: null });
      return received;
    }
    return takeCommit(state, content, receiving, key);
  } catch (error) {
    key.discard();
    throw error;
  }
}

/** The key of a private message; nothing for a public one. */
interface UsedKey {
  readonly consume: () => void;
  readonly discard: () => void;
}

function requireAccepted({ accept }: ProcessOptions, candidate: ReceivedProposal | ReceivedCommit): void {
  if (accept?.(candidate) === false) throw new MlsError('refused', 'the caller refuses a proposal or commit');
}

function takeCommit(state: GroupState, content: AuthenticatedContent, receiving: Receiving, key: UsedKey): Processed {
  const { digest } = receiving;
  const current = state.current();
  const result = stageCommit(current, content, digest);
  const { effects } = result;
  const { epoch, authenticatedData } = content.framed;
  const removed = result.kind === 'removed';
  const received = { kind: 'commit', epoch, removed, effects, authenticatedData, digest } as const;
  let advance: () => void;
  try {
    requireAccepted(receiving, received);
    advance =
      result.kind === 'removed'
        ? () => {
            state.endMembership();
          }
        : state.planAdvance(result.staged, statusAfter(effects));
  } catch (error) {
    if (result.kind === 'staged') {
      const { keys } = result.staged;
      // The own leaf's key is the group's, also where the commit took an own update in.
      const own = keys.get(2 * current.epoch.ownLeaf);
      wipeStaged(result.staged, new Set([...current.keys.values(), ...(own === undefined ? [] : [own])]));
    }
    throw error;
  }
  key.consume();
  advance();
  return received;
}

export function statusAfter(effects: Pick<CommitEffects, 'reinit'>): GroupState['status'] {
  return effects.reinit === null ? { kind: 'active' } : { kind: 'reinitialised', reinit: effects.reinit };
}

function application(content: AuthenticatedContent, sender: LeafNode): Processed {
  const { framed } = content;
  if (framed.content.kind !== 'application' || framed.sender.kind !== 'member') {
    throw new MlsError('internal', 'not application data of a member');
  }
  return {
    kind: 'application',
    sender: framed.sender.leaf,
    credential: sender.credential,
    epoch: framed.epoch,
    data: framed.content.data,
    authenticatedData: framed.authenticatedData,
  };
}

/** A proposal by itself, RFC 9420 §12.1; with others it is judged in the commit. */
export function validateProposal(state: GroupState, proposal: Proposal, sender: Sender): void {
  const { crypto, around, epoch } = state;
  requireSenderMayPropose(sender, proposal.kind);
  if (state.proposals.refs.length >= around.policy.maxProposals) {
    throw new MlsError('too_large', 'an epoch has too many proposals');
  }
  switch (proposal.kind) {
    case 'add':
      validateKeyPackage(crypto, proposal.keyPackage, around);
      break;
    case 'update':
      if (sender.kind !== 'member') throw new MlsError('proposal_sender', 'an update is not from a member');
      validateLeaf(crypto, proposal.leafNode, {
        source: 'update',
        place: { groupId: epoch.context.groupId, leafIndex: sender.leaf },
        around,
      });
      break;
    case 'remove':
      if (state.leaf(proposal.leaf) === null) {
        throw new MlsError('unknown_member', 'a proposal is about no member of the group');
      }
      break;
    case 'psk':
      requireCommitPsk(crypto, proposal.psk);
      break;
    case 'reinit':
    case 'external_init':
    case 'group_context_extensions':
      break;
  }
}

/** The key that a public message must be signed with, RFC 9420 §6.1. */
function verifierOf(state: GroupState, content: AuthenticatedContent): ReturnType<SuiteCrypto['importVerifier']> {
  const { crypto, epoch } = state;
  const { sender, content: inner } = content.framed;
  if (inner.kind === 'commit' && (sender.kind === 'external' || sender.kind === 'new_member_proposal')) {
    throw new MlsError('commit_sender', 'a commit is from a sender that may only propose');
  }
  switch (sender.kind) {
    case 'member': {
      const leaf = state.leaf(sender.leaf);
      if (leaf === null) throw new MlsError('unknown_sender', 'a message is from no member of the group');
      return leaf.verifier(crypto);
    }
    case 'external': {
      const data = extensionOf(epoch.context.extensions, EXTENSION_TYPES.externalSenders);
      const external = data === null ? undefined : decodeWhole(data, readExternalSenders)[sender.index];
      if (external === undefined) {
        throw new MlsError('unknown_sender', 'a message is from an external sender that the group does not name');
      }
      if (!state.around.authentication.accepts(external.credential, external.signatureKey)) {
        throw new MlsError('credential', "the authentication service does not accept an external sender's credential");
      }
      return crypto.importVerifier(external.signatureKey);
    }
    case 'new_member_proposal':
      if (inner.kind !== 'proposal' || inner.proposal.kind !== 'add') {
        throw new MlsError('proposal_sender', 'a new member proposes something else than its own addition');
      }
      return inner.proposal.keyPackage.leafNode.verifier(crypto);
    case 'new_member_commit':
      if (inner.kind !== 'commit')
        throw new MlsError('commit_sender', 'a new member sends something else than its commit');
      if (inner.commit.path === null) throw new MlsError('path_missing', 'an external commit lacks its path');
      return inner.commit.path.leafNode.verifier(crypto);
  }
}

function requireActive(state: GroupState): void {
  if (state.status.kind !== 'active') throw new MlsError('group_closed', 'a group that is over takes no handshake');
}

function ownMessage(): MlsError {
  return new MlsError('own_message', 'a message is from this member itself');
}

function required<T>(value: T | null): T {
  if (value === null) throw new MlsError('internal', 'a sender was not looked up');
  return value;
}
