import type { Secret } from '@sotto/crypto';
import { NO_BYTES } from '../bytes.ts';
import { MlsError } from '../error.ts';
import { protectPrivate } from '../framing/private.ts';
import { protectPublic, signContent, withTag } from '../framing/public.ts';
import type { AuthenticatedContent, WireFormat } from '../messages/authenticated.ts';
import type { Content } from '../messages/content.ts';
import type { Extension } from '../messages/extension.ts';
import { signLeafNode } from '../messages/leaf-node.ts';
import type { LeafNodeFields } from '../messages/leaf-node.ts';
import { encodeMessage } from '../messages/message.ts';
import type { Proposal } from '../messages/proposal.ts';
import { exportSecret } from '../schedule/key-schedule.ts';
import { buildCommit, buildWithKept, makeGroupInfo } from './build-commit.ts';
import type { BuiltCommit, LeafChanges } from './build-commit.ts';
import { CommitBuilder } from './commit-builder.ts';
import type { CommitPlan, PendingCommit } from './commit-builder.ts';
import { memberOf } from './member.ts';
import type { Member } from './member.ts';
import type { Surroundings } from './options.ts';
import type { SentProposal } from './proposal-list.ts';
import { messageDigest, proposalRef, receive, statusAfter, validateProposal } from './receive.ts';
import type { Processed, ProcessOptions } from './receive.ts';
import type { RecordChange, RecordReader } from './records.ts';
import type { OwnUpdate } from './stage.ts';
import { isSameDigest } from './snapshots.ts';
import { sealingBy, sealingHere } from '../sealing.ts';
import type { Sealer, Sealing } from '../sealing.ts';
import { GroupState } from './state.ts';
import type { GroupStatus } from './state-records.ts';

/** An epoch that can be gone to by `resume`. */
export interface Snapshot {
  readonly epoch: bigint;
  /** Whether it led to the current epoch; else it was left by going back. */
  readonly isBehind: boolean;
  /** Of the commit that began it; null for the one that this member came in with. */
  readonly digest: Uint8Array | null;
  /** Unix ms. */
  readonly endedAt: number;
}

export interface EncryptOptions {
  /** Travels in the clear, authenticated. */
  readonly authenticatedData?: Uint8Array;
}

export interface ProposeOptions extends EncryptOptions {
  /** The proposal stands only once `process` has received its message back. */
  readonly held?: boolean;
}

/**
 * One member's view of a group. Every call is synchronous and either succeeds or changes nothing. After each, store
 * `takeChanges()` in one transaction before anything leaves; if that fails, throw the object away and `load` again.
 */
export class Group implements Disposable {
  readonly #state: GroupState;

  constructor(state: GroupState) {
    this.#state = state;
  }

  /** A stored group. Reads what one message needs, the rest when asked for. Throws `no_group`, `record`. */
  static load(around: Surroundings, reader: RecordReader): Group {
    return new Group(GroupState.load(around, reader));
  }

  get groupId(): Uint8Array {
    return this.#state.epoch.context.groupId;
  }

  get epoch(): bigint {
    return this.#state.epoch.context.epoch;
  }

  get cipherSuite(): number {
    return this.#state.crypto.suite.id;
  }

  get ownLeaf(): number {
    return this.#state.epoch.ownLeaf;
  }

  get status(): GroupStatus {
    return this.#state.status;
  }

  get extensions(): readonly Extension[] {
    return this.#state.epoch.context.extensions;
  }

  /** Digest of the commit that began this epoch; null for a group's first and for one joined by Welcome. */
  get commitDigest(): Uint8Array | null {
    return this.#state.epoch.commitDigest;
  }

  /** Equal for all members of an epoch and nobody else, RFC 9420 §8.7. A copy. */
  get epochAuthenticator(): Uint8Array {
    return this.#state.epoch.secrets.authenticator.reveal().slice();
  }

