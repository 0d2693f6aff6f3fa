import type { Secret } from '@sotto/crypto';
import { sameBytes } from '../bytes.ts';
import { CIPHER_SUITES } from '../cipher-suites.ts';
import { MlsError } from '../error.ts';
import type { LeafNode } from '../messages/leaf-node.ts';
import { wipeEpochSecrets } from '../schedule/key-schedule.ts';
import { SecretTree } from '../schedule/secret-tree.ts';
import { SuiteCrypto } from '../suite.ts';
import { root } from '../tree/math.ts';
import type { RatchetTree } from '../tree/ratchet-tree.ts';
import type { PathKeys } from '../tree/treekem.ts';
import { encodeEpoch, encodeKeys, readEpoch, readKeys } from './epoch.ts';
import type { Epoch, PastEpoch } from './epoch.ts';
import { HeldProposals } from './held-proposals.ts';
import { History } from './history.ts';
import type { LeftEpoch } from './history.ts';
import { KeptProposals } from './kept-proposals.ts';
import type { Surroundings } from './options.ts';
import { PendingCommits } from './pending-commits.ts';
import { Records } from './records.ts';
import type { RecordChange, RecordReader } from './records.ts';
import { trunkOf } from './snapshots.ts';
import type { HeldEpoch } from './snapshots.ts';
import { wipeStaged } from './stage.ts';
import type { Current, Staged } from './stage.ts';
import { encodeIndex, readIndex } from './state-records.ts';
import type { GroupIndex, GroupStatus, KeptProposal, PastEntry, PendingEpoch, SnapshotEntry } from './state-records.ts';
import { TreeRecords } from './tree-records.ts';

/** What a call is about to read. */
interface Reading {
  /** Whose message comes or goes. */
  readonly sender?: number;
  /** Everything a commit is worked out from. */
  readonly commit?: boolean;
  /** What goes when the epoch ends. */
  readonly ending?: boolean;
  /** An own commit. */
  readonly pending?: Uint8Array;
}

/**
 * A member's state: records, and what of them is in memory. Everything but the current epoch and an index is read when
 * it is asked for. A `plan…` reads all it takes and changes nothing until the function that it returns is called.
 */
export class GroupState {
  readonly crypto: SuiteCrypto;
  readonly around: Surroundings;
  readonly #records: Records;
  readonly #nodes: TreeRecords;
  readonly #history: History;
  readonly #proposals: KeptProposals;
  readonly #held: HeldProposals;
  readonly #pending: PendingCommits;
  #epoch: Epoch;
  /** The epoch before, if this member was in it. */
  #parent: string | null;
  #status: GroupStatus;
  #keys: PathKeys | null = null;

  private constructor(
    index: Omit<GroupIndex, 'cipherSuite'>,
    parts: {
      readonly crypto: SuiteCrypto;
      readonly around: Surroundings;
      readonly records: Records;
      readonly epoch: Epoch;
    },
  ) {
    const { crypto, records } = parts;
    this.crypto = crypto;
    this.around = parts.around;
    this.#records = records;
    this.#epoch = parts.epoch;
    this.#parent = index.parent;
    this.#status = index.status;
    const { treeHash } = parts.epoch.context;
    this.#nodes = new TreeRecords(crypto, records, { count: index.nodeCount, treeHash, cache: this.around.trees });
    this.#history = new History(crypto, records, index, this.around);
    this.#proposals = new KeptProposals(crypto, records, index.proposalRefs);
    this.#held = new HeldProposals(crypto, records, index.heldDigests);
    this.#pending = new PendingCommits(crypto, records, index.pendingDigests);
  }

  /** A group's first state here: every record is new. */
  static begin(crypto: SuiteCrypto, around: Surroundings, staged: Staged): GroupState {
    const index = {
      parent: null,
      nodeCount: 0,
      status: { kind: 'active' },
      past: [],
      snapshots: [],
      proposalRefs: [],
      pendingDigests: [],
      heldDigests: [],
    } as const;
    const state = new GroupState(index, { crypto, around, records: new Records(), epoch: staged.epoch });
    state.#begin(staged, null);
    return state;
  }

