import type { PrivateKey } from '@sotto/crypto';
import { sameBytes } from '../bytes.ts';
import { MlsError } from '../error.ts';
import { wipeEpochSecrets } from '../schedule/key-schedule.ts';
import type { SuiteCrypto } from '../suite.ts';
import type { RatchetTree } from '../tree/ratchet-tree.ts';
import type { Records } from './records.ts';
import type { Staged } from './stage.ts';
import { encodeSnapshot, readSnapshot } from './staged-record.ts';
import type { SnapshotEntry } from './state-records.ts';

/** An epoch that can be gone on from; its secret tree is in the stores. */
export type HeldEpoch = Omit<Staged, 'encryption'>;

/** The current epoch, as far as others are kept relative to it. */
interface Here {
  readonly id: string;
  readonly tree: RatchetTree;
}

/**
 * Epochs that can be gone back to, or forward again to where they were left by going back; in the order they were left.
 * Each is kept as what differs from its `base`, so that the bases of all lead to the current epoch.
 */
export class Snapshots {
  readonly #crypto: SuiteCrypto;
  readonly #records: Records;
  readonly #loaded = new Map<string, HeldEpoch>();
  #entries: readonly SnapshotEntry[];

  constructor(crypto: SuiteCrypto, records: Records, entries: readonly SnapshotEntry[]) {
    this.#crypto = crypto;
    this.#records = records;
    this.#entries = entries;
  }

  get entries(): readonly SnapshotEntry[] {
    return this.#entries;
  }

  /** Names of those that are not in memory. */
  names(): string[] {
    return this.#entries.filter(({ id }) => !this.#loaded.has(id)).map(({ id }) => nameOf(id));
  }

  find(id: string): SnapshotEntry | null {
    return this.#entries.find((entry) => entry.id === id) ?? null;
  }

  /** The epoch that the commit of this digest began. */
  ofCommit(digest: Uint8Array | null): SnapshotEntry | null {
    return this.#entries.find((entry) => isSameDigest(entry.digest, digest)) ?? null;
  }

  /** From `id` by bases to the current epoch, both included. */
  pathFrom(id: string, here: Here): string[] {
    const path = [id];
    for (let at = id; at !== here.id;) {
      at = this.#entry(at).base;
      path.push(at);
    }
    return path;
  }

  get(id: string, here: Here): HeldEpoch {
    let held = this.#loaded.get(id);
    if (held === undefined) {
      const { base } = this.#entry(id);
      const tree = base === here.id ? here.tree : this.get(base, here).tree;
      held = this.#records.get(nameOf(id), (reader) => readSnapshot(this.#crypto, reader, tree));
      this.#loaded.set(id, held);
    }
    return held;
  }

  /**
   * Takes the place of all that was kept. `written` are new, or have another base, whose tree is given. `inUse` are
   * private keys that the current epoch holds. An epoch that is gone but for `current` is wiped.
   */
  replace(
    entries: readonly SnapshotEntry[],
    written: ReadonlyMap<string, { readonly held: HeldEpoch; readonly base: RatchetTree }>,
    current: { readonly id: string; readonly inUse: ReadonlySet<PrivateKey> },
  ): void {
    const gone = this.#entries.filter(({ id }) => !entries.some((entry) => entry.id === id));
    const wiped: HeldEpoch[] = [];
    for (const { id } of gone) {
      const held = this.#loaded.get(id);
      if (held !== undefined && id !== current.id) wiped.push(held);
      this.#loaded.delete(id);
      this.#records.delete(nameOf(id));
    }
    this.#entries = entries;
    for (const { id } of entries) {
      const record = written.get(id);
      if (record === undefined) continue;
      const { held, base } = record;
      this.#loaded.set(id, held);
      this.#records.mark(nameOf(id), () => encodeSnapshot(held, base));
    }
    for (const held of wiped) this.wipe(held, current.inUse);
  }

  /** Wipes an epoch that is held no more, but for private keys in use and those of kept epochs. */
  wipe({ epoch, keys }: HeldEpoch, inUse: ReadonlySet<PrivateKey>): void {
    wipeEpochSecrets(epoch.secrets);
    const held = new Set([...this.#loaded.values()].flatMap((other) => [...other.keys.values()]));
    for (const key of keys.values()) if (!inUse.has(key) && !held.has(key)) key[Symbol.dispose]();
  }

  /** Wipes what is in memory. */
  [Symbol.dispose](): void {
    for (const { epoch, keys } of this.#loaded.values()) {
      wipeEpochSecrets(epoch.secrets);
      for (const key of keys.values()) key[Symbol.dispose]();
    }
  }

  #entry(id: string): SnapshotEntry {
    const entry = this.find(id);
    if (entry === null) throw new MlsError('internal', 'there is no such snapshot');
    return entry;
  }
}

/**
 * Those of `entries` that are kept when `current` is the epoch: not too old, and by number both on the way that led to it
 * and beside it. What is beside goes with what it was kept relative to.
 */
export function keptSnapshots(
  entries: readonly SnapshotEntry[],
  current: { readonly id: string; readonly parent: string | null },
  limits: { readonly count: number; readonly oldest: number },
): SnapshotEntry[] {
  const trunk = trunkOf(entries, current.parent);
  const fresh = entries.filter(({ endedAt }) => endedAt >= limits.oldest);
  const last = (all: SnapshotEntry[]): SnapshotEntry[] => (limits.count === 0 ? [] : all.slice(-limits.count));
  const byEpoch = fresh.filter(({ id }) => trunk.has(id)).sort((a, b) => Number(a.epoch - b.epoch));
  const chosen = new Set([...last(byEpoch), ...last(fresh.filter(({ id }) => !trunk.has(id)))]);
  let kept = entries.filter((entry) => chosen.has(entry));
  for (let before = -1; before !== kept.length;) {
    before = kept.length;
    const ids = new Set([current.id, ...kept.map(({ id }) => id)]);
    kept = kept.filter(({ base }) => ids.has(base));
  }
  return kept;
}

/** The kept epochs that led to the one after `last`. */
export function trunkOf(entries: readonly SnapshotEntry[], last: string | null): ReadonlySet<string> {
  const trunk = new Set<string>();
  for (let at = last; at !== null;) {
    const entry = entries.find(({ id }) => id === at);
    if (entry !== undefined) trunk.add(entry.id);
    at = entry?.parent ?? null;
  }
  return trunk;
}

export function isSameDigest(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : sameBytes(a, b);
}

function nameOf(id: string): string {
  return `snapshot/${id}`;
}
