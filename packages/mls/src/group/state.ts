import type { PrivateKey, Secret } from '@sotto/crypto';
import { hex, sameBytes } from '../bytes.ts';
import { decodeWhole } from '../codec/reader.ts';
import { MlsError } from '../error.ts';
import type { AuthenticatedContent } from '../messages/authenticated.ts';
import type { LeafNode } from '../messages/leaf-node.ts';
import { wipeEpochSecrets } from '../schedule/key-schedule.ts';
import { SecretTree } from '../schedule/secret-tree.ts';
import { SuiteCrypto } from '../suite.ts';
import { CIPHER_SUITES } from '../cipher-suites.ts';
import { root } from '../tree/math.ts';
import type { TreeNode } from '../tree/node.ts';
import { RatchetTree } from '../tree/ratchet-tree.ts';
import type { PathKeys } from '../tree/treekem.ts';
import { encodeEpoch, encodeKeys, encodePastEpoch, readEpoch, readKeys, readPastEpoch } from './epoch.ts';
import type { Epoch, PastEpoch } from './epoch.ts';
import type { Surroundings } from './options.ts';
import type { SentProposal } from './proposal-list.ts';
import {
  decodePending,
  decodeProposal,
  encodeIndex,
  encodePending,
  encodeProposal,
  readIndex,
} from './state-records.ts';
import type { GroupIndex, GroupStatus, KeptProposal, PastEntry, PendingEpoch, SnapshotEntry } from './state-records.ts';
import { NO_RECORDS, RecordLog } from './records.ts';
import type { RecordChange, RecordReader } from './records.ts';
import { wipeStaged } from './stage.ts';
import type { Current, OwnUpdate, Staged } from './stage.ts';
import { changedNodes, decodeSnapshot, encodeNode, encodeSnapshot, readNodeRecord } from './staged-record.ts';
import { TreeStore } from './tree-store.ts';

interface Snapshot {
  readonly epoch: Epoch;
  readonly keys: PathKeys;
  readonly tree: RatchetTree;
  readonly store: TreeStore;
}

/**
 * A member's state: records, and what of them is in memory. Everything but the current epoch and an index is read when
 * it is asked for.
 */
export class GroupState {
  readonly crypto: SuiteCrypto;
  readonly around: Surroundings;
  readonly #reader: RecordReader;
  readonly #log: RecordLog;
  #epoch: Epoch;
  #status: GroupStatus;
  #nodeCount: number;
  #tree: RatchetTree | null = null;
  #keys: PathKeys | null = null;
  /** Leaves read without the tree. */
  readonly #leaves = new Map<number, LeafNode | null>();
  /** Secret trees by epoch, of those in use. */
  readonly #stores = new Map<string, TreeStore>();
  #store: TreeStore;
  #past: PastEntry[];
  readonly #pastLoaded = new Map<string, { readonly epoch: PastEpoch; readonly store: TreeStore }>();
  /** Oldest first, without a gap up to the current epoch. */
  #snapshots: SnapshotEntry[];
  readonly #snapshotsLoaded = new Map<string, Snapshot>();
  #proposalRefs: string[];
  readonly #proposals = new Map<string, KeptProposal>();
  #pendingDigests: string[];
  readonly #pending = new Map<string, PendingEpoch>();

  private constructor(parts: StateParts) {
    this.crypto = parts.crypto;
    this.around = parts.around;
    this.#reader = parts.reader;
    this.#log = new RecordLog();
    this.#epoch = parts.epoch;
    this.#status = parts.status;
    this.#nodeCount = parts.nodeCount;
    this.#past = parts.past;
    this.#snapshots = parts.snapshots;
    this.#proposalRefs = parts.proposalRefs;
    this.#pendingDigests = parts.pendingDigests;
    this.#store = this.#storeOf(parts.epoch.id);
  }

  /** A group's first state here: every record is new. */
  static begin(crypto: SuiteCrypto, around: Surroundings, staged: Staged): GroupState {
    const state = new GroupState({
      crypto,
      around,
      reader: NO_RECORDS,
      epoch: staged.epoch,
      status: { kind: 'active' },
      nodeCount: staged.tree.nodeCount,
      past: [],
      snapshots: [],
      proposalRefs: [],
      pendingDigests: [],
    });
    state.#install(staged, null);
    return state;
  }

