import { decodeWhole } from '../codec/reader.ts';
import { MlsError } from '../error.ts';
import { sameBytes } from '../bytes.ts';
import { openPrivate } from '../framing/private.ts';
import { requireMembership, verifyContent } from '../framing/public.ts';
import { encodeAuthenticatedContent } from '../messages/authenticated.ts';
import type { AuthenticatedContent } from '../messages/authenticated.ts';
import type { Sender } from '../messages/content.ts';
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
import { stageCommit } from './stage.ts';
import type { CommitEffects } from './stage.ts';
import type { GroupState } from './state.ts';

/** What a received message was. `leaf` numbers are of the message's epoch. */
export type Processed =
  | {
      readonly kind: 'application';
      readonly sender: number;
      readonly credential: Credential;
      readonly epoch: bigint;
      readonly data: Uint8Array;
      readonly authenticatedData: Uint8Array;
    }
  /** Kept until the epoch ends: commits may refer to it. */
  | {
      readonly kind: 'proposal';
      readonly sender: Sender;
      readonly proposal: Proposal;
      readonly ref: Uint8Array;
      readonly authenticatedData: Uint8Array;
    }
  /** The group is in the next epoch; or, when `removed`, this member is out of it. */
  | {
      readonly kind: 'commit';
      readonly own: boolean;
      readonly removed: boolean;
      /** Null for an own commit, whose maker knows. */
      readonly effects: CommitEffects | null;
      readonly authenticatedData: Uint8Array;
      readonly digest: Uint8Array;
    };

/** ProposalRef, RFC 9420 §5.2. */
export function proposalRef(crypto: SuiteCrypto, content: AuthenticatedContent): Uint8Array {
  return crypto.refHash('MLS 1.0 Proposal Reference', encodeAuthenticatedContent(content));
}

/** What recognises a commit: SHA-2 of the whole message, in the suite's hash. */
export function messageDigest(crypto: SuiteCrypto, message: Uint8Array): Uint8Array {
  return crypto.hash(message);
}

/** Receives one MLSMessage. Nothing has changed when it throws. `message` must not change afterwards. */
export function receive(state: GroupState, message: Uint8Array): Processed {
  const digest = messageDigest(state.crypto, message);
  const pending = state.pending(digest);
  if (pending !== null) {
    const { reinit } = pending;
    state.advance(pending.staged, reinit === null ? { kind: 'active' } : { kind: 'reinitialised', reinit });
    return {
      kind: 'commit',
      own: true,
      removed: false,
      effects: null,
      authenticatedData: new Uint8Array(0),
      digest,
    };
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
    ? receivePublic(state, decoded.message, digest)
    : receivePrivate(state, decoded.message, digest);
}

function receivePublic(state: GroupState, message: PublicMessage, digest: Uint8Array): Processed {
  requireActive(state);
  const { content } = message;
  const { sender } = content.framed;
  requireMembership(state.crypto, message, state.epoch.secrets.membership, state.epoch.contextBytes);
  if (sender.kind === 'member' && sender.leaf === state.epoch.ownLeaf) throw ownMessage();
  verifyContent(state.crypto, verifierOf(state, content), content, state.epoch.contextBytes);
  return take(state, content, digest, () => {});
}

function receivePrivate(state: GroupState, message: PrivateMessage, digest: Uint8Array): Processed {
  if (message.contentKind !== 'application') requireActive(state);
  const { crypto, epoch } = state;
  const opened = openFrom(crypto, message, {
    secretTree: state.secretTree,
    senderData: epoch.secrets.senderData,
    contextBytes: epoch.contextBytes,
    ownLeaf: epoch.ownLeaf,
    leaf: (leaf) => state.leaf(leaf),
  });
  return take(state, opened.content, digest, opened.consume, opened.discard);
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

function take(
  state: GroupState,
  content: AuthenticatedContent,
  digest: Uint8Array,
  consume: () => void,
  discard: () => void = () => {},
): Processed {
  const { content: inner, sender } = content.framed;
  if (inner.kind === 'application') {
    consume();
    if (sender.kind !== 'member') throw new MlsError('internal', 'application data is not from a member');
    return application(content, required(state.leaf(sender.leaf)));
  }
  try {
    if (inner.kind === 'proposal') {
      validateProposal(state, inner.proposal, sender);
      const ref = proposalRef(state.crypto, content);
      consume();
      state.addProposal(content, ref, null);
      return {
        kind: 'proposal',
        sender,
        proposal: inner.proposal,
        ref,
        authenticatedData: content.framed.authenticatedData,
      };
    }
    return takeCommit(state, content, digest, consume);
  } catch (error) {
    discard();
    throw error;
  }
}

function takeCommit(
  state: GroupState,
  content: AuthenticatedContent,
  digest: Uint8Array,
  consume: () => void,
): Processed {
  const result = stageCommit(state.current(), content, digest);
  const { effects } = result;
  consume();
  if (result.kind === 'removed') state.endMembership();
  else state.advance(result.staged, statusAfter(effects));
  return {
    kind: 'commit',
    own: false,
    removed: result.kind === 'removed',
    effects,
    authenticatedData: content.framed.authenticatedData,
    digest,
  };
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
  if (state.proposalCount >= around.policy.maxProposals) {
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
  switch (sender.kind) {
    case 'member': {
      const leaf = state.leaf(sender.leaf);
      if (leaf === null) throw new MlsError('unknown_sender', 'a message is from no member of the group');
      return leaf.verifier(crypto);
    }
    case 'external': {
      const data = extensionOf(epoch.context.extensions, EXTENSION_TYPES.externalSenders);
      const external = data === null ? undefined : decodeWhole(data, readExternalSenders)[sender.index];
      if (external === undefined || inner.kind !== 'proposal') {
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
      if (inner.kind !== 'commit') throw new MlsError('commit_sender', 'a new member sends no commit');
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
