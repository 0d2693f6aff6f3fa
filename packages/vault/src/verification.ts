import { VaultError } from './error.ts';
import { MultisetHash } from './format/multiset.ts';
import type { HeadKeeper } from './head-keeper.ts';
import type { RowTable, RowTableName, StoredRow } from './rows/row-table.ts';
import { sameBytes, splitHashes } from './rows/row-codec.ts';
import type { Rows, RowWatcher } from './rows/rows.ts';

const BATCH = 128;

/**
 * Compares a table with the head, in slices between which rows may be written and deleted (writes get counters that the
 * scan has yet to reach, deletions behind it are taken back out). After a rollback it must begin anew.
 */
export class TableVerification implements RowWatcher {
  readonly #name: RowTableName;
  readonly #table: RowTable;
  readonly #rows: Rows;
  readonly #head: HeadKeeper;
  readonly #sums = new Map<number, MultisetHash>();
  #position = 0;

  constructor(name: RowTableName, rows: Rows, head: HeadKeeper) {
    this.#name = name;
    this.#table = rows.table(name);
    this.#rows = rows;
    this.#head = head;
  }

  /**
   * `deep` opens every row; without it, changed sealed bytes are left to be noticed when they are read. Yields how many rows were seen. Throws `tampered`.
   */
  *steps(deep: boolean): Generator<number, undefined> {
    const scan = deep ? this.#table.scan : this.#table.scanUnopened;
    for (;;) {
      const batch = scan.all(this.#position, BATCH);
      for (const row of batch) this.#verify(row, deep);
      if (batch.length < BATCH) break;
      yield batch.length;
    }
    this.#compare();
  }

  removed(table: RowTableName, collection: number, counter: number, element: Uint8Array): void {
    if (table === this.#name && counter <= this.#position) this.#sumOf(collection).remove(element);
  }

  #verify(row: StoredRow, deep: boolean): void {
    const [counter, place, collection, nonce, lookups, , , ordinal] = row;
    const { codec } = this.#rows;
    this.#position = counter;
    this.#sumOf(collection).add(codec.element(collection, place, counter, nonce));
    if (this.#table.counterAt.get(place)?.[0] !== counter) throw tampered();
    for (const hash of splitHashes(lookups)) if (this.#table.hasLookup.get(hash, place) === null) throw tampered();
    if (ordinal !== null) this.#verifyOrder(row, this.#rows.order.unmask(ordinal, nonce));
    if (!deep) return;
    const opened = this.#rows.open(this.#name, row);
    opened.value.fill(0);
    if (!sameBytes(codec.place(collection, opened.key), place)) throw tampered();
  }

  /** The row is found at its rank, and the one before it has a lower ordinal. */
  #verifyOrder([counter, , , , , partition, rank]: StoredRow, ordinal: number): void {
    const here = this.#table.atRank.all(partition, rank);
    if (here.length !== 1 || here[0]?.[0] !== counter) throw tampered();
    const before = this.#table.rankBefore.get(partition, rank);
    if (before !== null && this.#rows.order.unmask(before[2], before[1]) >= ordinal) throw tampered();
  }

  #compare(): void {
    const { collections, counter } = this.#head.current;
    const entries = [...collections.values()].filter(({ table }) => table === this.#name);
    const known = new Set(entries.map(({ id }) => id));
    if ([...this.#sums.keys()].some((id) => !known.has(id)) || this.#position > counter) throw tampered();
    if (!entries.every(({ id, hash }) => hash.equals(this.#sumOf(id)))) throw tampered();
  }

  #sumOf(collection: number): MultisetHash {
    let sum = this.#sums.get(collection);
    if (sum === undefined) {
      sum = new MultisetHash();
      this.#sums.set(collection, sum);
    }
    return sum;
  }
}

function tampered(): VaultError {
  return new VaultError('tampered', 'rows were changed, removed or put back');
}
