import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { keyOf } from '../byte-keys.ts';
import type { Participant } from './group-commit.ts';

/** What appending needs to know of a log, kept in memory between commits. */
export interface LogBox {
  readonly no: number;
  head: number;
  oldest: number;
  bytes: number;
  lateBytes: number;
  epochs: number;
  changed: boolean;
}

/** An epoch key of a log. */
export interface Epoch {
  readonly no: number;
  readonly logNo: number;
  /** Unix ms when another epoch first began on top of it; null: none has. */
  firstChildAt: number | null;
  /** Position of the last entry under it other than a message. */
  lastChange: number;
  changed: boolean;
}

/** Logs, and epochs, remembered; about 300 bytes each. */
const REMEMBERED = 20_000;

/**
 * Counters of logs and states of epochs, read once, changed in memory and written once a commit however many entries it
 * holds. After a rollback everything is forgotten and read again.
 */
export class LogState implements Participant {
  readonly #logs = new Map<string, LogBox>();
  readonly #byNo = new Map<number, LogBox>();
  readonly #epochs = new Map<string, Epoch>();
  readonly #changedLogs: LogBox[] = [];
  readonly #changedEpochs: Epoch[] = [];
  readonly #sql: Record<'log' | 'epoch' | 'addEpoch' | 'updateLog' | 'updateEpoch', StatementSync>;

  constructor(database: DatabaseSync) {
    this.#sql = {
      log: database.prepare(
        `SELECT no, head, oldest, bytes, late_bytes, epochs FROM logs JOIN log_counters ON log_no = no WHERE log = ?`,
      ),
      epoch: database.prepare('SELECT no, first_child_at_ms, last_change FROM log_epochs WHERE log_no = ? AND key = ?'),
      addEpoch: database.prepare(
        'INSERT INTO log_epochs (log_no, key, parent_no, first_child_at_ms, last_change) VALUES (?, ?, ?, NULL, 0)',
      ),
      updateLog: database.prepare(
        'UPDATE log_counters SET head = ?, oldest = ?, bytes = ?, late_bytes = ?, epochs = ? WHERE log_no = ?',
      ),
      updateEpoch: database.prepare('UPDATE log_epochs SET first_child_at_ms = ?, last_change = ? WHERE no = ?'),
    };
  }

  /** Undefined: no such log. */
  log(log: Uint8Array): LogBox | undefined {
    const key = keyOf(log);
    return this.#logs.get(key) ?? this.#loadLog(key, log);
  }

  /** The log with this number, if it is remembered. */
  remembered(logNo: number): LogBox | undefined {
    return this.#byNo.get(logNo);
  }

  /** Undefined: the log knows no such epoch key. */
  epoch(log: LogBox, epochKey: Uint8Array): Epoch | undefined {
    const key = `${log.no} ${keyOf(epochKey)}`;
    const known = this.#epochs.get(key);
    if (known !== undefined) return known;
    const row = this.#sql.epoch.get(log.no, epochKey);
    if (row === undefined) return undefined;
    const firstChildAt = row['first_child_at_ms'] === null ? null : Number(row['first_child_at_ms']);
    const lastChange = Number(row['last_change']);
    const epoch = { no: Number(row['no']), logNo: log.no, firstChildAt, lastChange, changed: false };
    this.#epochs.set(key, epoch);
    return epoch;
  }

  /** Writes a new epoch; inside a transaction. */
  addEpoch(log: LogBox, epochKey: Uint8Array, parent: Epoch | null): void {
    this.#sql.addEpoch.run(log.no, epochKey, parent?.no ?? null);
    log.epochs++;
    this.logChanged(log);
  }

  logChanged(log: LogBox): void {
    if (log.changed) return;
    log.changed = true;
    this.#changedLogs.push(log);
  }

  epochChanged(epoch: Epoch): void {
    if (epoch.changed) return;
    epoch.changed = true;
    this.#changedEpochs.push(epoch);
  }

  beforeCommit(): void {
    for (const { head, oldest, bytes, lateBytes, epochs, no } of this.#changedLogs) {
      this.#sql.updateLog.run(head, oldest, bytes, lateBytes, epochs, no);
    }
    for (const { firstChildAt, lastChange, no } of this.#changedEpochs) {
      this.#sql.updateEpoch.run(firstChildAt, lastChange, no);
    }
  }

  afterCommit(): void {
    for (const log of this.#changedLogs) log.changed = false;
    for (const epoch of this.#changedEpochs) epoch.changed = false;
    this.#changedLogs.length = 0;
    this.#changedEpochs.length = 0;
    if (this.#logs.size > REMEMBERED) this.#forgetLogs();
    if (this.#epochs.size > REMEMBERED) this.#epochs.clear();
  }

  afterRollback(): void {
    this.#changedLogs.length = 0;
    this.#changedEpochs.length = 0;
    this.#forgetLogs();
    this.#epochs.clear();
  }

  #forgetLogs(): void {
    this.#logs.clear();
    this.#byNo.clear();
  }

  #loadLog(key: string, log: Uint8Array): LogBox | undefined {
    const row = this.#sql.log.get(log);
    if (row === undefined) return undefined;
    const box: LogBox = {
      no: Number(row['no']),
      head: Number(row['head']),
      oldest: Number(row['oldest']),
      bytes: Number(row['bytes']),
      lateBytes: Number(row['late_bytes']),
      epochs: Number(row['epochs']),
      changed: false,
    };
    this.#logs.set(key, box);
    this.#byNo.set(box.no, box);
    return box;
  }
}
