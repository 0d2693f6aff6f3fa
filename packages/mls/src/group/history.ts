import type { PrivateKey } from '@sotto/crypto';
import { MlsError } from '../error.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { PastEpoch } from './epoch.ts';
import type { GroupPolicy } from './options.ts';
import { PastEpochs, pastEpochOf } from './past-epochs.ts';
import type { Records } from './records.ts';
import { SecretStores } from './secret-stores.ts';
import type { EpochName } from './secret-stores.ts';
import { keptSnapshots, Snapshots } from './snapshots.ts';
import type { HeldEpoch } from './snapshots.ts';
import type { GroupIndex, PastEntry, SnapshotEntry } from './state-records.ts';

/** The epochs that are held after a change. */
interface Kept {
  readonly current: EpochName;
  readonly past: readonly PastEntry[];
  readonly snapshots: readonly SnapshotEntry[];
}

/** A current epoch as it is about to be left, with what is to be known of it then. */
export interface LeftEpoch {
  readonly held: HeldEpoch;
  readonly entry: Omit<SnapshotEntry, 'base'>;
}

/**
 * Other epochs than the current one, by the policy's count and age: past ones for late messages, kept ones to go to; and
 * the secret trees of all. A `plan…` reads all it takes and changes nothing until the function that it returns is called.
 */
export class History implements Disposable {
  readonly stores: SecretStores;
  readonly past: PastEpochs;
  readonly snapshots: Snapshots;
  readonly #policy: GroupPolicy;
  readonly #now: () => number;

  constructor(
    crypto: SuiteCrypto,
    records: Records,
    index: Pick<GroupIndex, 'past' | 'snapshots'>,
    limits: { readonly policy: GroupPolicy; readonly now: () => number },
  ) {
    this.stores = new SecretStores(records);
    this.past = new PastEpochs(records, index.past);
    this.snapshots = new Snapshots(crypto, records, index.snapshots);
    this.#policy = limits.policy;
    this.#now = limits.now;
  }

  /** Records that are read when the epoch `ending` gives way to another. */
  namesOfEnding(ending: PastEntry): string[] {
    const kept = this.#keptPast([...this.past.entries, ending]);
    return this.past.entries
      .filter((entry) => !kept.includes(entry))
      .flatMap(({ id, width }) => this.stores.of(id).blockNames(width));
  }

  /** Whether a kept epoch can still be gone to. */
  isFresh({ endedAt }: SnapshotEntry): boolean {
    return endedAt >= this.#now() - this.#policy.snapshotAge;
  }

  /** Whether late messages of a past epoch are still read. */
  isReadable({ endedAt }: PastEntry): boolean {
    return endedAt >= this.#now() - this.#policy.pastEpochAge;
  }

