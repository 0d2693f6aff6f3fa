import { keyOf } from '../bytes.ts';
import { encode } from '../codec/writer.ts';
import { MlsError } from '../error.ts';
import type { ProposalOrRef } from '../messages/commit.ts';
import type { Sender } from '../messages/content.ts';
import { MLS10 } from '../messages/key-package.ts';
import type { Proposal, ProposalKind } from '../messages/proposal.ts';
import { writePskId } from '../messages/psk.ts';
import type { PskId } from '../messages/psk.ts';
import { CIPHER_SUITES } from '../cipher-suites.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { RatchetTree } from '../tree/ratchet-tree.ts';

/** A proposal with who made it: the committer for those by value. */
export interface SentProposal {
  readonly proposal: Proposal;
  readonly sender: Sender;
  /** Of one sent before the commit; null for one by value. */
  readonly ref: Uint8Array | null;
}

export type Committer =
  | { readonly kind: 'member'; readonly leaf: number }
  /** Its leaf is known only when the proposals are applied. */
  | { readonly kind: 'new_member_commit' };

/** Proposal types that make a path necessary, RFC 9420 §17.4. */
const NEEDS_PATH: ReadonlySet<ProposalKind> = new Set([
  'update',
  'remove',
  'external_init',
  'group_context_extensions',
]);

/** RFC 9420 §12.4. */
export function needsPath(proposals: readonly SentProposal[]): boolean {
  return proposals.length === 0 || proposals.some(({ proposal }) => NEEDS_PATH.has(proposal.kind));
}

/** What each kind of sender may propose, RFC 9420 §12.1.8 and §17.4. Throws `proposal_sender`. */
export function requireSenderMayPropose(sender: Sender, kind: ProposalKind): void {
  if (!MAY_PROPOSE[sender.kind].has(kind)) {
    throw new MlsError('proposal_sender', 'a sender made a proposal that is not open to it');
  }
}

const MAY_PROPOSE: { readonly [Kind in Sender['kind']]: ReadonlySet<ProposalKind> } = {
  member: new Set(['add', 'update', 'remove', 'psk', 'reinit', 'group_context_extensions']),
  external: new Set(['add', 'remove', 'psk', 'reinit', 'group_context_extensions']),
  new_member_proposal: new Set(['add']),
  new_member_commit: new Set(['external_init', 'remove', 'psk']),
};

/** Puts what references stand for in their place. Throws `unknown_proposal`. */
export function resolveProposals(
  items: readonly ProposalOrRef[],
  committer: Committer,
  known: (ref: Uint8Array) => SentProposal | null,
): SentProposal[] {
  return items.map((item) => {
    if (item.kind === 'proposal') return { proposal: item.proposal, sender: committer, ref: null };
    if (committer.kind === 'new_member_commit') {
      throw new MlsError('external_commit', 'an external commit refers to a proposal');
    }
    const sent = known(item.ref);
    if (sent === null) throw new MlsError('unknown_proposal', 'a commit refers to a proposal that is not known');
    return sent;
  });
}

/**
 * RFC 9420 §12.2: whether these proposals may stand in one commit. What a proposal asks by itself (leaves, keys,
 * capabilities) is checked as it is applied. `successor` is for the maker of the commit that begins a group which
 * follows another: nobody else ever sees that commit.
 */
