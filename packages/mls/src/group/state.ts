import type { PrivateKey, Secret } from '@sotto/crypto';
import { sameBytes } from '../bytes.ts';
import { CIPHER_SUITES } from '../cipher-suites.ts';
import { MlsError } from '../error.ts';
import { LeafNode } from '../messages/leaf-node.ts';
import { wipeEpochSecrets } from '../schedule/key-schedule.ts';
import { SecretTree } from '../schedule/secret-tree.ts';
import { SuiteCrypto } from '../suite.ts';
import { root } from '../tree/math.ts';
import type { TreeNode } from '../tree/node.ts';
import { RatchetTree } from '../tree/ratchet-tree.ts';
import type { PathKeys } from '../tree/treekem.ts';
import { encodeEpoch, encodeKeys, readEpoch, readKeys } from './epoch.ts';
import type { Epoch, PastEpoch } from './epoch.ts';
import { HeldProposals } from './held-proposals.ts';
import { KeptProposals } from './kept-proposals.ts';
import type { Surroundings } from './options.ts';
import { PastEpochs, pastEpochOf } from './past-epochs.ts';
import { PendingCommits } from './pending-commits.ts';
import { Records } from './records.ts';
import type { RecordChange, RecordReader } from './records.ts';
import { SecretStores } from './secret-stores.ts';
import type { EpochName } from './secret-stores.ts';
import { keptSnapshots, Snapshots, trunkOf } from './snapshots.ts';
import type { HeldEpoch } from './snapshots.ts';
import { wipeStaged } from './stage.ts';
import type { Current, Staged } from './stage.ts';
import { encodeNode, readNodeRecord } from './staged-record.ts';
import { encodeIndex, readIndex } from './state-records.ts';
import type { GroupIndex, GroupStatus, KeptProposal, PastEntry, PendingEpoch, SnapshotEntry } from './state-records.ts';

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

/** The epochs that are held after a change. */
interface Kept {
  readonly current: EpochName;
  readonly past: readonly PastEntry[];
  readonly snapshots: readonly SnapshotEntry[];
}

/**
 * A member's state: records, and what of them is in memory. Everything but the current epoch and an index is read when
 * it is asked for. A `plan…` reads all it takes and changes nothing until the function that it returns is called.
 */
export class GroupState {
  readonly crypto: SuiteCrypto;
  readonly around: Surroundings;
  readonly #records: Records;
  readonly #stores: SecretStores;
  readonly #proposals: KeptProposals;
  readonly #held: HeldProposals;
  readonly #pending: PendingCommits;
  readonly #past: PastEpochs;
  readonly #snapshots: Snapshots;
  #epoch: Epoch;
  /** The epoch before, if this member was in it. */
  #parent: string | null;
  #status: GroupStatus;
  #nodeCount: number;
  #tree: RatchetTree | null = null;
  #keys: PathKeys | null = null;
  /** Leaves read without the tree. */
  readonly #leaves = new Map<number, LeafNode | null>();

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
    this.#nodeCount = index.nodeCount;
    this.#stores = new SecretStores(records);
    this.#proposals = new KeptProposals(crypto, records, index.proposalRefs);
    this.#held = new HeldProposals(crypto, records, index.heldDigests);
    this.#pending = new PendingCommits(crypto, records, index.pendingDigests);
    this.#past = new PastEpochs(records, index.past);
    this.#snapshots = new Snapshots(crypto, records, index.snapshots);
    this.#tree = this.around.trees?.get(crypto.suite.id, parts.epoch.context.treeHash) ?? null;
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
    return new SecretTree(this.crypto, width, this.#stores.of(id), this.around.policy);
  }

