import type { DatabaseSync } from 'node:sqlite';
import { Refusal } from '@sotto/wire';
import { OPERATIONS_PER_COMMIT, PENDING_BYTES } from '../limits.ts';
import { Refused } from '../refused.ts';

/** What takes part in every commit. */
export interface Participant {
  /** Writes what it gathered in memory; runs inside the transaction, after the operations. */
  beforeCommit(): void;
  /** The transaction is on disk. */
  afterCommit(): void;
  /** The transaction is void: everything remembered from it must be forgotten. */
  afterRollback(): void;
}

type Outcome =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'error'; readonly error: unknown };

/**
 * How an operation that refuses is undone. `savepoint` undoes what it has written. `nothing-written` is for operations
 * that decide before their first write: savepoints copy every page they touch, which doubles the cost of a post.
 */
export type Undo = 'savepoint' | 'nothing-written';

interface Waiting {
  readonly operation: () => unknown;
  readonly undo: Undo;
  readonly bytes: number;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  outcome: Outcome;
}

/** `operation`: the one whose fault it was; null: nothing could be stored at all. */
type Attempt =
  | { readonly kind: 'committed' }
  | { readonly kind: 'failed'; readonly operation: Waiting | null; readonly error: unknown };

const NOT_RUN: Outcome = { kind: 'value', value: undefined };

/**
 * One transaction for all operations of a turn of the event loop: one that refuses undoes itself and no other, and one
 * that fails by surprise is left out when the others are run again. Promises settle after COMMIT has returned, and with
 * `synchronous = FULL` that is after fsync.
 */
export class GroupCommit {
  readonly #database: DatabaseSync;
  readonly #participants: Participant[] = [];
  readonly #onFailure: (error: unknown) => void;
  readonly #endOfTurn: (task: () => void) => void;
  readonly #statements;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  #scheduled = false;
  #closed = false;

  /** `endOfTurn` runs a task once, after everything that is to share its commit. */
  constructor(
    database: DatabaseSync,
    onFailure: (error: unknown) => void,
    endOfTurn: (task: () => void) => void = setImmediate,
  ) {
    this.#database = database;
    this.#endOfTurn = endOfTurn;
    this.#onFailure = onFailure;
    this.#statements = {
      begin: database.prepare('BEGIN IMMEDIATE'),
      commit: database.prepare('COMMIT'),
      savepoint: database.prepare('SAVEPOINT operation'),
      release: database.prepare('RELEASE operation'),
      undo: database.prepare('ROLLBACK TO operation'),
    };
  }

  join(participant: Participant): void {
    this.#participants.push(participant);
  }

  /**
   * Runs `operation` inside the next transaction (again, if that has to be repeated); resolves once it is on disk.
   * `bytes` is what it holds in memory until then. Rejects with the `Refused` it threw, or with `UNAVAILABLE`.
   * An operation changes remembered state last, after everything that can throw.
   */
  run<T>(operation: () => T, bytes = 0, undo: Undo = 'savepoint'): Promise<T> {
    if (this.#closed || this.#waitingBytes + bytes > PENDING_BYTES) {
      return Promise.reject(new Refused(Refusal.UNAVAILABLE, 'the gateway takes nothing more right now'));
    }
    this.#waitingBytes += bytes;
    return new Promise<T>((resolve, reject) => {
      const settle = { resolve: resolve as (value: unknown) => void, reject };
      this.#waiting.push({ operation, undo, bytes, ...settle, outcome: NOT_RUN });
      this.#schedule();
    });
  }

  /** Commits what waits and takes nothing more. */
  close(): void {
    while (this.#waiting.length > 0) this.#commit();
    this.#closed = true;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After this turn's sockets have been read: everything they brought shares the commit.
    this.#endOfTurn(() => {
      this.#scheduled = false;
      this.#commit();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  #commit(): void {
    let batch = this.#waiting.slice(0, OPERATIONS_PER_COMMIT);
    this.#waiting = this.#waiting.slice(OPERATIONS_PER_COMMIT);
    while (batch.length > 0) {
      const result = this.#attempt(batch);
      if (result.kind === 'committed') {
        for (const waiting of batch) this.#settle(waiting, waiting.outcome);
        for (const participant of this.#participants) participant.afterCommit();
        return;
      }
      // An operation that failed by surprise (a fault of ours) must not take the others with it: once more without it.
      const lost = result.operation === null ? batch : [result.operation];
      const error = new Refused(Refusal.UNAVAILABLE, 'the gateway cannot store right now', { cause: result.error });
      for (const waiting of lost) this.#settle(waiting, { kind: 'error', error });
      batch = batch.filter((waiting) => !lost.includes(waiting));
    }
  }

  #attempt(batch: readonly Waiting[]): Attempt {
    let current: Waiting | null = null;
    try {
      this.#statements.begin.run();
      for (const waiting of batch) {
        current = waiting;
        this.#execute(waiting);
      }
      current = null;
      for (const participant of this.#participants) participant.beforeCommit();
      this.#statements.commit.run();
      return { kind: 'committed' };
    } catch (error) {
      // After some errors (disk full, I/O) SQLite has ended the transaction by itself.
      const lost = current === null || !this.#database.isTransaction;
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      for (const participant of this.#participants) participant.afterRollback();
      this.#onFailure(error);
      return { kind: 'failed', operation: lost ? null : current, error };
    }
  }

  #execute(waiting: Waiting): void {
    const savepoint = waiting.undo === 'savepoint';
    if (savepoint) this.#statements.savepoint.run();
    try {
      waiting.outcome = { kind: 'value', value: waiting.operation() };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      if (savepoint) this.#statements.undo.run();
      waiting.outcome = { kind: 'error', error };
    }
    if (savepoint) this.#statements.release.run();
  }

  #settle(waiting: Waiting, outcome: Outcome): void {
    this.#waitingBytes -= waiting.bytes;
    if (outcome.kind === 'value') waiting.resolve(outcome.value);
    else waiting.reject(outcome.error);
  }
}
