import { DatabaseSync } from 'node:sqlite';
import { VaultError } from '../error.ts';
import type { Database } from './database.ts';

/** "Sott", marks the file as a vault. */
const APPLICATION_ID = 0x536f7474;

/** Tables of sealed rows; see rows/row-table.ts. */
const rowTable = (name: string) => `
  CREATE TABLE ${name}_row (
    counter INTEGER PRIMARY KEY,
    place BLOB NOT NULL UNIQUE,
    collection INTEGER NOT NULL,
    nonce BLOB NOT NULL,
    lookups BLOB NOT NULL,
    partition BLOB,
    rank INTEGER,
    ordinal BLOB,
    sealed BLOB NOT NULL
  ) STRICT;
  CREATE INDEX ${name}_by_collection ON ${name}_row (collection);
  CREATE INDEX ${name}_by_rank ON ${name}_row (partition, rank) WHERE partition IS NOT NULL;
  CREATE TABLE ${name}_lookup (
    hash BLOB NOT NULL,
    place BLOB NOT NULL,
    PRIMARY KEY (hash, place)
  ) STRICT, WITHOUT ROWID;
`;

/**
 * The file's own schema: migration n makes version n + 1 of version n. Never changed once released; a file written by
 * each version stays in test/fixtures.
 */
export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    nonce BLOB NOT NULL,
    sealed BLOB NOT NULL
  ) STRICT;
  CREATE TABLE day_key (
    id INTEGER PRIMARY KEY,
    nonce BLOB NOT NULL,
    sealed BLOB NOT NULL
  ) STRICT;
  ${rowTable('state')}
  ${rowTable('ratchet')}
  ${rowTable('history')}
  CREATE TABLE search_block (
    id INTEGER PRIMARY KEY,
    sealed BLOB NOT NULL
  ) STRICT;
  CREATE TABLE search_place (
    place BLOB PRIMARY KEY,
    document INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
];

/** Version of the file's schema; 0: empty. Throws `damaged` for other programs' files, `newer_version` for the future. */
export function schemaVersion(database: Database, migrations: readonly string[]): number {
  const [version] = database.query<[number]>('PRAGMA user_version', ['integer']).get() ?? [0];
  const [application] = database.query<[number]>('PRAGMA application_id', ['integer']).get() ?? [0];
  const [objects] = database.query<[number]>('SELECT count(*) FROM sqlite_schema', ['integer']).get() ?? [0];
  if (version === 0 && application === 0 && objects === 0) return 0;
  if (application !== APPLICATION_ID || version < 1) {
    throw new VaultError('damaged', 'the vault file was written by something else');
  }
  if (version > migrations.length) {
    throw new VaultError('newer_version', 'the vault was written by a newer version of this program');
  }
  return version;
}

/**
 * Throws `tampered` unless the file has exactly the tables and indexes of its version: nothing that someone else put in
 * (a trigger, a view) runs.
 */
export function checkSchema(database: Database, migrations: readonly string[], version: number): void {
  const list = 'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name';
  const expected = new DatabaseSync(':memory:');
  try {
    for (const migration of migrations.slice(0, version)) expected.exec(migration);
    const statement = expected.prepare(list);
    statement.setReturnArrays(true);
    if (JSON.stringify(statement.all()) !== JSON.stringify(database.query(list).all())) {
      throw new VaultError('tampered', 'the vault file has tables or indexes that are not its own');
    }
  } finally {
    expected.close();
  }
}

/** Inside a transaction. */
export function migrate(database: Database, migrations: readonly string[], from: number): void {
  for (const migration of migrations.slice(from)) database.exec(migration);
  database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${migrations.length}`);
}
