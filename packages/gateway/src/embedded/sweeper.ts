import type { DatabaseSync } from 'node:sqlite';
import { every } from '../clock.ts';
import type { Clock } from '../clock.ts';
import type { GroupCommit } from './group-commit.ts';
import type { MailboxState } from './mailbox-state.ts';

const SWEEP_MS = 60_000;
/** Rows of one kind removed in one operation: a sweep never holds up posts for long. */
const ROWS = 1000;
/** Seconds for which senders of a revoked device hear that it was revoked; afterwards their capabilities are unknown. */
const REVOKED_CAPABILITY_SECONDS = 30 * 24 * 3600;

/** Removes what has expired, a small step at a time. */
export class Sweeper {
  readonly #commits: GroupCommit;
  readonly #state: MailboxState;
  readonly #clock: Clock;
  readonly #others: readonly { sweep(): Promise<void> }[];
  readonly #sql;
  readonly #stop: () => void;
  #sweptHour: number | undefined;

  constructor(parts: {
    readonly database: DatabaseSync;
    readonly commits: GroupCommit;
    readonly state: MailboxState;
    readonly clock: Clock;
    readonly others: readonly { sweep(): Promise<void> }[];
  }) {
    this.#others = parts.others;
    const { database, commits, state, clock } = parts;
    this.#commits = commits;
    this.#state = state;
    this.#clock = clock;
    this.#sql = {
      nextMailbox: database.prepare('SELECT device_no FROM messages WHERE device_no > ? ORDER BY device_no LIMIT 1'),
      messages: database.prepare(
        `DELETE FROM messages WHERE no IN
         (SELECT no FROM messages WHERE device_no = ? AND expires_hour <= ? LIMIT ${ROWS})`,
      ),
      seen: database.prepare(
        `DELETE FROM seen WHERE (expires_hour, device_no, id) IN
         (SELECT expires_hour, device_no, id FROM seen WHERE expires_hour <= ? LIMIT ${ROWS})`,
      ),
      tokens: database.prepare('DELETE FROM request_token_uses WHERE expires_at <= ?'),
      prekeys: database.prepare('DELETE FROM one_time_prekeys WHERE expires_at <= ?'),
      capabilities: database.prepare(
        'DELETE FROM capabilities WHERE device_no IN (SELECT no FROM devices WHERE revoked_at <= ?)',
      ),
    };
    // A failing disk is reported by the commit itself; the next sweep tries again.
    this.#stop = every(clock, SWEEP_MS, () => void this.sweep().catch(() => undefined));
  }

  stop(): void {
    this.#stop();
  }

  /** Removes everything that has expired by now. Envelopes expire at full hours, so most sweeps find nothing to do. */
  async sweep(): Promise<void> {
    const seconds = Math.floor(this.#clock.now() / 1000);
    const hour = Math.floor(seconds / 3600);
    if (hour !== this.#sweptHour) {
      for (let no = this.#nextMailbox(0); no !== undefined; no = this.#nextMailbox(no)) {
        const deviceNo = no;
        while ((await this.#commits.run(() => this.#sweepMailbox(deviceNo, hour))) === ROWS) continue;
      }
      while ((await this.#commits.run(() => Number(this.#sql.seen.run(hour).changes))) === ROWS) continue;
      this.#sweptHour = hour;
    }
    await this.#commits.run(() => {
      this.#sql.tokens.run(seconds);
      this.#sql.prekeys.run(seconds);
      this.#sql.capabilities.run(seconds - REVOKED_CAPABILITY_SECONDS);
    });
    for (const other of this.#others) await other.sweep();
  }

  #nextMailbox(after: number): number | undefined {
    const row = this.#sql.nextMailbox.get(after);
    return row === undefined ? undefined : Number(row['device_no']);
  }

  #sweepMailbox(deviceNo: number, hour: number): number {
    const removed = Number(this.#sql.messages.run(deviceNo, hour).changes);
    const box = this.#state.remembered(deviceNo);
    if (box !== undefined) box.messages -= removed;
    return removed;
  }
}
