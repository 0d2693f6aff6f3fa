import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely';
import type { Compilable } from 'kysely';
import type { Schema } from './schema.ts';

/** Prepared statements kept; the program has fewer distinct texts, lists of ids aside. */
const STATEMENTS = 200;

/**
 * Typed queries, run synchronously: kysely builds and compiles them, and a group-committed operation can run them
 * between BEGIN and COMMIT without leaving its turn. The hot path prepares its own statements.
 */
export class Sql {
  readonly build = new Kysely<Schema>({
    dialect: {
      createAdapter: () => new SqliteAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  all<Row>(query: Compilable<Row>): Row[] {
    const { sql, parameters } = query.compile();
    return this.#prepare(sql).all(...(parameters as readonly SQLInputValue[])) as Row[];
  }

  first<Row>(query: Compilable<Row>): Row | undefined {
    const { sql, parameters } = query.compile();
    return this.#prepare(sql).get(...(parameters as readonly SQLInputValue[])) as Row | undefined;
  }

  /** Number of rows changed. */
  run(query: Compilable): number {
    const { sql, parameters } = query.compile();
    return Number(this.#prepare(sql).run(...(parameters as readonly SQLInputValue[])).changes);
  }

  #prepare(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      if (this.#statements.size >= STATEMENTS) this.#statements.clear();
      statement = this.#database.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }
}
