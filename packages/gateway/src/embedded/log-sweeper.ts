import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../clock.ts';
import type { GroupCommit } from './group-commit.ts';
import type { LogState } from './log-state.ts';

/** Entries, and bytes of them, removed in one operation: a sweep never holds up appends for long. */
const ROWS = 500;
const BYTES = 8 * 1024 * 1024;

interface Removed {
  bytes: number;
  lateBytes: number;
  /** Position of the last entry removed. */
  last: number;
}

/** Removes log entries whose time is over; epochs stay. */
export class LogSweeper {
  readonly #commits: GroupCommit;
  readonly #state: LogState;
  readonly #clock: Clock;
  readonly #retentionMs: number;
  readonly #sql;

  constructor(parts: {
    readonly database: DatabaseSync;
    readonly commits: GroupCommit;
    readonly state: LogState;
    readonly clock: Clock;
    readonly retentionSeconds: number;
  }) {
    const { database } = parts;
    this.#commits = parts.commits;
    this.#state = parts.state;
    this.#clock = parts.clock;
    this.#retentionMs = parts.retentionSeconds * 1000;
    this.#sql = {
      // Arrival is the order of the rows, and everything is kept for the same time.
      oldest: database.prepare(
        `SELECT no, log_no, position, late, stored_at_ms, length(entry) AS bytes FROM log_entries ORDER BY no LIMIT ${ROWS}`,
      ),
      remove: database.prepare('DELETE FROM log_entries WHERE no <= ?'),
      count: database.prepare(
        `UPDATE log_counters SET oldest = ?, bytes = bytes - ?, late_bytes = late_bytes - ? WHERE log_no = ?`,
      ),
      admissions: database.prepare('DELETE FROM log_admissions WHERE expires_at <= ?'),
      keyPackages: database.prepare('DELETE FROM key_packages WHERE expires_at <= ?'),
    };
  }

  async sweep(): Promise<void> {
    const now = this.#clock.now();
    while (await this.#commits.run(() => this.#step(now - this.#retentionMs))) continue;
    await this.#commits.run(() => {
      const seconds = Math.floor(now / 1000);
      this.#sql.admissions.run(seconds);
      this.#sql.keyPackages.run(seconds);
    });
  }

  /** True when there may be more. */
  #step(cutoff: number): boolean {
    const logs = new Map<number, Removed>();
    let upTo = 0;
    let rows = 0;
    let bytes = 0;
    for (const row of this.#sql.oldest.iterate()) {
      if (Number(row['stored_at_ms']) > cutoff || bytes >= BYTES) break;
      const size = Number(row['bytes']);
      const logNo = Number(row['log_no']);
      const removed = logs.get(logNo) ?? { bytes: 0, lateBytes: 0, last: 0 };
      removed.bytes += size;
      if (Number(row['late']) === 1) removed.lateBytes += size;
      removed.last = Number(row['position']);
      logs.set(logNo, removed);
      upTo = Number(row['no']);
      bytes += size;
      rows++;
    }
    if (rows === 0) return false;
    this.#sql.remove.run(upTo);
    for (const [logNo, removed] of logs) this.#count(logNo, removed);
    return rows === ROWS || bytes >= BYTES;
  }

  #count(logNo: number, { bytes, lateBytes, last }: Removed): void {
    const log = this.#state.remembered(logNo);
    if (log === undefined) {
      this.#sql.count.run(last + 1, bytes, lateBytes, logNo);
      return;
    }
    log.oldest = last + 1;
    log.bytes -= bytes;
    log.lateBytes -= lateBytes;
    this.#state.logChanged(log);
  }
}