  /** Reads what a single message needs; the rest when it is asked for. Throws `no_group`, `record`. */
  static load(around: Surroundings, reader: RecordReader): GroupState {
    const records = new Records(reader);
    records.prepare(['group', 'epoch']);
    const index = records.find('group', readIndex);
    if (index === null) throw new MlsError('no_group', 'there is no stored group');
    const suite = CIPHER_SUITES.get(index.cipherSuite);
    if (suite === undefined) throw new MlsError('unsupported_suite', 'a stored group has a suite that is not offered');
    const crypto = new SuiteCrypto(around.provider, suite);
    const epoch = records.get('epoch', (inner) => readEpoch(crypto, inner));
    return new GroupState(index, { crypto, around, records, epoch });
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  get status(): GroupStatus {
    return this.#status;
  }

  get secretTree(): SecretTree {
    const { id, width } = this.#epoch;
    return new SecretTree(this.crypto, width, this.#history.stores.of(id), this.around.policy);
  }

  /** Reads every node when it is not in memory. */
  get tree(): RatchetTree {
    return this.#nodes.tree;
  }

  get keys(): PathKeys {
    this.#keys ??= this.#records.get('keys', (inner) => readKeys(this.crypto, inner));
    return this.#keys;
  }

  /** A member's leaf; reads one record when the tree is not in memory. */
  leaf(leaf: number): LeafNode | null {
    return this.#nodes.leaf(leaf);
  }

  /** Says what comes next, so that a reader that has only some records is asked for the others at once. */
  prepare({ sender, commit = false, ending = false, pending }: Reading): void {
    const { id, width } = this.#epoch;
    const names: string[] = [];
    if (sender !== undefined) {
      names.push(...this.#history.stores.of(id).namesFor(sender, width), ...this.#nodes.leafNames(sender));
    }
    if (commit || ending) names.push(...this.#nodes.names(), ...(this.#keys === null ? ['keys'] : []));
    if (commit) names.push(...this.#proposals.names());
    if (pending !== undefined) names.push(...this.#pending.names(pending));
    if (ending) names.push(...this.#history.namesOfEnding(this.#ended()));
    this.#records.prepare([...new Set(names)]);
  }

  /** What staging the next epoch works from. */
  current(): Current {
    return {
      crypto: this.crypto,
      around: this.around,
      epoch: this.#epoch,
      tree: this.tree,
      keys: this.keys,
      proposal: (ref) => this.#proposals.find(ref),
      updateKey: (encryptionKey) => this.#proposals.ownUpdate(encryptionKey),
      resumption: (groupId, epoch) => this.resumption(groupId, epoch),
    };
  }

  /** Proposals of this epoch; `add` through `addProposal`. */
  get proposals(): Pick<KeptProposals, 'all' | 'refs'> {
    return this.#proposals;
  }

  addProposal(kept: KeptProposal): void {
    if (this.#proposals.add(kept)) this.#markIndex();
  }

  /** An own proposal that stands once its message is received. */
  holdProposal(digest: Uint8Array, kept: KeptProposal): void {
    this.#held.add(digest, kept);
    this.#markIndex();
  }

  /** Lets an own proposal stand from here on; null when there is none of that digest. */
  takeHeld(digest: Uint8Array): KeptProposal | null {
    const kept = this.#held.take(digest);
    if (kept !== null) {
      this.#proposals.add(kept);
      this.#markIndex();
    }
    return kept;
  }

  addPending(digest: Uint8Array, pending: PendingEpoch): void {
    this.#pending.add(digest, pending, this.tree);
    this.#markIndex();
  }

  /** Null when there is no such commit. */
  pending(digest: Uint8Array): PendingEpoch | null {
    if (!this.#pending.has(digest)) return null;
    this.prepare({ ending: true, pending: digest });
    return this.#pending.get(digest, this.tree);
  }

  /** False when there is no such commit. */
  dropPending(digest: Uint8Array): boolean {
    if (!this.#pending.has(digest)) return false;
    this.#pending.drop(digest, new Set(this.#keys?.values() ?? []));
    this.#markIndex();
    return true;
  }

  /** Goes on to the next epoch; the current one becomes a past one. */
  planAdvance(staged: Staged, status: GroupStatus): () => void {
    // The same content in another message: its epoch was taken before, and its keys must not be fresh again.
    if (this.#history.snapshots.find(staged.epoch.id) !== null) {
      const back = this.planResume(staged.epoch.id);
      return () => {
        wipeStaged(staged, new Set(this.#keys?.values() ?? []));
        back();
      };
    }
    const old = this.#left();
    const advance = this.#history.planAdvance(old, staged);
    return () => {
      this.#clear(staged, old);
      advance();
      this.#parent = old.entry.id;
      this.#status = status;
      this.#begin(staged, old.held.tree);
    };
  }

  get pastEpochs(): bigint[] {
    return this.#history.past.entries.map(({ epoch }) => epoch);
  }

  /** Epochs that can be gone to, in the order they were left. */
  get snapshots(): readonly SnapshotEntry[] {
    return this.#history.snapshots.entries;
  }

  /** Ids of those that led to the current epoch. */
  get trunk(): ReadonlySet<string> {
    return trunkOf(this.snapshots, this.#parent);
  }

  /** The kept epoch that the commit of this digest began; null when it is not kept, or too old. */
  snapshotOf(digest: Uint8Array | null): SnapshotEntry | null {
    const entry = this.#history.snapshots.ofCommit(digest);
    return entry !== null && this.#history.isFresh(entry) ? entry : null;
  }

  /** A kept epoch that follows the current one and was left, by the digest of its commit. */
  leftEpoch(digest: Uint8Array): SnapshotEntry | null {
    const entry = this.snapshotOf(digest);
    return entry?.parent === this.#epoch.id ? entry : null;
  }

  /** Takes an own removal back: the commit that removed this member is not to count. */
  resumeMembership(): void {
    this.#status = { kind: 'active' };
    this.#markIndex();
  }

  /** Goes to a kept epoch, which takes the place of the current one. Throws `no_snapshot`. */
  planResume(id: string): () => void {
    this.prepare({ commit: true, ending: true });
    this.#records.prepare(this.#history.snapshots.names());
    const left = this.#left();
    const { target, entry, apply } = this.#history.planResume(id, left);
    return () => {
      this.#clear(target, left);
      apply();
      this.#parent = entry.parent;
      this.#status = entry.status;
      this.#take(target, left.held.tree);
    };
  }

  /** Forgets all snapshots: the epoch they led to is settled. */
  dropSnapshots(): void {
    this.#forget(this.#history.planDropSnapshots(this.#epoch, new Set(this.#keys?.values() ?? [])));
  }

  /** Ends a membership: the epoch can still read what is late, and nothing follows. */
  endMembership(): void {
    const inUse = new Set(this.#keys?.values() ?? []);
    this.#proposals.clear(inUse);
    this.#held.clear(inUse);
    this.#pending.clear(null, inUse);
    this.#status = { kind: 'removed' };
    this.#markIndex();
  }

  /** Deletes every record. */
  planDelete(): () => void {
    const forget = this.#history.planDelete(this.#epoch);
    return () => {
      this.#proposals.clear(new Set());
      this.#held.clear(new Set());
      this.#pending.clear(null, new Set());
      forget();
      this.#nodes.delete();
      for (const name of ['group', 'epoch', 'keys']) this.#records.delete(name);
    };
  }

  /** Forgets past epochs and snapshots by the policy's count and age. */
  expire(): void {
    this.#forget(this.#history.planExpire(this.#epoch, this.#parent, new Set(this.#keys?.values() ?? [])));
  }

  /** A past epoch with its secret tree and the leaf of a sender then; null when it is not kept. */
  past(epoch: bigint): PastView | null {
    const found = this.#history.past.find(epoch, (leaf) => this.leaf(leaf));
    if (found === null || !this.#history.isReadable(found.entry)) return null;
    const { width } = found.epoch;
    const store = this.#history.stores.of(found.entry.id);
    return {
      epoch: found.epoch,
      secretTree: new SecretTree(this.crypto, width, store, this.around.policy),
      leaf: (sender) => {
        this.#records.prepare([...store.namesFor(sender, width), ...this.#nodes.leafNames(sender)]);
        return found.leaf(sender);
      },
    };
  }

  /** The own resumption key of this or a past epoch, RFC 9420 §8.6. */
  resumption(groupId: Uint8Array, epoch: bigint): Secret | null {
    if (!sameBytes(groupId, this.#epoch.context.groupId)) return null;
    return epoch === this.#epoch.context.epoch ? this.#epoch.secrets.resumption : this.#history.past.resumption(epoch);
  }

  takeChanges(): RecordChange[] {
    return this.#records.take();
  }

  /** Wipes every secret in memory; the records stay. */
  dispose(): void {
    this.#pending.wipe(null, new Set());
    wipeEpochSecrets(this.#epoch.secrets);
    this.#epoch.signer[Symbol.dispose]();
    for (const key of this.#keys?.values() ?? []) key[Symbol.dispose]();
    this.#history[Symbol.dispose]();
  }

  #begin(staged: Staged, base: RatchetTree | null): void {
    this.#history.stores.begin(staged.epoch.id).setNode(root(staged.tree.width), staged.encryption);
    this.#take(staged, base);
  }

  /** Makes an epoch the current one; `base` is the tree that is stored. */
  #take({ epoch, tree, keys }: HeldEpoch, base: RatchetTree | null): void {
    this.#epoch = epoch;
    this.#keys = keys;
    this.#nodes.replace(tree, base);
    this.#records.mark('epoch', () => encodeEpoch(this.#epoch));
    this.#records.mark('keys', () => encodeKeys(this.keys));
    this.#markIndex();
  }

  /** Forgets the proposals and pending commits of an epoch that gives way to `next`, but for what that takes over. */
  #clear(next: HeldEpoch | Staged, { held }: LeftEpoch): void {
    const inUse = new Set([...held.keys.values(), ...next.keys.values()]);
    this.#proposals.clear(inUse);
    this.#held.clear(inUse);
    this.#pending.clear(next, inUse);
  }

  #forget(plan: (() => void) | null): void {
    if (plan === null) return;
    plan();
    this.#markIndex();
  }

  /** The current epoch as one that is over. */
  #ended(): PastEntry {
    const { id, context, width } = this.#epoch;
    return { id, epoch: context.epoch, width, endedAt: this.around.now() };
  }

  /** The current epoch as it is left; reads all of it. */
  #left(): LeftEpoch {
    return {
      held: { epoch: this.#epoch, tree: this.tree, keys: this.keys },
      entry: { ...this.#ended(), digest: this.#epoch.commitDigest, status: this.#status, parent: this.#parent },
    };
  }

  #markIndex(): void {
    this.#records.mark('group', () =>
      encodeIndex({
        cipherSuite: this.crypto.suite.id,
        parent: this.#parent,
        nodeCount: this.#nodes.count,
        status: this.#status,
        past: this.#history.past.entries,
        snapshots: this.snapshots,
        proposalRefs: this.#proposals.refs,
        pendingDigests: this.#pending.digests,
        heldDigests: this.#held.digests,
      }),
    );
  }
}

/** A past epoch as late messages are read in it. */
interface PastView {
  readonly epoch: PastEpoch;
  readonly secretTree: SecretTree;
  readonly leaf: (leaf: number) => LeafNode | null;
}