  /** `next` follows `old`, which becomes a past epoch and, by the policy, one to go back to. */
  planAdvance(old: LeftEpoch, next: HeldEpoch): () => void {
    const { held, entry } = old;
    const { id } = next.epoch;
    const past = this.#keptPast([...this.past.entries, pastEntry(entry)]);
    const snapshots = this.#keptSnapshots([...this.snapshots.entries, { ...entry, base: id }], {
      id,
      parent: entry.id,
    });
    const drop = this.#planDrop(held.epoch, { current: next.epoch, past, snapshots });
    return () => {
      this.past.replace(past, [pastEpochOf(held.epoch, held.tree, next.tree)]);
      const written = new Map([[entry.id, { held, base: next.tree }]]);
      this.#replaceSnapshots(snapshots, written, { held, next });
      drop();
    };
  }

  /** Goes to the kept epoch `id`; the one that is left is kept as one to go to. */
  planResume(
    id: string,
    left: LeftEpoch,
  ): { readonly target: HeldEpoch; readonly entry: SnapshotEntry; readonly apply: () => void } {
    const entry = this.snapshots.find(id);
    if (entry === null) throw new MlsError('no_snapshot', 'that epoch is not kept');
    const here = { id: left.entry.id, tree: left.held.tree };
    const held = (at: string): HeldEpoch => (at === here.id ? left.held : this.snapshots.get(at, here));
    const target = held(id);
    // What was kept relative to the epoch that is left is from here on relative to the one that is taken.
    const path = this.snapshots.pathFrom(id, here);
    const bases = new Map(path.slice(1).map((at, i) => [at, path[i] ?? id]));
    const others = this.snapshots.entries.filter((other) => other !== entry);
    const entries = [...others, { ...left.entry, base: id }].map((other) => ({
      ...other,
      base: bases.get(other.id) ?? other.base,
    }));
    const written = new Map([...bases].map(([at, base]) => [at, { held: held(at), base: held(base).tree }]));
    const snapshots = this.#keptSnapshots(entries, { id, parent: entry.parent });
    const { past, rebuilt } = this.#pastOf(entry, entries, held);
    const drop = this.#planDrop(left.held.epoch, { current: entry, past, snapshots });
    const apply = (): void => {
      this.past.replace(
        past,
        rebuilt.map((make) => make()),
      );
      this.#replaceSnapshots(snapshots, written, { held: left.held, next: target });
      drop();
    };
    return { target, entry, apply };
  }

  /** Forgets what is too old or too much. Null when nothing is. */
  planExpire(current: EpochName, parent: string | null, inUse: ReadonlySet<PrivateKey>): (() => void) | null {
    const snapshots = this.#keptSnapshots(this.snapshots.entries, { id: current.id, parent });
    return this.#planForget(current, this.#keptPast(this.past.entries), snapshots, inUse);
  }

  /** Forgets all snapshots. Null when there are none. */
  planDropSnapshots(current: EpochName, inUse: ReadonlySet<PrivateKey>): (() => void) | null {
    return this.#planForget(current, this.past.entries, [], inUse);
  }

  /** Forgets everything, the current epoch's secret tree included. */
  planDelete(current: EpochName): () => void {
    const epochs = [current, ...this.past.entries, ...this.snapshots.entries];
    const dropped = [...new Map<string, EpochName>(epochs.map((epoch) => [epoch.id, epoch])).values()];
    this.stores.load(dropped);
    return () => {
      this.past.replace([], []);
      this.snapshots.replace([], new Map(), { id: current.id, inUse: new Set() });
      for (const epoch of dropped) this.stores.drop(epoch);
    };
  }

  /** Wipes what is in memory. */
  [Symbol.dispose](): void {
    this.stores[Symbol.dispose]();
    this.past.wipe();
    this.snapshots[Symbol.dispose]();
  }

  #planForget(
    current: EpochName,
    past: readonly PastEntry[],
    snapshots: readonly SnapshotEntry[],
    inUse: ReadonlySet<PrivateKey>,
  ): (() => void) | null {
    const isSame = past.length === this.past.entries.length && snapshots.length === this.snapshots.entries.length;
    if (isSame) return null;
    const drop = this.#planDrop(current, { current, past, snapshots });
    return () => {
      this.past.replace(past, []);
      this.snapshots.replace(snapshots, new Map(), { id: current.id, inUse });
      drop();
    };
  }

  /** The snapshots after `held` has given way to `next`; `held` is wiped unless it is one of them. */
  #replaceSnapshots(
    snapshots: readonly SnapshotEntry[],
    written: Parameters<Snapshots['replace']>[1],
    { held, next }: { readonly held: HeldEpoch; readonly next: HeldEpoch },
  ): void {
    const inUse = new Set(next.keys.values());
    this.snapshots.replace(snapshots, written, { id: next.epoch.id, inUse });
    if (!snapshots.some(({ id }) => id === held.epoch.id)) this.snapshots.wipe(held, inUse);
  }

  #keptPast(entries: readonly PastEntry[]): readonly PastEntry[] {
    return entries.filter((entry, i) => this.isReadable(entry) && i >= entries.length - this.#policy.pastEpochs);
  }

  #keptSnapshots(
    entries: readonly SnapshotEntry[],
    current: { readonly id: string; readonly parent: string | null },
  ): readonly SnapshotEntry[] {
    const { snapshots, snapshotAge } = this.#policy;
    return keptSnapshots(entries, current, { count: snapshots, oldest: this.#now() - snapshotAge });
  }

  /**
   * The epochs that led to `target`: from snapshots as far as there are any, because another epoch may follow them than
   * did before; older ones as they are kept.
   */
  #pastOf(
    target: SnapshotEntry,
    entries: readonly SnapshotEntry[],
    held: (id: string) => HeldEpoch,
  ): { readonly past: readonly PastEntry[]; readonly rebuilt: readonly (() => PastEpoch)[] } {
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
    const older = this.past.entries.filter(({ epoch }) => epoch < first);
    const isWhole = older.at(-1)?.epoch === first - 1n;
    return { past: this.#keptPast([...(isWhole ? older : []), ...way.map(pastEntry)]), rebuilt };
  }

  /** The secret trees that nobody holds afterwards. */
  #planDrop(current: EpochName, after: Kept): () => void {
    const kept = new Set([after.current, ...after.past, ...after.snapshots].map(({ id }) => id));
    const before = new Map<string, EpochName>(
      [current, ...this.past.entries, ...this.snapshots.entries].map((epoch) => [epoch.id, epoch]),
    );
    const dropped = [...before.values()].filter(({ id }) => !kept.has(id));
    this.stores.load(dropped);
    return () => {
      for (const epoch of dropped) this.stores.drop(epoch);
    };
  }
}

function pastEntry({ id, epoch, width, endedAt }: PastEntry): PastEntry {
  return { id, epoch, width, endedAt };
}
