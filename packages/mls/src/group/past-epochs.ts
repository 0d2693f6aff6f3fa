import type { Secret } from '@sotto/crypto';
import type { LeafNode } from '../messages/leaf-node.ts';
import type { RatchetTree } from '../tree/ratchet-tree.ts';
import { encodePastEpoch, readPastEpoch } from './epoch.ts';
import type { Epoch, PastEpoch } from './epoch.ts';
import type { Records } from './records.ts';
import type { PastEntry } from './state-records.ts';

/** Epochs that led to the current one, oldest first and without a gap, kept for messages that come late. */
export class PastEpochs {
  readonly #records: Records;
  readonly #loaded = new Map<string, PastEpoch>();
  #entries: readonly PastEntry[];

  constructor(records: Records, entries: readonly PastEntry[]) {
    this.#records = records;
    this.#entries = entries;
  }

  get entries(): readonly PastEntry[] {
    return this.#entries;
  }

  /** Of one that is kept. */
  get(id: string): PastEpoch {
    let epoch = this.#loaded.get(id);
    if (epoch === undefined) {
      epoch = this.#records.get(nameOf(id), readPastEpoch);
      this.#loaded.set(id, epoch);
    }
    return epoch;
  }

  /** The epoch of this number with the leaves it had; `leafNow` gives those of the current one. Null if not kept. */
  find(number: bigint, leafNow: (leaf: number) => LeafNode | null): FoundEpoch | null {
    const position = this.#entries.findIndex(({ epoch }) => epoch === number);
    const entry = this.#entries[position];
    if (entry === undefined) return null;
    const since = this.#entries.slice(position);
    this.#records.prepare(since.filter(({ id }) => !this.#loaded.has(id)).map(({ id }) => nameOf(id)));
    const epoch = this.get(entry.id);
    const leaf = (index: number): LeafNode | null => {
      for (const { id } of since) {
        const { replaced } = this.get(id);
        if (replaced.has(index)) return replaced.get(index) ?? null;
      }
      return index < epoch.width ? leafNow(index) : null;
    };
    return { epoch, entry, leaf };
  }

  resumption(number: bigint): Secret | null {
    const entry = this.#entries.find(({ epoch }) => epoch === number);
    return entry === undefined ? null : this.get(entry.id).resumption;
  }

  /** Takes the place of all that was kept: `added` are new, the others of `entries` were there. */
  replace(entries: readonly PastEntry[], added: readonly PastEpoch[]): void {
    for (const { id } of this.#entries) {
      if (!entries.some((entry) => entry.id === id)) this.#forget(id);
    }
    this.#entries = entries;
    for (const epoch of added) {
      if (!entries.some(({ id }) => id === epoch.id)) {
        wipe(epoch);
        continue;
      }
      this.#forget(epoch.id);
      this.#loaded.set(epoch.id, epoch);
      this.#records.mark(nameOf(epoch.id), () => encodePastEpoch(epoch));
    }
  }

  /** Wipes what is in memory. */
  wipe(): void {
    for (const epoch of this.#loaded.values()) wipe(epoch);
  }

  #forget(id: string): void {
    const epoch = this.#loaded.get(id);
    if (epoch !== undefined) wipe(epoch);
    this.#loaded.delete(id);
    this.#records.delete(nameOf(id));
  }
}

export interface FoundEpoch {
  readonly epoch: PastEpoch;
  readonly entry: PastEntry;
  readonly leaf: (leaf: number) => LeafNode | null;
}

/** What is kept of an epoch with this tree when one with the tree `next` follows. Its secrets are copies. */
export function pastEpochOf(epoch: Epoch, tree: RatchetTree, next: RatchetTree): PastEpoch {
  const replaced = new Map<number, LeafNode | null>();
  for (const index of next.changedSince(tree)) {
    const was = tree.leaf(index / 2);
    if (index % 2 === 0 && index < tree.nodeCount && was !== next.leaf(index / 2)) replaced.set(index / 2, was);
  }
  for (let leaf = next.width; leaf < tree.width; leaf++) {
    const was = tree.leaf(leaf);
    if (was !== null) replaced.set(leaf, was);
  }
  const { id, context, contextBytes, ownLeaf, width, secrets } = epoch;
  const { senderData, resumption } = secrets;
  return {
    id,
    context,
    contextBytes,
    senderData: senderData.slice(0, senderData.length),
    resumption: resumption.slice(0, resumption.length),
    ownLeaf,
    width,
    replaced,
  };
}

function nameOf(id: string): string {
  return `past/${id}`;
}

function wipe({ senderData, resumption }: PastEpoch): void {
  senderData.dispose();
  resumption.dispose();
}