  /** In the order of leaves. */
  members(): Member[] {
    return [...this.#state.tree.leaves()].map(([leaf, node]) => memberOf(leaf, node));
  }

  /** Null for a blank leaf. */
  member(leaf: number): Member | null {
    const node = this.#state.leaf(leaf);
    return node === null ? null : memberOf(leaf, node);
  }

  /** Proposals received or made in this epoch. */
  proposals(): readonly SentProposal[] {
    return this.#state.proposals.all();
  }

  /** MLS-Exporter, RFC 9420 §8.5; `length` bytes. The secret is the caller's to dispose. */
  exportSecret(label: string, context: Uint8Array, length: number): Secret {
    return exportSecret(this.#state.crypto, this.#state.epoch.secrets.exporter, label, context, length);
  }

  /** A private message with application data. Throws `group_closed`. */
  encrypt(data: Uint8Array, options: EncryptOptions = {}): Uint8Array {
    this.#requireActive();
    this.#state.prepare({ sender: this.ownLeaf });
    return this.#protect(
      this.#sign({ kind: 'application', data }, options.authenticatedData ?? NO_BYTES, 'private_message'),
    );
  }

  /**
   * Receives a message to the group. A proposal or commit of another that is valid can be looked at by `options.accept`
   * before it counts: false throws `refused`. Throws `MlsError`; then nothing has changed, and keys are not used up.
   */
  process(message: Uint8Array, options: ProcessOptions = {}): Processed {
    return receive(this.#state, message.slice(), options);
  }

  /**
   * Proposes; the message is to be sent, and the proposal stands until the epoch ends. To leave, propose the own removal.
   * Throws what makes the proposal invalid, and `group_closed`.
   */
  propose(proposal: Proposal, options: ProposeOptions = {}): Uint8Array {
    return this.#propose(proposal, null, options);
  }

  /** Proposes a fresh key for the own leaf, and other changes to it. */
  proposeUpdate(changes: LeafChanges = {}, options: ProposeOptions = {}): Uint8Array {
    this.#requireActive();
    this.#state.prepare({ sender: this.ownLeaf });
    const { crypto, epoch } = this.#state;
    const leafKey = crypto.generateKey();
    const signer = changes.signer ?? epoch.signer;
    const fields = {
      ...this.#leafFields(changes),
      encryptionKey: leafKey.publicKey,
      source: { kind: 'update' },
    } as const;
    const place = { groupId: this.groupId, leafIndex: epoch.ownLeaf };
    const leafNode = signLeafNode(crypto, signer, fields, place);
    return this.#propose({ kind: 'update', leafNode }, { leafKey, signer }, options);
  }

  /** Begins a commit. Takes in all valid proposals of the epoch unless told otherwise. */
  commit(): CommitBuilder {
    this.#requireActive();
    const { crypto, around } = this.#state;
    return new CommitBuilder({
      crypto,
      around,
      create: (plan) => sealingHere(crypto, this.#creating(plan)),
      createBy: (sealer, plan) => this.#createBy(sealer, plan),
    });
  }

  /** Takes an own commit that was accepted; receiving it back by `process` does the same. Throws `unknown_commit`. */
  merge(digest: Uint8Array): void {
    const pending = this.#state.pending(digest);
    if (pending === null) throw new MlsError('unknown_commit', 'there is no such own commit');
    this.#state.planAdvance(pending.staged, statusAfter(pending))();
  }

  /** Forgets an own commit that was not accepted. Throws `unknown_commit`. */
  drop(digest: Uint8Array): void {
    if (!this.#state.dropPending(digest)) throw new MlsError('unknown_commit', 'there is no such own commit');
  }

  /** A GroupInfo message for joiners by external commit; it carries the external key, and the tree unless told not to. */
  groupInfo(options: { readonly ratchetTree?: boolean } = {}): Uint8Array {
    this.#requireActive();
    const { crypto, epoch, tree } = this.#state;
    const groupInfo = makeGroupInfo(crypto, epoch, tree, {
      ratchetTree: options.ratchetTree ?? true,
      externalPub: true,
    });
    return encodeMessage({ kind: 'group_info', groupInfo });
  }

  /** The ratchet_tree extension's content, for a Welcome or GroupInfo without it. */
  ratchetTree(): Uint8Array {
    return this.#state.tree.encode();
  }

  /** The resumption key of this or a kept past epoch, RFC 9420 §8.6; a copy. Null when it is not kept. */
  resumptionPsk(epoch: bigint = this.epoch): Secret | null {
    const secret = this.#state.resumption(this.groupId, epoch);
    return secret === null ? null : secret.slice(0, secret.length);
  }

  /** Epochs that can be gone to, in the order they were left (`policy.snapshots`). */
  snapshots(): readonly Snapshot[] {
    const behind = this.#state.trunk;
    return this.#state.snapshots.map(({ id, epoch, digest, endedAt }) => ({
      epoch,
      digest,
      endedAt,
      isBehind: behind.has(id),
    }));
  }

  /**
   * Goes to the epoch that the commit of this digest began (null: the one that this member came in with): back, to take
   * another commit than was taken, or forward again to what was left that way, as it was. Keys that were used up stay so.
   * Proposals and pending commits of the epoch are forgotten. Throws `no_snapshot`.
   */
  resume(digest: Uint8Array | null): void {
    const { policy } = this.#state.around;
    if (this.status.kind === 'removed' && policy.snapshots > 0 && isSameDigest(this.commitDigest, digest)) {
      this.#state.resumeMembership();
      return;
    }
    const entry = this.#state.snapshotOf(digest);
    if (entry === null) throw new MlsError('no_snapshot', 'that epoch is not kept');
    this.#state.planResume(entry.id)();
  }

  /** Forgets all snapshots: the current epoch is settled. */
  dropSnapshots(): void {
    this.#state.dropSnapshots();
  }

  /** Numbers of the epochs whose late messages can still be read, oldest first. */
  pastEpochs(): bigint[] {
    return this.#state.pastEpochs;
  }

  /** Forgets past epochs and snapshots that are too old; call now and then when nothing is received. */
  expire(): void {
    this.#state.expire();
  }

  /** Deletes all records of the group, with the next `takeChanges`; nothing else can be done with it then. */
  delete(): void {
    this.#state.planDelete()();
  }

  /**
   * What is to be stored since the last call, in one transaction; then overwrite the bytes. A group of which nothing was
   * ever stored gives all its records the first time.
   */
  takeChanges(): RecordChange[] {
    return this.#state.takeChanges();
  }

  /** Wipes what is in memory. */
  [Symbol.dispose](): void {
    this.#state.dispose();
  }

  #propose(proposal: Proposal, ownUpdate: OwnUpdate | null, options: ProposeOptions): Uint8Array {
    this.#requireActive();
    const sender = { kind: 'member', leaf: this.ownLeaf } as const;
    this.#state.prepare({ sender: this.ownLeaf });
    validateProposal(this.#state, proposal, sender);
    const { policy } = this.#state.around;
    const content = this.#sign(
      { kind: 'proposal', proposal },
      options.authenticatedData ?? NO_BYTES,
      policy.handshakes,
    );
    const message = this.#protect(content);
    const { crypto } = this.#state;
    const kept = { content, ref: proposalRef(crypto, content), ownUpdate };
    if (options.held === true) this.#state.holdProposal(messageDigest(crypto, message), kept);
    else this.#state.addProposal(kept);
    return message;
  }

