import type { CryptoProvider } from '@sotto/crypto';
import type { DayKeys } from '../day-keys.ts';
import { VaultError } from '../error.ts';
import type { Database } from '../file/database.ts';
import type { CollectionEntry } from '../format/head.ts';
import type { Sealer } from '../format/sealer.ts';
import type { HeadKeeper } from '../head-keeper.ts';
import type { VaultKeys } from '../keys.ts';
import type { Collection, Placing, Range, Row } from '../vault.ts';
import { checkCollection, checkName, checkPlacing, checkRange, checkValue } from './limits.ts';
import { HIGHEST_RANK, LOWEST_RANK, Order } from './order.ts';
import { joinHashes, RowCodec, sameBytes, splitHashes } from './row-codec.ts';
import type { RowBinding, RowContent } from './row-codec.ts';
import { RowTable } from './row-table.ts';
import type { RowTableName, StoredRow } from './row-table.ts';

const NO_BYTES = new Uint8Array(0);
const NO_ORDER = { partition: null, rank: null, ordinal: null } as const;

export interface RowParts {
  readonly provider: CryptoProvider;
  readonly database: Database;
  readonly sealer: Sealer;
  readonly keys: VaultKeys;
  readonly head: HeadKeeper;
  readonly dayKeys: DayKeys;
}

/** Told of what moves in the tables, so that a verification in slices stays right. */
export interface RowWatcher {
  removed(table: RowTableName, collection: number, counter: number, element: Uint8Array): void;
}

/** An opened row with what it is bound to. */
export interface OpenedRow extends RowContent {
  readonly binding: RowBinding;
}

/** Where a row will lie besides under its key. */
interface Place {
  readonly lookups: Uint8Array;
  readonly order: { readonly partition: Uint8Array; readonly ordinal: number; readonly rank: number } | null;
}

/** Puts, finds and opens sealed rows. Writes belong inside a transaction. */
export class Rows {
  readonly #parts: RowParts;
  readonly codec: RowCodec;
  readonly order: Order;
  readonly #tables: Readonly<Record<RowTableName, RowTable>>;
  watcher: RowWatcher | null = null;

