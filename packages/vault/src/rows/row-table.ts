import type { ColumnType, Database, Query } from '../file/database.ts';

/** The tables that hold sealed rows. */
export type RowTableName = 'state' | 'ratchet' | 'history';

/** A row as it lies in the file. */
export type StoredRow = readonly [
  /** Number of the write that made it; no two rows ever have the same. */
  counter: number,
  /** Keyed hash of collection and key, 16 bytes. */
  place: Uint8Array,
  /** Number that stands for the collection. */
  collection: number,
  nonce: Uint8Array,
  /** Sorted keyed hashes of the row's lookups, 16 bytes each. */
  lookups: Uint8Array,
  /** Keyed hash of the partition, 16 bytes; null: not ordered. */
  partition: Uint8Array | null,
  /** Place in the partition's order; says nothing else about the ordinal. */
  rank: number | null,
  /** The ordinal under a mask made from the nonce, 8 bytes. */
  ordinal: Uint8Array | null,
  sealed: Uint8Array,
];

/** What rank search needs of a row. */
export type RankedRow = readonly [rank: number, nonce: Uint8Array, ordinal: Uint8Array];

const TYPES: readonly ColumnType[] = [
  'integer',
  'blob',
  'integer',
  'blob',
  'blob',
  'blob?',
  'integer?',
  'blob?',
  'blob',
];
const RANKED_TYPES: readonly ColumnType[] = ['integer', 'blob', 'blob'];
const COLUMNS = 'counter, place, collection, nonce, lookups, partition, rank, ordinal, sealed';

/** Prepared statements over one table of rows and its lookups. */
export class RowTable {
  readonly get: Query<StoredRow>;
  readonly take: Query<StoredRow>;
  readonly insert: Query;
  readonly find: Query<[place: Uint8Array]>;
  readonly all: Query<StoredRow>;
  /** Rows with a counter above the first parameter, ascending. */
  readonly scan: Query<StoredRow>;
  /** The same with nothing as the sealed part. */
  readonly scanUnopened: Query<StoredRow>;
  /** The counter of the row at a place, by the index alone. */
  readonly counterAt: Query<[counter: number]>;
  /** Rows with a counter below the first parameter, ascending. */
  readonly oldest: Query<StoredRow>;
  readonly newestCounter: Query<[number | null]>;
  readonly addLookup: Query;
  readonly removeLookup: Query;
  readonly hasLookup: Query<[1]>;
  readonly ascending: Query<StoredRow>;
  readonly descending: Query<StoredRow>;
  readonly firstRank: Query<RankedRow>;
  readonly lastRank: Query<RankedRow>;
  readonly rankFrom: Query<RankedRow>;
  readonly rankBefore: Query<RankedRow>;
  readonly window: Query<[counter: number]>;
  readonly windowCount: Query<[number]>;
  readonly atRank: Query<[counter: number]>;
  readonly setRank: Query;
  readonly partitionCount: Query<[number]>;

  constructor(database: Database, name: RowTableName) {
    const row = `${name}_row`;
    const lookup = `${name}_lookup`;
    this.get = database.query(`SELECT ${COLUMNS} FROM ${row} WHERE place = ?`, TYPES);
    this.take = database.query(`DELETE FROM ${row} WHERE place = ? RETURNING ${COLUMNS}`, TYPES);
    this.insert = database.query(`INSERT INTO ${row} (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.find = database.query(`SELECT place FROM ${lookup} WHERE hash = ?`, ['blob']);
    this.all = database.query(`SELECT ${COLUMNS} FROM ${row} WHERE collection = ?`, TYPES);
    this.scan = database.query(`SELECT ${COLUMNS} FROM ${row} WHERE counter > ? ORDER BY counter LIMIT ?`, TYPES);
    const unopened = COLUMNS.replace('sealed', "x'' AS sealed");
    this.scanUnopened = database.query(
      `SELECT ${unopened} FROM ${row} WHERE counter > ? ORDER BY counter LIMIT ?`,
      TYPES,
    );
    this.counterAt = database.query(`SELECT counter FROM ${row} WHERE place = ?`, ['integer']);
    this.oldest = database.query(`SELECT ${COLUMNS} FROM ${row} WHERE counter < ? ORDER BY counter LIMIT ?`, TYPES);
    this.newestCounter = database.query(`SELECT max(counter) FROM ${row}`, ['integer?']);
    this.addLookup = database.query(`INSERT INTO ${lookup} (hash, place) VALUES (?, ?)`);
    this.removeLookup = database.query(`DELETE FROM ${lookup} WHERE hash = ? AND place = ?`);
    this.hasLookup = database.query(`SELECT 1 FROM ${lookup} WHERE hash = ? AND place = ?`, ['integer']);
    const range = `FROM ${row} WHERE partition = ? AND rank >= ? AND rank < ?`;
    this.ascending = database.query(`SELECT ${COLUMNS} ${range} ORDER BY rank LIMIT ?`, TYPES);
    this.descending = database.query(`SELECT ${COLUMNS} ${range} ORDER BY rank DESC LIMIT ?`, TYPES);
    const ranked = `SELECT rank, nonce, ordinal FROM ${row} WHERE partition = ?`;
    this.firstRank = database.query(`${ranked} ORDER BY rank LIMIT 1`, RANKED_TYPES);
    this.lastRank = database.query(`${ranked} ORDER BY rank DESC LIMIT 1`, RANKED_TYPES);
    this.rankFrom = database.query(`${ranked} AND rank >= ? ORDER BY rank LIMIT 1`, RANKED_TYPES);
    this.rankBefore = database.query(`${ranked} AND rank < ? ORDER BY rank DESC LIMIT 1`, RANKED_TYPES);
    this.window = database.query(`SELECT counter ${range} ORDER BY rank`, ['integer']);
    this.windowCount = database.query(`SELECT count(*) ${range}`, ['integer']);
    this.atRank = database.query(`SELECT counter FROM ${row} WHERE partition = ? AND rank = ?`, ['integer']);
    this.setRank = database.query(`UPDATE ${row} SET rank = ? WHERE counter = ?`);
    this.partitionCount = database.query(`SELECT count(*) FROM ${row} WHERE partition = ?`, ['integer']);
  }
}