  async #createBy(sealer: Sealer, plan: CommitPlan): Promise<PendingCommit> {
    const { id } = this.#state.epoch;
    return sealingBy(sealer, this.#creating(plan), () => {
      if (this.#state.epoch.id === id && this.#state.status.kind === 'active') return;
      throw new MlsError('overtaken', 'the group went on while a commit was made');
    });
  }

  *#creating(plan: CommitPlan): Sealing<PendingCommit> {
    this.#requireActive();
    const { crypto, epoch, around } = this.#state;
    this.#state.prepare({ sender: epoch.ownLeaf, commit: true });
    const current = this.#state.current();
    const committer = { kind: 'member', leaf: epoch.ownLeaf } as const;
    const own = plan.proposals.map((proposal) => ({ proposal, sender: committer, ref: null }));
    const kept = plan.includeProposals ? this.#committable() : [];
    const build = (proposals: readonly SentProposal[]): Sealing<BuiltCommit> =>
      buildCommit(
        current,
        {
          proposals,
          committer,
          leafFields: this.#leafFields(plan.leaf ?? {}),
          leafSigner: plan.leaf?.signer ?? epoch.signer,
          signer: epoch.signer,
          forcePath: plan.leaf !== null,
          authenticatedData: plan.authenticatedData,
          wireFormat: plan.wireFormat ?? around.policy.handshakes,
          initSecret: null,
          successor: plan.successor,
        },
        { ratchetTree: plan.ratchetTree, externalPub: plan.externalPub, groupInfo: plan.groupInfo },
      );
    const built = yield* buildWithKept(build, current, committer, own, kept);
    const message = this.#protect(built.content);
    const digest = messageDigest(crypto, message);
    const staged = { ...built.staged, epoch: { ...built.staged.epoch, commitDigest: digest } };
    this.#state.addPending(digest, { staged, reinit: built.effects.reinit });
    return {
      digest,
      message,
      welcome: built.welcome === null ? null : encodeMessage({ kind: 'welcome', welcome: built.welcome }),
      groupInfo: built.groupInfo === null ? null : encodeMessage({ kind: 'group_info', groupInfo: built.groupInfo }),
      effects: built.effects,
    };
  }

  /** Proposals that an own commit may take in: not the own update or removal. Removals first. */
  #committable(): SentProposal[] {
    const own = this.ownLeaf;
    const all = this.#state.proposals.all().filter(({ proposal, sender }) => {
      if (proposal.kind === 'update') return sender.kind === 'member' && sender.leaf !== own;
      return !(proposal.kind === 'remove' && proposal.leaf === own);
    });
    return [
      ...all.filter(({ proposal }) => proposal.kind === 'remove'),
      ...all.filter(({ proposal }) => proposal.kind !== 'remove'),
    ];
  }

  #leafFields(changes: LeafChanges): Omit<LeafNodeFields, 'encryptionKey' | 'source'> {
    const leaf = this.#state.leaf(this.ownLeaf);
    if (leaf === null) throw new MlsError('internal', 'the own leaf is blank');
    const { credential, capabilities, extensions, signatureKey } = leaf.fields;
    return {
      credential: changes.credential ?? credential,
      capabilities: changes.capabilities ?? capabilities,
      extensions: changes.extensions ?? extensions,
      signatureKey: changes.signer?.publicKey ?? signatureKey,
    };
  }

  #sign(content: Content, authenticatedData: Uint8Array, wireFormat: WireFormat): AuthenticatedContent {
    const { crypto, epoch } = this.#state;
    const framed = {
      groupId: epoch.context.groupId,
      epoch: epoch.context.epoch,
      sender: { kind: 'member', leaf: epoch.ownLeaf },
      authenticatedData,
      content,
    } as const;
    return withTag(signContent(crypto, epoch.signer, wireFormat, framed, epoch.contextBytes), null);
  }

  #protect(content: AuthenticatedContent): Uint8Array {
    const { crypto, epoch, around } = this.#state;
    if (content.wireFormat === 'public_message') {
      const message = protectPublic(crypto, content, epoch.secrets.membership, epoch.contextBytes);
      return encodeMessage({ kind: 'public_message', message });
    }
    const message = protectPrivate(crypto, content, {
      leaf: epoch.ownLeaf,
      tree: this.#state.secretTree,
      senderDataSecret: epoch.secrets.senderData,
      padding: around.policy.padding,
    });
    return encodeMessage({ kind: 'private_message', message });
  }

  #requireActive(): void {
    if (this.#state.status.kind !== 'active') throw new MlsError('group_closed', 'the group is over for this member');
  }
}