  /** Reads what a single message needs; the rest when it is asked for. Throws `no_group`, `record`. */
  static load(around: Surroundings, reader: RecordReader): GroupState {
    const bytes = reader.read('group');
    if (bytes === null) throw new MlsError('no_group', 'there is no stored group');
    const index = decodeWhole(bytes, readIndex);
    const suite = CIPHER_SUITES.get(index.cipherSuite);
    if (suite === undefined) throw new MlsError('unsupported_suite', 'a stored group has a suite that is not offered');
    const crypto = new SuiteCrypto(around.provider, suite);
    const epoch = decodeWhole(needed(reader, `epoch/${index.epochId}`), (inner) => readEpoch(crypto, inner));
    return new GroupState({ ...index, crypto, around, reader, epoch });
  }

  get epoch(): Epoch {
    return this.#epoch;
  }

  get status(): GroupStatus {
    return this.#status;
  }

  get secretTree(): SecretTree {
    return new SecretTree(this.crypto, this.#epoch.width, this.#store, this.around.policy);
  }

  /** Reads every node when it is not in memory. */
  get tree(): RatchetTree {
    if (this.#tree === null) {
      const nodes: (TreeNode | null)[] = [];
      const hashes: Uint8Array[] = [];
      for (let index = 0; index < this.#nodeCount; index++) {
        const { node, hash } = decodeWhole(needed(this.#reader, nodeName(index)), readNodeRecord);
        nodes.push(node);
        hashes.push(hash);
      }
      this.#tree = new RatchetTree(this.crypto, nodes, hashes);
      this.#leaves.clear();
    }
    return this.#tree;
  }

  get keys(): PathKeys {
    this.#keys ??= decodeWhole(needed(this.#reader, `keys/${this.#epoch.id}`), (inner) => readKeys(this.crypto, inner));
    return this.#keys;
  }

  /** A member's leaf; reads one record when the tree is not in memory. */
  leaf(leaf: number): LeafNode | null {
    if (this.#tree !== null) return this.#tree.leaf(leaf);
    if (leaf >= this.#epoch.width) return null;
    let node = this.#leaves.get(leaf);
    if (node === undefined) {
      node = decodeWhole(needed(this.#reader, nodeName(2 * leaf)), readNodeRecord).node as LeafNode | null;
      this.#leaves.set(leaf, node);
    }
    return node;
  }

  /** What staging the next epoch works from. */
  current(): Current {
    return {
      crypto: this.crypto,
      around: this.around,
      epoch: this.#epoch,
      tree: this.tree,
      keys: this.keys,
      proposal: (ref) => {
        const kept = this.#proposal(hex(ref));
        return kept === null ? null : sentProposal(kept);
      },
      updateKey: (encryptionKey) => this.#updateKey(encryptionKey),
      resumption: (groupId, epoch) => this.resumption(groupId, epoch),
    };
  }

  get proposalCount(): number {
    return this.#proposalRefs.length;
  }

  /** All proposals of this epoch. */
  proposals(): SentProposal[] {
    return this.#proposalRefs.flatMap((ref) => {
      const kept = this.#proposal(ref);
      return kept === null ? [] : [sentProposal(kept)];
    });
  }

  addProposal(content: AuthenticatedContent, ref: Uint8Array, ownUpdate: OwnUpdate | null): void {
    const name = hex(ref);
    if (this.#proposals.has(name) || this.#proposalRefs.includes(name)) return;
    const kept = { content, ref, ownUpdate };
    this.#proposals.set(name, kept);
    this.#proposalRefs.push(name);
    this.#log.mark(`proposal/${name}`, () => encodeProposal(kept));
    this.#markIndex();
  }

  addPending(digest: Uint8Array, staged: Staged, reinit: PendingEpoch['reinit']): void {
    const name = hex(digest);
    const pending = { staged, reinit };
    this.#pending.set(name, pending);
    this.#pendingDigests.push(name);
    const base = this.tree;
    this.#log.mark(`pending/${name}`, () => encodePending(pending, base));
    this.#markIndex();
  }

  pending(digest: Uint8Array): PendingEpoch | null {
    const name = hex(digest);
    if (!this.#pendingDigests.includes(name)) return null;
    let pending = this.#pending.get(name);
    if (pending === undefined) {
      const bytes = needed(this.#reader, `pending/${name}`);
      pending = decodePending(this.crypto, bytes, this.tree);
      this.#pending.set(name, pending);
    }
    return pending;
  }

  /** False when there is no such commit. */
  dropPending(digest: Uint8Array): boolean {
    const name = hex(digest);
    if (!this.#pendingDigests.includes(name)) return false;
    this.#pendingDigests = this.#pendingDigests.filter((other) => other !== name);
    const pending = this.#pending.get(name);
    if (pending !== undefined) wipeStaged(pending.staged, this.#heldKeys(null));
    this.#pending.delete(name);
    this.#log.delete(`pending/${name}`);
    this.#markIndex();
    return true;
  }

  /** Goes on to the next epoch; the current one becomes a past one. */
  advance(staged: Staged, status: GroupStatus): void {
    const old = { epoch: this.#epoch, tree: this.tree, store: this.#store };
    this.#clearEpoch(staged);
    if (this.around.policy.snapshots > 0) this.#keepSnapshot(old, staged.tree);
    this.#retire(old, staged.tree);
    this.#status = status;
    this.#install(staged, old.tree);
    this.expire();
  }

  /** Epochs that can be gone back to, oldest first. */
  get snapshots(): readonly SnapshotEntry[] {
    return this.#snapshots;
  }

  /** Takes an own removal back: the commit that removed this member is not to count. */
  resumeMembership(): void {
    this.#status = { kind: 'active' };
    this.#markIndex();
  }

  /** Goes back to a kept epoch; what came after it is forgotten. False when it is not kept. */
  resume(id: string): boolean {
    const position = this.#snapshots.findIndex((entry) => entry.id === id);
    if (position < 0 || this.#isOutdated(this.#snapshots[position])) return false;
    const { epoch, keys, tree, store } = this.#snapshot(position);
    const left = this.tree;
    this.#clearEpoch(null);
    wipeEpochSecrets(this.#epoch.secrets);
    this.#dropStore(this.#epoch.id, this.#epoch.width);
    this.#log.delete(`epoch/${this.#epoch.id}`);
    this.#log.delete(`keys/${this.#epoch.id}`);
    const later = this.#snapshots.slice(position + 1);
    this.#snapshots = this.#snapshots.slice(0, position);
    this.#log.delete(`snapshot/${id}`);
    this.#snapshotsLoaded.delete(id);
    for (const entry of later) this.#forgetSnapshot(entry);
    const kept = this.#past.filter((entry) => entry.epoch < epoch.context.epoch);
    const dropped = this.#past.filter((entry) => !kept.includes(entry));
    this.#past = kept;
    for (const entry of dropped) this.#forgetPast(entry, entry.id === id);
    this.#status = { kind: 'active' };
    this.#take({ epoch, keys, tree }, left, store);
    return true;
  }

  /** Forgets all snapshots: the epoch they led to is settled. */
  dropSnapshots(): void {
    const dropped = this.#snapshots;
    this.#snapshots = [];
    for (const entry of dropped) this.#forgetSnapshot(entry);
    if (dropped.length > 0) this.#markIndex();
  }

  /** Ends a membership: the epoch can still read what is late, and nothing follows. */
  endMembership(): void {
    this.#clearEpoch(null);
    this.#status = { kind: 'removed' };
    this.#markIndex();
  }

  /** Forgets past epochs by the policy's count and age. */
  expire(): void {
    const { pastEpochs, pastEpochAge } = this.around.policy;
    const oldest = this.around.now() - pastEpochAge;
    const kept = this.#past.filter(({ endedAt }, i) => endedAt >= oldest && i >= this.#past.length - pastEpochs);
    const dropped = this.#past.filter((entry) => !kept.includes(entry));
    this.#past = kept;
    for (const entry of dropped) {
      this.#forgetPast(
        entry,
        this.#snapshots.some(({ id }) => id === entry.id),
      );
    }
    const { snapshots } = this.around.policy;
    const current = this.#snapshots.filter(
      (entry, i) => !this.#isOutdated(entry) && i >= this.#snapshots.length - snapshots,
    );
    const outdated = this.#snapshots.filter((entry) => !current.includes(entry));
    this.#snapshots = current;
    for (const entry of outdated) this.#forgetSnapshot(entry);
    if (dropped.length + outdated.length > 0) this.#markIndex();
  }

  /** A past epoch with its secret tree and the leaf of a sender then; null when it is not kept. */
  past(epoch: bigint): {
    readonly epoch: PastEpoch;
    readonly secretTree: SecretTree;
    readonly leaf: (leaf: number) => LeafNode | null;
  } | null {
    const position = this.#past.findIndex((entry) => entry.epoch === epoch);
    const entry = this.#past[position];
    if (entry === undefined || entry.endedAt < this.around.now() - this.around.policy.pastEpochAge) return null;
    const { epoch: past, store } = this.#loadPast(entry.id);
    const leaf = (index: number): LeafNode | null => {
      for (const later of this.#past.slice(position)) {
        const { replaced } = this.#loadPast(later.id).epoch;
        if (replaced.has(index)) return replaced.get(index) ?? null;
      }
      return index < past.width ? this.leaf(index) : null;
    };
    return { epoch: past, secretTree: new SecretTree(this.crypto, past.width, store, this.around.policy), leaf };
  }

  /** The own resumption key of this or a past epoch, RFC 9420 §8.6. */
  resumption(groupId: Uint8Array, epoch: bigint): Secret | null {
    if (!sameBytes(groupId, this.#epoch.context.groupId)) return null;
    if (epoch === this.#epoch.context.epoch) return this.#epoch.secrets.resumption;
    const entry = this.#past.find((past) => past.epoch === epoch);
    return entry === undefined ? null : this.#loadPast(entry.id).epoch.resumption;
  }

  takeChanges(): RecordChange[] {
    return this.#log.take();
  }

  /** Wipes every secret in memory; the records stay. */
  dispose(): void {
    wipeEpochSecrets(this.#epoch.secrets);
    this.#epoch.signer[Symbol.dispose]();
    for (const key of this.#keys?.values() ?? []) key[Symbol.dispose]();
    for (const store of this.#stores.values()) store[Symbol.dispose]();
    for (const { epoch } of this.#pastLoaded.values()) {
      epoch.senderData.dispose();
      epoch.resumption.dispose();
    }
    for (const { epoch } of this.#snapshotsLoaded.values()) wipeEpochSecrets(epoch.secrets);
    for (const { staged } of this.#pending.values()) wipeStaged(staged, this.#heldKeys(null));
  }

  #install(staged: Staged, base: RatchetTree | null): void {
    const store = this.#storeOf(staged.epoch.id);
    store.setNode(root(staged.tree.width), staged.encryption);
    this.#take(staged, base, store);
  }

  /** Makes an epoch the current one; `base` is the tree that is stored. */
  #take(next: Omit<Staged, 'encryption'>, base: RatchetTree | null, store: TreeStore): void {
    const { epoch, tree } = next;
    this.#epoch = epoch;
    this.#tree = tree;
    this.#keys = next.keys;
    this.#nodeCount = tree.nodeCount;
    this.#store = store;
    tree.treeHash();
    for (const index of changedNodes(base, tree)) {
      this.#log.mark(nodeName(index), () => (index < this.#nodeCount ? encodeNode(this.tree, index) : null));
    }
    for (let index = tree.nodeCount; index < (base?.nodeCount ?? 0); index++) this.#log.delete(nodeName(index));
    this.#log.mark(`epoch/${epoch.id}`, () => (this.#epoch.id === epoch.id ? encodeEpoch(this.#epoch) : null));
    this.#log.mark(`keys/${epoch.id}`, () => (this.#epoch.id === epoch.id ? encodeKeys(this.keys) : null));
    this.#markIndex();
  }

  #retire(
    old: { readonly epoch: Epoch; readonly tree: RatchetTree; readonly store: TreeStore },
    next: RatchetTree,
  ): void {
    const { epoch } = old;
    // A snapshot goes on holding the epoch's own secrets.
    const senderData = epoch.secrets.senderData.slice(0, this.crypto.hashSize);
    const resumption = epoch.secrets.resumption.slice(0, this.crypto.hashSize);
    if (!this.#snapshotsLoaded.has(epoch.id)) wipeEpochSecrets(epoch.secrets);
    const replaced = new Map<number, LeafNode | null>();
    for (let leaf = 0; leaf < old.tree.width; leaf++) {
      const was = old.tree.leaf(leaf);
      if (was !== next.leaf(leaf)) replaced.set(leaf, was);
    }
    const past: PastEpoch = {
      id: epoch.id,
      context: epoch.context,
      contextBytes: epoch.contextBytes,
      senderData,
      resumption,
      ownLeaf: epoch.ownLeaf,
      width: epoch.width,
      endedAt: this.around.now(),
      replaced,
    };
    this.#past.push({ id: epoch.id, epoch: epoch.context.epoch, width: epoch.width, endedAt: past.endedAt });
    this.#pastLoaded.set(epoch.id, { epoch: past, store: old.store });
    this.#log.mark(`past/${epoch.id}`, () => encodePastEpoch(past));
    this.#log.delete(`epoch/${epoch.id}`);
    this.#log.delete(`keys/${epoch.id}`);
  }

  /** Forgets proposals and pending commits of the current epoch, but for what `next` took over. */
  #clearEpoch(next: Staged | null): void {
    for (const ref of this.#proposalRefs) this.#log.delete(`proposal/${ref}`);
    for (const { ownUpdate } of this.#proposals.values()) {
      if (ownUpdate === null || [...(next?.keys.values() ?? [])].includes(ownUpdate.leafKey)) continue;
      ownUpdate.leafKey[Symbol.dispose]();
    }
    this.#proposalRefs = [];
    this.#proposals.clear();
    for (const digest of this.#pendingDigests) this.#log.delete(`pending/${digest}`);
    const held = this.#heldKeys(next);
    for (const { staged } of this.#pending.values()) if (staged !== next) wipeStaged(staged, held);
    this.#pendingDigests = [];
    this.#pending.clear();
    // A snapshot goes on holding the epoch's keys.
    if (next === null || this.#keys === null || this.around.policy.snapshots > 0) return;
    const kept = new Set(next.keys.values());
    for (const key of this.#keys.values()) if (!kept.has(key)) key[Symbol.dispose]();
  }

  /** Private keys of the current epoch and of `next`. */
  #heldKeys(next: Staged | null): ReadonlySet<PrivateKey> {
    return new Set([...(this.#keys?.values() ?? []), ...(next?.keys.values() ?? [])]);
  }

  #proposal(name: string): KeptProposal | null {
    const known = this.#proposals.get(name);
    if (known !== undefined) return known;
    if (!this.#proposalRefs.includes(name)) return null;
    const kept = decodeProposal(this.crypto, needed(this.#reader, `proposal/${name}`));
    this.#proposals.set(name, kept);
    return kept;
  }

  #updateKey(encryptionKey: Uint8Array): OwnUpdate | null {
    for (const ref of this.#proposalRefs) {
      const own = this.#proposal(ref)?.ownUpdate ?? null;
      if (own !== null && sameBytes(own.leafKey.publicKey, encryptionKey)) return own;
    }
    return null;
  }

  /** The epoch that ends, as it can be gone back to: its tree is kept as what the next one's lacks. */
  #keepSnapshot(
    old: { readonly epoch: Epoch; readonly tree: RatchetTree; readonly store: TreeStore },
    next: RatchetTree,
  ): void {
    const { epoch, tree, store } = old;
    const { keys } = this;
    this.#snapshots.push({
      id: epoch.id,
      epoch: epoch.context.epoch,
      width: epoch.width,
      endedAt: this.around.now(),
      digest: epoch.commitDigest,
    });
    this.#snapshotsLoaded.set(epoch.id, { epoch, keys, tree, store });
    this.#log.mark(`snapshot/${epoch.id}`, () => encodeSnapshot({ epoch, keys, tree }, next));
  }

  #snapshot(position: number): Snapshot {
    const entry = this.#snapshots[position];
    if (entry === undefined) throw new MlsError('internal', 'there is no such snapshot');
    let snapshot = this.#snapshotsLoaded.get(entry.id);
    if (snapshot === undefined) {
      const isLast = position === this.#snapshots.length - 1;
      const base = isLast ? this.tree : this.#snapshot(position + 1).tree;
      const decoded = decodeSnapshot(this.crypto, needed(this.#reader, `snapshot/${entry.id}`), base);
      snapshot = { ...decoded, store: this.#storeOf(entry.id) };
      this.#snapshotsLoaded.set(entry.id, snapshot);
    }
    return snapshot;
  }

  #isOutdated(entry: SnapshotEntry | undefined): boolean {
    return entry === undefined || entry.endedAt < this.around.now() - this.around.policy.snapshotAge;
  }

  #forgetSnapshot({ id, width }: SnapshotEntry): void {
    const loaded = this.#snapshotsLoaded.get(id);
    if (loaded !== undefined) {
      wipeEpochSecrets(loaded.epoch.secrets);
      const holders = [
        this.keys,
        ...[...this.#snapshotsLoaded].flatMap(([other, { keys }]) => (other === id ? [] : [keys])),
      ];
      const inUse = new Set(holders.flatMap((keys) => [...keys.values()]));
      for (const key of loaded.keys.values()) if (!inUse.has(key)) key[Symbol.dispose]();
    }
    this.#snapshotsLoaded.delete(id);
    this.#log.delete(`snapshot/${id}`);
    if (!this.#past.some((entry) => entry.id === id)) this.#dropStore(id, width);
  }

  /** `keepSecrets` for an epoch that is still held otherwise. */
  #forgetPast({ id, width }: PastEntry, keepSecrets: boolean): void {
    const loaded = this.#pastLoaded.get(id);
    loaded?.epoch.senderData.dispose();
    loaded?.epoch.resumption.dispose();
    this.#pastLoaded.delete(id);
    this.#log.delete(`past/${id}`);
    if (!keepSecrets) this.#dropStore(id, width);
  }

  #loadPast(id: string): { readonly epoch: PastEpoch; readonly store: TreeStore } {
    let loaded = this.#pastLoaded.get(id);
    if (loaded === undefined) {
      const epoch = decodeWhole(needed(this.#reader, `past/${id}`), readPastEpoch);
      loaded = { epoch, store: this.#storeOf(id) };
      this.#pastLoaded.set(id, loaded);
    }
    return loaded;
  }

  #storeOf(id: string): TreeStore {
    let store = this.#stores.get(id);
    if (store === undefined) {
      store = new TreeStore(`secret/${id}/`, this.#reader, this.#log);
      this.#stores.set(id, store);
    }
    return store;
  }

  #dropStore(id: string, width: number): void {
    this.#storeOf(id).delete(width);
    this.#stores.delete(id);
  }

  #markIndex(): void {
    this.#log.mark('group', () => {
      return encodeIndex({
        cipherSuite: this.crypto.suite.id,
        epochId: this.#epoch.id,
        nodeCount: this.#nodeCount,
        status: this.#status,
        past: this.#past,
        snapshots: this.#snapshots,
        proposalRefs: this.#proposalRefs,
        pendingDigests: this.#pendingDigests,
      });
    });
  }
}

interface StateParts extends Omit<GroupIndex, 'cipherSuite' | 'epochId'> {
  readonly crypto: SuiteCrypto;
  readonly around: Surroundings;
  readonly reader: RecordReader;
  readonly epoch: Epoch;
}

function nodeName(index: number): string {
  return `node/${index}`;
}

function needed(reader: RecordReader, name: string): Uint8Array {
  const bytes = reader.read(name);
  if (bytes === null) throw new MlsError('record', 'a record of a group is missing');
  return bytes;
}

function sentProposal({ content, ref }: KeptProposal): SentProposal {
  const { content: inner, sender } = content.framed;
  if (inner.kind !== 'proposal') throw new MlsError('internal', 'what was kept is no proposal');
  return { proposal: inner.proposal, sender, ref };
}
