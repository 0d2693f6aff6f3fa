import type { Records } from './records.ts';
import { TreeStore } from './tree-store.ts';

/** An epoch, as far as it names a secret tree. */
export interface EpochName {
  readonly id: string;
  /** Leaves that its tree has room for. */
  readonly width: number;
}

/** The secret trees of the epochs that are held, one object each however many hold it. */
export class SecretStores implements Disposable {
  readonly #records: Records;
  readonly #stores = new Map<string, TreeStore>();

  constructor(records: Records) {
    this.#records = records;
  }

  /** Of an epoch that is new here. */
  begin(id: string): TreeStore {
    return this.#open(id, false);
  }

  of(id: string): TreeStore {
    return this.#stores.get(id) ?? this.#open(id, true);
  }

  /** Reads whatever dropping these takes. */
  load(epochs: readonly EpochName[]): void {
    this.#records.prepare(epochs.flatMap(({ id, width }) => this.of(id).blockNames(width)));
    this.#records.prepare(epochs.flatMap(({ id, width }) => this.of(id).senderNames(width)));
    for (const { id, width } of epochs) this.of(id).load(width);
  }

  /** Wipes and deletes; reads nothing after `load`. */
  drop({ id, width }: EpochName): void {
    this.of(id).delete(width);
    this.#stores.delete(id);
  }

  /** Wipes what is in memory. */
  [Symbol.dispose](): void {
    for (const store of this.#stores.values()) store[Symbol.dispose]();
    this.#stores.clear();
  }

  #open(id: string, isStored: boolean): TreeStore {
    const store = new TreeStore(`secret/${id}/`, this.#records, isStored);
    this.#stores.set(id, store);
    return store;
  }
}