export function validateProposalList(
  crypto: SuiteCrypto,
  proposals: readonly SentProposal[],
  committer: Committer,
  tree: RatchetTree,
  successor: 'reinit' | 'branch' | null = null,
): void {
  for (const { proposal, sender } of proposals) requireSenderMayPropose(sender, proposal.kind);
  if (committer.kind === 'new_member_commit') validateExternal(proposals);
  else validateOwn(proposals, committer.leaf);
  requireOnce(proposals, 'reinit');
  requireOnce(proposals, 'group_context_extensions');
  if (proposals.length > 1 && proposals.some(({ proposal }) => proposal.kind === 'reinit')) {
    throw new MlsError('reinit_alone', 'a re-init stands beside other proposals');
  }
  const touched = new Set<number>();
  for (const { proposal, sender } of proposals) {
    const leaf = proposal.kind === 'remove' ? proposal.leaf : proposal.kind === 'update' ? updatedLeaf(sender) : null;
    if (leaf === null) continue;
    if (tree.leaf(leaf) === null) throw new MlsError('unknown_member', 'a proposal is about no member of the group');
    if (touched.has(leaf)) throw new MlsError('same_leaf_twice', 'two proposals are about the same member');
    touched.add(leaf);
  }
  const psks = proposals.flatMap(({ proposal }) => (proposal.kind === 'psk' ? [proposal.psk] : []));
  for (const psk of psks) requireCommitPsk(crypto, psk, successor);
  requireDistinctPsks(psks);
  for (const { proposal } of proposals) if (proposal.kind === 'reinit') requireReinit(proposal);
}

/** RFC 9420 §12.1.4: what a PSK proposal may name. Throws `psk_nonce`, `psk_usage`. */
export function requireCommitPsk(crypto: SuiteCrypto, psk: PskId, successor: 'reinit' | 'branch' | null = null): void {
  requireNonce(crypto, psk);
  if (psk.kind === 'resumption' && psk.usage !== 'application' && psk.usage !== successor) {
    throw new MlsError('psk_usage', 'a commit names a resumption key that is for another use');
  }
}

/** Throws `psk_nonce` unless the nonce has KDF.Nh bytes, RFC 9420 §8.4. */
export function requireNonce(crypto: SuiteCrypto, psk: PskId): void {
  if (psk.nonce.length !== crypto.hashSize) throw new MlsError('psk_nonce', 'the nonce of a PSK has a wrong length');
}

/** Throws `duplicate_psk`. */
export function requireDistinctPsks(psks: readonly PskId[]): void {
  const ids = new Set(psks.map((psk) => keyOf(encode(psk, writePskId))));
  if (ids.size < psks.length) throw new MlsError('duplicate_psk', 'a PSK is named twice');
}

/** RFC 9420 §12.1.5. Throws `reinit_version`, `unsupported_suite`. */
function requireReinit(proposal: Extract<Proposal, { kind: 'reinit' }>): void {
  if (proposal.version < MLS10) throw new MlsError('reinit_version', 'a re-init goes back to an older version');
  if (proposal.version === MLS10 && !CIPHER_SUITES.has(proposal.cipherSuite)) {
    throw new MlsError('unsupported_suite', 'a re-init asks for a cipher suite that is not offered');
  }
}

function validateOwn(proposals: readonly SentProposal[], committer: number): void {
  for (const { proposal, sender } of proposals) {
    if (proposal.kind === 'update' && updatedLeaf(sender) === committer) {
      throw new MlsError('own_update', 'a committer commits its own update');
    }
    if (proposal.kind === 'remove' && proposal.leaf === committer) {
      throw new MlsError('own_removal', 'a committer removes itself');
    }
  }
}

/** RFC 9420 §12.2 and §12.4.3.2; which kinds may come is in MAY_PROPOSE. */
function validateExternal(proposals: readonly SentProposal[]): void {
  const inits = proposals.filter(({ proposal }) => proposal.kind === 'external_init');
  const removes = proposals.filter(({ proposal }) => proposal.kind === 'remove');
  if (inits.length !== 1 || removes.length > 1) {
    throw new MlsError('external_commit', 'an external commit needs one external init and at most one removal');
  }
}

function requireOnce(proposals: readonly SentProposal[], kind: ProposalKind): void {
  if (proposals.filter(({ proposal }) => proposal.kind === kind).length > 1) {
    throw new MlsError('duplicate_proposal', 'a proposal comes twice that may come once');
  }
}

/** An update is about its sender's leaf. */
export function updatedLeaf(sender: Sender): number {
  if (sender.kind !== 'member') throw new MlsError('proposal_sender', 'an update is not from a member');
  return sender.leaf;
}
