import { closeSync, fstatSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { SQLInputValue, StatementSync } from 'node:sqlite';
import { VaultError } from '../error.ts';
import { coded, failureOf, isSystemError } from './failure.ts';

export type SqlValue = SQLInputValue;

/** bytes; SQLite's default, stated because `maxBytes` is counted in it. */
const PAGE_SIZE = 4096;

/**
 * EXCLUSIVE: one connection at a time, held by a file lock of the operating system that dies with its process; WAL
 * then needs no shared memory file. FULL: a commit returns after its fsync. secure_delete: freed bytes are zeroed.
 */
const PRAGMAS = `
  PRAGMA page_size = ${PAGE_SIZE};
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA secure_delete = ON;
  PRAGMA trusted_schema = OFF;
  PRAGMA cell_size_check = ON;
  PRAGMA temp_store = MEMORY;
  PRAGMA cache_size = -8192;
  PRAGMA journal_size_limit = 4194304;
`;

/** What a column must hold. SQLite believes a damaged file even against its own schema. */
export type ColumnType = 'integer' | 'blob' | 'text' | 'integer?' | 'blob?';

/** A prepared statement whose rows are tuples of known types. Errors come out coded; other types are `damaged`. */
export class Query<Row extends readonly unknown[] = readonly []> {
  readonly #statement: StatementSync;
  readonly #columns: readonly ColumnType[];

  constructor(statement: StatementSync, columns: readonly ColumnType[]) {
    statement.setReturnArrays(true);
    this.#statement = statement;
    this.#columns = columns;
  }

  get(...parameters: SqlValue[]): Row | null {
    try {
      const row: unknown = this.#statement.get(...parameters);
      return row === undefined ? null : this.#checked(row as unknown[]);
    } catch (cause) {
      throw failureOf(cause);
    }
  }

  all(...parameters: SqlValue[]): Row[] {
    try {
      const rows = this.#statement.all(...parameters) as unknown as unknown[][];
      return rows.map((row) => this.#checked(row));
    } catch (cause) {
      throw failureOf(cause);
    }
  }

  #checked(row: readonly unknown[]): Row {
    for (let i = 0; i < this.#columns.length; i++) {
      if (!isOfType(row[i], this.#columns[i])) throw new VaultError('damaged', 'a row of the vault file is damaged');
    }
    return row as unknown as Row;
  }

  /** How many rows changed. */
  run(...parameters: SqlValue[]): number {
    try {
      return Number(this.#statement.run(...parameters).changes);
    } catch (cause) {
      throw failureOf(cause);
    }
  }
}

function isOfType(value: unknown, type: ColumnType | undefined): boolean {
  switch (type) {
    case 'integer':
      return typeof value === 'number';
    case 'blob':
      return value instanceof Uint8Array;
    case 'text':
      return typeof value === 'string';
    case 'integer?':
      return value === null || typeof value === 'number';
    case 'blob?':
      return value === null || value instanceof Uint8Array;
    case undefined:
      return false;
  }
}

/** The vault's SQLite file: one connection, one writer. */
export class Database {
  readonly #path: string;
  readonly #sqlite: DatabaseSync;
  readonly #begin: Query;
  readonly #commit: Query;
  readonly #rollback: Query;
  readonly #checkpoint: Query<[busy: number, inLog: number, moved: number]>;
  readonly #truncate: Query;

  /** Opens an existing (perhaps empty) file and locks it. Throws `locked` at once if another has it. */
  constructor(path: string, maxBytes?: number) {
    this.#path = path;
    this.#sqlite = coded(() => new DatabaseSync(path, { timeout: 0, allowExtension: false }));
    try {
      this.#sqlite.enableDefensive(true);
      this.exec(PRAGMAS);
      // SQLite keeps another mode silently where it cannot have this one.
      const [mode] = this.query<[string]>('PRAGMA journal_mode', ['text']).get() ?? [''];
      if (mode !== 'wal') throw new VaultError('io', 'this file system cannot hold a write-ahead log');
      if (maxBytes !== undefined) this.exec(`PRAGMA max_page_count = ${Math.max(1, Math.floor(maxBytes / PAGE_SIZE))}`);
      this.#begin = this.query('BEGIN IMMEDIATE');
      this.#commit = this.query('COMMIT');
      this.#rollback = this.query('ROLLBACK');
      this.#checkpoint = this.query('PRAGMA wal_checkpoint(FULL)', ['integer', 'integer', 'integer']);
      this.#truncate = this.query('PRAGMA wal_checkpoint(TRUNCATE)');
    } catch (error) {
      this.#sqlite.close();
      throw error;
    }
  }

  get inTransaction(): boolean {
    return this.#sqlite.isTransaction;
  }

  query<Row extends readonly unknown[]>(sql: string, columns: readonly ColumnType[] = []): Query<Row> {
    const statement = coded(() => this.#sqlite.prepare(sql));
    return new Query<Row>(statement, columns);
  }

  exec(sql: string): void {
    coded(() => this.#sqlite.exec(sql));
  }

  begin(): void {
    this.#begin.run();
  }

  /** Durable when it returns. */
  commit(): void {
    this.#commit.run();
  }

  /** SQLite has rolled back by itself after some errors (a full disk). */
  rollback(): void {
    if (this.#sqlite.isTransaction) this.#rollback.run();
  }

  /**
   * Moves everything into the main file, then overwrites and truncates the write-ahead log: what it held of deleted
   * rows and keys is gone from the file system's point of view (flash cells and copying file systems may keep it).
   * A crash in between is harmless: the main file is complete and synced before the log is touched.
   */
  scrub(): void {
    const [busy, inLog, moved] = this.#checkpoint.get() ?? [1, 0, 0];
    if (busy !== 0 || inLog !== moved) throw new VaultError('io', 'the write-ahead log could not be emptied');
    coded(() => zero(`${this.#path}-wal`));
    this.#truncate.get();
  }

  /** Throws `damaged` if the tables (default: all) and their indexes are not sound. */
  checkStructure(tables: readonly string[] = ['']): void {
    for (const table of tables) {
      const sql = `PRAGMA integrity_check${table === '' ? '' : `(${table})`}`;
      const [row] = this.query<[string]>(sql, ['text']).all();
      if (row?.[0] !== 'ok') throw new VaultError('damaged', 'the vault file is damaged');
    }
  }

  close(): void {
    if (this.#sqlite.isOpen) coded(() => this.#sqlite.close());
  }
}

/** Overwrites the write-ahead log. The main file is never opened here: closing it again would drop SQLite's lock. */
function zero(path: string): void {
  let file: number;
  try {
    file = openSync(path, 'r+');
  } catch (error) {
    if (isSystemError(error, 'ENOENT')) return;
    throw error;
  }
  try {
    const zeros = new Uint8Array(65_536);
    for (let left = fstatSync(file).size, at = 0; left > 0;) {
      const written = writeSync(file, zeros, 0, Math.min(left, zeros.length), at);
      at += written;
      left -= written;
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