  /** Reads every node when it is not in memory. */
  get tree(): RatchetTree {
    if (this.#tree === null) {
      this.#records.prepare(this.#nodeNames());
      const nodes: (TreeNode | null)[] = [];
      const hashes: Uint8Array[] = [];
      for (let index = 0; index < this.#nodeCount; index++) {
        const { node, hash } = this.#records.get(nodeName(index), readNodeRecord);
        nodes.push(node);
        hashes.push(hash);
      }
      this.#tree = new RatchetTree(this.crypto, nodes, hashes);
      this.around.trees?.add(this.crypto.suite.id, this.#epoch.context.treeHash, this.#tree);
      this.#leaves.clear();
    }
    return this.#tree;
  }

  get keys(): PathKeys {
    this.#keys ??= this.#records.get('keys', (inner) => readKeys(this.crypto, inner));
    return this.#keys;
  }

  /** A member's leaf; reads one record when the tree is not in memory. */
  leaf(leaf: number): LeafNode | null {
    if (this.#tree !== null) return this.#tree.leaf(leaf);
    if (leaf >= this.#epoch.width) return null;
    let node = this.#leaves.get(leaf);
    if (node === undefined) {
      const stored = this.#records.get(nodeName(2 * leaf), readNodeRecord).node;
      node = stored instanceof LeafNode ? stored : null;
      this.#leaves.set(leaf, node);
    }
    return node;
  }

  /** Says what comes next, so that a reader that has only some records is asked for the others at once. */
  prepare({ sender, commit = false, ending = false, pending }: Reading): void {
    const { id, width } = this.#epoch;
    const names: string[] = [];
    if (sender !== undefined) {
      names.push(...this.#stores.of(id).namesFor(sender, width));
      if (!commit && this.#tree === null && !this.#leaves.has(sender)) names.push(nodeName(2 * sender));
    }
    if (commit || ending) names.push(...this.#nodeNames(), ...(this.#keys === null ? ['keys'] : []));
    if (commit) names.push(...this.#proposals.names());
    if (pending !== undefined) names.push(...this.#pending.names(pending));
    if (ending) {
      const kept = this.#keptPast([...this.#past.entries, this.#ended()]);
      for (const entry of this.#past.entries) {
        if (!kept.includes(entry)) names.push(...this.#stores.of(entry.id).blockNames(entry.width));
      }
    }
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
    if (this.#snapshots.find(staged.epoch.id) !== null) {
      const back = this.planResume(staged.epoch.id);
      return () => {
        wipeStaged(staged, new Set(this.#keys?.values() ?? []));
        back();
      };
    }
    const old: HeldEpoch = { epoch: this.#epoch, tree: this.tree, keys: this.keys };
    const entry = this.#ended();
    const past = this.#keptPast([...this.#past.entries, entry]);
    const snapshots = this.#keptSnapshots([...this.#snapshots.entries, this.#asSnapshot(staged.epoch.id)], {
      id: staged.epoch.id,
      parent: old.epoch.id,
    });
    const drop = this.#planDrop({ current: staged.epoch, past, snapshots });
    return () => {
      const inUse = new Set(staged.keys.values());
      this.#proposals.clear(inUse);
      this.#held.clear(inUse);
      this.#pending.clear(staged, new Set([...old.keys.values(), ...inUse]));
      this.#past.replace(past, [pastEpochOf(old.epoch, old.tree, staged.tree)]);
      const isKept = snapshots.some(({ id }) => id === old.epoch.id);
      const written = new Map([[old.epoch.id, { held: old, base: staged.tree }]]);
      this.#snapshots.replace(snapshots, written, { id: staged.epoch.id, inUse });
      if (!isKept) this.#snapshots.wipe(old, inUse);
      drop();
      this.#parent = old.epoch.id;
      this.#status = status;
      this.#begin(staged, old.tree);
    };
  }

  get pastEpochs(): bigint[] {
    return this.#past.entries.map(({ epoch }) => epoch);
  }

  /** Epochs that can be gone to, in the order they were left. */
  get snapshots(): readonly SnapshotEntry[] {
    return this.#snapshots.entries;
  }

  /** Ids of those that led to the current epoch. */
  get trunk(): ReadonlySet<string> {
    return trunkOf(this.#snapshots.entries, this.#parent);
  }

  /** The kept epoch that the commit of this digest began; null when it is not kept, or too old. */
  snapshotOf(digest: Uint8Array | null): SnapshotEntry | null {
    const entry = this.#snapshots.ofCommit(digest);
    return entry === null || entry.endedAt < this.#now() - this.around.policy.snapshotAge ? null : entry;
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

  /** Goes to a kept epoch, which takes the place of the current one. */
  planResume(id: string): () => void {
    this.prepare({ commit: true, ending: true });
    this.#records.prepare(this.#snapshots.names());
    const here = { id: this.#epoch.id, tree: this.tree };
    const left: HeldEpoch = { epoch: this.#epoch, tree: here.tree, keys: this.keys };
    const entry = this.#snapshots.find(id);
    if (entry === null) throw new MlsError('no_snapshot', 'that epoch is not kept');
    const held = (at: string): HeldEpoch => (at === here.id ? left : this.#snapshots.get(at, here));
    const target = held(id);
    const path = this.#snapshots.pathFrom(id, here);
    const bases = new Map(path.slice(1).map((at, i) => [at, path[i] ?? id]));
    const entries = [...this.#snapshots.entries.filter((other) => other !== entry), this.#asSnapshot(id)].map(
      (other) => ({ ...other, base: bases.get(other.id) ?? other.base }),
    );
    const snapshots = this.#keptSnapshots(entries, { id, parent: entry.parent });
    const written = new Map([...bases].map(([at, base]) => [at, { held: held(at), base: held(base).tree }]));
    const [past, rebuilt] = this.#pastOf(entry, entries, held);
    const drop = this.#planDrop({ current: entry, past, snapshots });
    return () => {
      const inUse = new Set(target.keys.values());
      this.#proposals.clear(new Set([...inUse, ...left.keys.values()]));
      this.#held.clear(new Set());
      this.#pending.clear(null, new Set([...left.keys.values(), ...inUse]));
      this.#past.replace(
        past,
        rebuilt.map((make) => make()),
      );
      this.#snapshots.replace(snapshots, written, { id, inUse });
      if (!snapshots.some((other) => other.id === here.id)) this.#snapshots.wipe(left, inUse);
      drop();
      this.#parent = entry.parent;
      this.#status = entry.status;
      this.#take(target, here.tree);
    };
  }

  /** Forgets all snapshots: the epoch they led to is settled. */
  dropSnapshots(): void {
    this.#forgetTo(this.#past.entries, []);
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
    const epochs = [this.#epoch, ...this.#past.entries, ...this.#snapshots.entries];
    const dropped = [...new Map<string, EpochName>(epochs.map((epoch) => [epoch.id, epoch])).values()];
    this.#stores.load(dropped);
    return () => {
      this.#proposals.clear(new Set());
      this.#held.clear(new Set());
      this.#pending.clear(null, new Set());
      this.#past.replace([], []);
      this.#snapshots.replace([], new Map(), { id: this.#epoch.id, inUse: new Set() });
      for (const epoch of dropped) this.#stores.drop(epoch);
      for (let index = 0; index < this.#nodeCount; index++) this.#records.delete(nodeName(index));
      for (const name of ['group', 'epoch', 'keys']) this.#records.delete(name);
    };
  }

  /** Forgets past epochs and snapshots by the policy's count and age. */
  expire(): void {
    const current = { id: this.#epoch.id, parent: this.#parent };
    this.#forgetTo(this.#keptPast(this.#past.entries), this.#keptSnapshots(this.#snapshots.entries, current));
  }

  /** A past epoch with its secret tree and the leaf of a sender then; null when it is not kept. */
  past(epoch: bigint): PastView | null {
    const found = this.#past.find(epoch, (leaf) => this.leaf(leaf));
    if (found === null || found.entry.endedAt < this.#now() - this.around.policy.pastEpochAge) return null;
    const { width } = found.epoch;
    const store = this.#stores.of(found.entry.id);
    return {
      epoch: found.epoch,
      secretTree: new SecretTree(this.crypto, width, store, this.around.policy),
      leaf: (sender) => {
        const isLeafStored = this.#tree === null && sender < this.#epoch.width;
        this.#records.prepare([...store.namesFor(sender, width), ...(isLeafStored ? [nodeName(2 * sender)] : [])]);
        return found.leaf(sender);
      },
    };
  }

  /** The own resumption key of this or a past epoch, RFC 9420 §8.6. */
  resumption(groupId: Uint8Array, epoch: bigint): Secret | null {
    if (!sameBytes(groupId, this.#epoch.context.groupId)) return null;
    return epoch === this.#epoch.context.epoch ? this.#epoch.secrets.resumption : this.#past.resumption(epoch);
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
    this.#stores[Symbol.dispose]();
    this.#past.wipe();
    this.#snapshots[Symbol.dispose]();
  }

  #begin(staged: Staged, base: RatchetTree | null): void {
    this.#stores.begin(staged.epoch.id).setNode(root(staged.tree.width), staged.encryption);
    this.#take(staged, base);
  }

  /** Makes an epoch the current one; `base` is the tree that is stored. */
  #take({ epoch, tree, keys }: HeldEpoch, base: RatchetTree | null): void {
    this.#epoch = epoch;
    this.#tree = tree;
    this.#keys = keys;
    this.#nodeCount = tree.nodeCount;
    this.around.trees?.add(this.crypto.suite.id, tree.treeHash(), tree);
    const changed =
      base === null ? Array.from({ length: tree.nodeCount }, (_, index) => index) : tree.changedSince(base);
    for (const index of changed) {
      this.#records.mark(nodeName(index), () => (index < this.#nodeCount ? encodeNode(this.tree, index) : null));
    }
    for (let index = tree.nodeCount; index < (base?.nodeCount ?? 0); index++) this.#records.delete(nodeName(index));
    this.#records.mark('epoch', () => encodeEpoch(this.#epoch));
    this.#records.mark('keys', () => encodeKeys(this.keys));
    this.#markIndex();
  }

  /** The current epoch as one that is over. */
  #ended(): PastEntry {
    const { id, context, width } = this.#epoch;
    return { id, epoch: context.epoch, width, endedAt: this.#now() };
  }

  #asSnapshot(base: string): SnapshotEntry {
    return { ...this.#ended(), digest: this.#epoch.commitDigest, status: this.#status, parent: this.#parent, base };
  }

  #keptPast(entries: readonly PastEntry[]): readonly PastEntry[] {
    const { pastEpochs, pastEpochAge } = this.around.policy;
    const oldest = this.#now() - pastEpochAge;
    return entries.filter(({ endedAt }, i) => endedAt >= oldest && i >= entries.length - pastEpochs);
  }

  #keptSnapshots(
    entries: readonly SnapshotEntry[],
    current: { readonly id: string; readonly parent: string | null },
  ): readonly SnapshotEntry[] {
    const { snapshots, snapshotAge } = this.around.policy;
    return keptSnapshots(entries, current, { count: snapshots, oldest: this.#now() - snapshotAge });
  }

  /**
   * The epochs that led to `target`, for late messages: from snapshots as far as there are any, because another epoch may
   * follow them than did before; older ones as they are kept.
   */
  #pastOf(
    target: SnapshotEntry,
    entries: readonly SnapshotEntry[],
    held: (id: string) => HeldEpoch,
  ): [entries: readonly PastEntry[], rebuilt: (() => PastEpoch)[]] {
    const way: SnapshotEntry[] = [];
    const rebuilt: (() => PastEpoch)[] = [];
    for (let at: SnapshotEntry = target; ;) {
      const before = entries.find(({ id }) => id === at.parent);
      if (before === undefined) break;
      const [was, next] = [held(before.id), held(at.id).tree];
      rebuilt.push(() => pastEpochOf(was.epoch, was.tree, next));
      way.unshift(before);
      at = before;
    }
    const first = (way[0] ?? target).epoch;
    const older = this.#past.entries.filter(({ epoch }) => epoch < first);
    const isWhole = older.at(-1)?.epoch === first - 1n;
    const past = [...(isWhole ? older : []), ...way].map(({ id, epoch, width, endedAt }) => ({
      id,
      epoch,
      width,
      endedAt,
    }));
    return [this.#keptPast(past), rebuilt];
  }

  #forgetTo(past: readonly PastEntry[], snapshots: readonly SnapshotEntry[]): void {
    const isSame = past.length === this.#past.entries.length && snapshots.length === this.#snapshots.entries.length;
    if (isSame) return;
    const drop = this.#planDrop({ current: this.#epoch, past, snapshots });
    this.#past.replace(past, []);
    this.#snapshots.replace(snapshots, new Map(), {
      id: this.#epoch.id,
      inUse: new Set<PrivateKey>(this.#keys?.values() ?? []),
    });
    drop();
    this.#markIndex();
  }

  /** The secret trees that nobody holds afterwards. */
  #planDrop(after: Kept): () => void {
    const kept = new Set([after.current, ...after.past, ...after.snapshots].map(({ id }) => id));
    const before = new Map<string, EpochName>(
      [this.#epoch, ...this.#past.entries, ...this.#snapshots.entries].map((epoch) => [epoch.id, epoch]),
    );
    const dropped = [...before.values()].filter(({ id }) => !kept.has(id));
    this.#stores.load(dropped);
    return () => {
      for (const epoch of dropped) this.#stores.drop(epoch);
    };
  }

  #nodeNames(): string[] {
    return this.#tree === null ? Array.from({ length: this.#nodeCount }, (_, index) => nodeName(index)) : [];
  }

  #now(): number {
    return this.around.now();
  }

  #markIndex(): void {
    this.#records.mark('group', () =>
      encodeIndex({
        cipherSuite: this.crypto.suite.id,
        parent: this.#parent,
        nodeCount: this.#nodeCount,
        status: this.#status,
        past: this.#past.entries,
        snapshots: this.#snapshots.entries,
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

function nodeName(index: number): string {
  return `node/${index}`;
}