  constructor(parts: RowParts) {
    this.#parts = parts;
    this.codec = new RowCodec(parts.provider, parts.sealer, parts.keys);
    this.order = new Order(parts.provider, parts.keys);
    this.#tables = {
      state: new RowTable(parts.database, 'state'),
      ratchet: new RowTable(parts.database, 'ratchet'),
      history: new RowTable(parts.database, 'history'),
    };
  }

  table(name: RowTableName): RowTable {
    return this.#tables[name];
  }

  get(collection: Collection, key: string): Uint8Array | null {
    const entry = this.#entry(collection);
    checkName(key);
    if (entry === null) return null;
    const place = this.codec.place(entry.id, key);
    const stored = this.#tables[collection.purpose].get.get(place);
    if (stored === null) return null;
    const row = this.open(collection.purpose, stored);
    if (row.key !== key || row.binding.collection !== entry.id) throw swapped();
    return upgraded(collection, row);
  }

  find(collection: Collection, lookup: string, value: string): Row[] {
    const entry = this.#entry(collection);
    checkName(lookup);
    checkName(value);
    if (entry === null) return [];
    const hash = this.codec.lookup(entry.id, lookup, value);
    const table = this.#tables[collection.purpose];
    return table.find.all(hash).map(([place]) => {
      const stored = table.get.get(place);
      if (stored === null) throw new VaultError('tampered', 'a lookup leads nowhere');
      const row = this.open(collection.purpose, stored);
      const named = splitHashes(row.binding.lookups).some((own) => sameBytes(own, hash));
      if (!named || row.binding.collection !== entry.id) throw new VaultError('tampered', 'a lookup leads astray');
      return shown(collection, row);
    });
  }

  list(collection: Collection, range: Range): Row[] {
    const entry = this.#entry(collection);
    checkRange(range);
    if (entry === null) return [];
    const table = this.#tables[collection.purpose];
    const partition = this.codec.partition(entry.id, range.partition);
    const { after = -Infinity, before = Infinity } = range;
    const low = after === -Infinity ? LOWEST_RANK : this.#rankFrom(table, partition, after + 1);
    const high = before === Infinity ? HIGHEST_RANK : this.#rankFrom(table, partition, before);
    const newestFirst = range.newestFirst === true;
    const stored = (newestFirst ? table.descending : table.ascending).all(partition, low, high, range.limit);
    const rows = stored.map((row) => this.open(collection.purpose, row));
    let edge = newestFirst ? before : after;
    for (const { binding } of rows) {
      const ordinal = binding.order?.ordinal ?? Number.NaN;
      const inOrder = newestFirst ? ordinal < edge && ordinal > after : ordinal > edge && ordinal < before;
      if (!inOrder || binding.collection !== entry.id)
        throw new VaultError('tampered', 'the order of rows was changed');
      edge = ordinal;
    }
    return rows.map((row) => shown(collection, row));
  }

  #rankFrom(table: RowTable, partition: Uint8Array, ordinal: number): number {
    return this.order.firstFrom(table, partition, ordinal)?.rank ?? HIGHEST_RANK;
  }

  all(collection: Collection): Row[] {
    const entry = this.#entry(collection);
    if (entry === null) return [];
    const rows = this.#tables[collection.purpose].all.all(entry.id);
    if (rows.length !== entry.hash.count) throw new VaultError('tampered', 'rows are missing');
    return rows.map((stored) => shown(collection, this.open(collection.purpose, stored)));
  }

  count(collection: Collection, partition?: string): number {
    const entry = this.#entry(collection);
    if (partition !== undefined) checkName(partition);
    if (entry === null) return 0;
    if (partition === undefined) return entry.hash.count;
    const [count] = this.#tables[collection.purpose].partitionCount.get(this.codec.partition(entry.id, partition)) ?? [
      0,
    ];
    return count;
  }

  put(collection: Collection, key: string, value: Uint8Array, placing?: Placing): void {
    checkCollection(collection);
    checkName(key);
    checkValue(value);
    checkPlacing(placing);
    const { head } = this.#parts;
    const table = this.#tables[collection.purpose];
    const entry = head.register(collection.name, collection.purpose);
    const place = this.codec.place(entry.id, key);
    const old = table.take.get(place);
    if (old !== null) this.#forget(collection.purpose, entry, old);
    const nonce = this.#parts.sealer.nonce();
    const { lookups, order } =
      placing === undefined
        ? this.#keptPlace(collection.purpose, old)
        : this.#newPlace(collection, entry, placing, old);
    const counter = head.nextCounter();
    const binding: RowBinding = { collection: entry.id, place, counter, lookups, order };
    const content = { key, version: collection.version, value };
    const sealed = this.codec.seal(this.#keyOf(collection.purpose, counter), nonce, content, binding);
    const { partition, rank, ordinal } =
      order === null
        ? NO_ORDER
        : { partition: order.partition, rank: order.rank, ordinal: this.order.mask(order.ordinal, nonce) };
    table.insert.run(counter, place, entry.id, nonce, lookups, partition, rank, ordinal, sealed);
    head.add(entry, this.codec.element(entry.id, place, counter, nonce));
    this.#replaceLookups(table, place, old?.[4] ?? NO_BYTES, lookups);
  }

  /** True if there was such a row. */
  delete(collection: Collection, key: string): boolean {
    const entry = this.#entry(collection);
    checkName(key);
    if (entry === null) return false;
    const table = this.#tables[collection.purpose];
    const place = this.codec.place(entry.id, key);
    const old = table.take.get(place);
    if (old === null) return false;
    this.#forget(collection.purpose, entry, old);
    this.#replaceLookups(table, place, old[4], NO_BYTES);
    if (old[5] !== null) this.order.forget();
    return true;
  }

  /** Seals a row of the ratchet table again, under the newest daily key. */
  reseal(stored: StoredRow): void {
    const { head, sealer } = this.#parts;
    const row = this.open('ratchet', stored);
    const entry = this.#entryById(row.binding.collection);
    const [, place, , , lookups, partition, rank] = stored;
    this.#tables.ratchet.take.get(place);
    this.#forget('ratchet', entry, stored);
    const counter = head.nextCounter();
    const nonce = sealer.nonce();
    const sealed = this.codec.seal(this.#keyOf('ratchet', counter), nonce, row, { ...row.binding, counter });
    row.value.fill(0);
    const { order } = row.binding;
    const ordinal = order === null ? null : this.order.mask(order.ordinal, nonce);
    this.#tables.ratchet.insert.run(counter, place, entry.id, nonce, lookups, partition, rank, ordinal, sealed);
    head.add(entry, this.codec.element(entry.id, place, counter, nonce));
  }

  /** Opens a row as it lies in the file. Throws `tampered`. */
  open(table: RowTableName, stored: StoredRow): OpenedRow {
    const [counter, place, collection, nonce, lookups, partition, , masked, sealed] = stored;
    if ((partition === null) !== (masked === null)) throw new VaultError('tampered', 'the order of a row was changed');
    const order =
      partition === null || masked === null ? null : { partition, ordinal: this.order.unmask(masked, nonce) };
    const binding: RowBinding = { collection, place, counter, lookups, order };
    return { ...this.codec.open(this.#keyOf(table, counter), nonce, sealed, binding), binding };
  }

  #entry(collection: Collection): CollectionEntry | null {
    checkCollection(collection);
    return this.#parts.head.find(collection.name, collection.purpose);
  }

  #entryById(id: number): CollectionEntry {
    for (const entry of this.#parts.head.current.collections.values()) if (entry.id === id) return entry;
    throw new VaultError('tampered', 'a row belongs to no collection');
  }

  #keyOf(table: RowTableName, counter: number): Uint8Array {
    return table === 'ratchet' ? this.#parts.dayKeys.keyFor(counter) : this.#parts.keys.of(table);
  }

  #forget(table: RowTableName, entry: CollectionEntry, [counter, place, , nonce]: StoredRow): void {
    const element = this.codec.element(entry.id, place, counter, nonce);
    this.#parts.head.remove(entry, element);
    this.watcher?.removed(table, entry.id, counter, element);
  }

  /** Without a placing the old one is kept, which means opening the old row to know that it is genuine. */
  #keptPlace(table: RowTableName, old: StoredRow | null): Place {
    if (old === null || (old[4].length === 0 && old[5] === null)) return { lookups: NO_BYTES, order: null };
    const { lookups, order } = this.open(table, old).binding;
    return { lookups, order: order === null ? null : { ...order, rank: old[6] ?? 0 } };
  }

  #newPlace({ purpose }: Collection, entry: CollectionEntry, placing: Placing, old: StoredRow | null): Place {
    const hashes = (placing.lookups ?? []).map(([name, value]) => this.codec.lookup(entry.id, name, value));
    const lookups = joinHashes(hashes);
    const oldPartition = old?.[5] ?? null;
    if (placing.order === undefined) {
      if (oldPartition !== null) this.order.forget();
      return { lookups, order: null };
    }
    const { ordinal } = placing.order;
    const partition = this.codec.partition(entry.id, placing.order.partition);
    if (old !== null && oldPartition !== null && old[6] !== null && old[7] !== null) {
      const same = sameBytes(oldPartition, partition) && this.order.unmask(old[7], old[3]) === ordinal;
      if (same) return { lookups, order: { partition, ordinal, rank: old[6] } };
      this.order.forget();
    }
    const name = `${entry.id}/${placing.order.partition}`;
    const rank = this.order.rankFor(this.#tables[purpose], name, partition, ordinal);
    return { lookups, order: { partition, ordinal, rank } };
  }

  #replaceLookups(table: RowTable, place: Uint8Array, old: Uint8Array, next: Uint8Array): void {
    if (sameBytes(old, next)) return;
    const before = splitHashes(old);
    const after = splitHashes(next);
    for (const hash of before) {
      if (!after.some((other) => sameBytes(other, hash))) table.removeLookup.run(hash, place);
    }
    for (const hash of after) if (!before.some((other) => sameBytes(other, hash))) table.addLookup.run(hash, place);
  }
}

function shown(collection: Collection, row: OpenedRow): Row {
  return { key: row.key, value: upgraded(collection, row), ordinal: row.binding.order?.ordinal ?? null };
}

function upgraded(collection: Collection, { version, value }: RowContent): Uint8Array {
  if (version === collection.version) return value;
  if (version > collection.version) {
    throw new VaultError('newer_version', 'a row was written by a newer version of this program');
  }
  if (collection.upgrade === undefined) throw new VaultError('misuse', 'a collection does not know its older rows');
  return collection.upgrade(value, version);
}

function swapped(): VaultError {
  return new VaultError('tampered', 'a row lies where another belongs');
}
