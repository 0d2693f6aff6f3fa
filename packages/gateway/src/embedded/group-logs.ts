import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { equalBytes, logAdmissionMessage, logEntryIdOf, logEntryMessage, Refusal } from '@sotto/wire';
import type { LogEntry, LogPost } from '@sotto/wire';
import type { Clock } from '../clock.ts';
import { EPOCH_GRACE_MS, LATE_COMMIT_SHARE, MAX_ADMISSION_SECONDS, MAX_EPOCHS } from '../limits.ts';
import type { Limits } from '../limits.ts';
import type { AppendOutcome, GroupLogs, LogListener, LogPage, StoredEntry } from '../ports/group-logs.ts';
import { Refused } from '../refused.ts';
import type { VerifySignature } from '../verify-signature.ts';
import type { GroupCommit } from './group-commit.ts';
import type { LogListeners } from './log-listeners.ts';
import { LogRates } from './log-rates.ts';
import type { Epoch, LogBox, LogState } from './log-state.ts';

/** First half of a LogEntryId: collisions cost 2^64 hashes and hurt only who makes them. */
const ID_BYTES = 16;

export interface EmbeddedGroupLogsParts {
  readonly database: DatabaseSync;
  readonly commits: GroupCommit;
  readonly state: LogState;
  readonly listeners: LogListeners;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly sha256: (...parts: readonly Uint8Array[]) => Uint8Array;
  readonly verify: VerifySignature;
}

/** Where an entry would go. */
interface Place {
  readonly kind: 'place';
  readonly log: LogBox;
  readonly epoch: Epoch;
  /** A commit on top of an epoch that others have followed for long. */
  readonly late: boolean;
}

/** `GroupLogs` on SQLite. */
export class EmbeddedGroupLogs implements GroupLogs {
  readonly #parts: EmbeddedGroupLogsParts;
  readonly #rates: LogRates;
  readonly #sql;

  constructor(parts: EmbeddedGroupLogsParts) {
    this.#parts = parts;
    this.#rates = new LogRates(parts.clock, parts.limits.logEntriesPerMinute);
    this.#sql = statements(parts.database);
  }

  create(account: Uint8Array, log: Uint8Array, epochKey: Uint8Array): Promise<void> {
    return this.#parts.commits.run(() => this.#create(account, log, epochKey));
  }

  /** Judged twice: before the signature, so that what is refused anyway costs none, and when it is written. */
  async append(post: LogPost, caller: string): Promise<AppendOutcome> {
    const id = logEntryIdOf(post.entry.bytes, this.#parts.sha256).subarray(0, ID_BYTES);
    const judged = this.#judge(post, id);
    if (judged.kind !== 'place') return judged;
    const { epochKey, bytes } = post.entry;
    const signed =
      post.proof.kind === 'signature'
        ? { message: logEntryMessage(bytes), signature: post.proof.signature }
        : { message: logAdmissionMessage(post.proof.admission), signature: post.proof.admission.signature };
    if (!(await this.#parts.verify(epochKey, signed.message, signed.signature))) return refused(Refusal.SIGNATURE);
    return this.#parts.commits.run(() => this.#append(post, id, caller), bytes.length, 'nothing-written');
  }

  read(log: Uint8Array, after: number, limit: number, bytes: number): Promise<LogPage | null> {
    const box = this.#parts.state.log(log);
    if (box === undefined) return Promise.resolve(null);
    const records: StoredEntry[] = [];
    let size = 0;
    let more = false;
    for (const row of this.#sql.page.iterate(box.no, after, limit + 1)) {
      more = records.length >= limit || size >= bytes;
      if (more) break;
      const entry = row['entry'] as Uint8Array;
      records.push({ position: Number(row['position']), entry, storedAt: Number(row['stored_at_ms']) });
      size += entry.length;
    }
    return Promise.resolve({ records, more, extent: { oldest: box.oldest, head: box.head } });
  }

  listen(log: Uint8Array, listener: LogListener): () => void {
    return this.#parts.listeners.listen(log, listener);
  }

  #create(account: Uint8Array, log: Uint8Array, epochKey: Uint8Array): void {
    const { clock, limits, state } = this.#parts;
    const accountNo = this.#sql.account.get(account)?.['no'];
    if (accountNo === undefined) throw new Refused(Refusal.NOT_FOUND, 'no such account');
    const known = this.#sql.opened.get(log);
    if (known !== undefined) {
      const same = known['account_no'] === accountNo && equalBytes(known['first_key'] as Uint8Array, epochKey);
      if (same) return;
      throw new Refused(Refusal.CONFLICT, 'there is such a log already');
    }
    if (Number(this.#sql.count.get(accountNo)?.['n']) >= limits.logsPerAccount) {
      throw new Refused(Refusal.QUOTA, 'the account has as many logs as it may');
    }
    this.#sql.insertLog.run(log, epochKey, accountNo, Math.floor(clock.now() / 1000));
    this.#sql.insertCounter.run(log);
    const box = state.log(log);
    if (box !== undefined) state.addEpoch(box, epochKey, null);
  }

  #append(post: LogPost, id: Uint8Array, caller: string): AppendOutcome {
    const place = this.#judge(post, id);
    if (place.kind !== 'place') return place;
    const { log, epoch, late } = place;
    const { entry, proof } = post;
    const commit = isCommit(entry);
    const wait = this.#rates.takeEntry(epoch) || (commit ? this.#rates.takeCommit(epoch, caller, late) : 0);
    if (wait > 0) return refused(Refusal.RATE_LIMITED, wait);
    const { clock, state, listeners } = this.#parts;
    const storedAt = clock.now();
    const position = log.head + 1;
    this.#sql.insertEntry.run(log.no, position, storedAt, late ? 1 : 0, id, entry.bytes);
    if (proof.kind === 'admission') this.#sql.spend.run(proof.admission.expiresAt, log.no, proof.admission.nonce);
    if (commit) state.addEpoch(log, entry.successor, epoch);
    // Remembered state last: nothing below can throw.
    log.head = position;
    log.bytes += entry.bytes.length;
    if (late) log.lateBytes += entry.bytes.length;
    state.logChanged(log);
    if (commit) epoch.firstChildAt ??= storedAt;
    if (entry.kind !== 'message') {
      epoch.lastChange = position;
      state.epochChanged(epoch);
    }
    listeners.announce(entry.log, { position, entry: entry.bytes, storedAt });
    return { kind: 'appended', position };
  }

  /** Everything but the signature and the rates; changes nothing. */
  #judge(post: LogPost, id: Uint8Array): Place | AppendOutcome {
    const { state, clock } = this.#parts;
    const { entry } = post;
    const log = state.log(entry.log);
    if (log === undefined) return refused(Refusal.NOT_FOUND);
    // An author that repeats what is there must learn where, whatever has happened since.
    const known = this.#sql.byId.get(id, log.no);
    if (known !== undefined) return { kind: 'duplicate', position: Number(known['position']) };
    const epoch = state.epoch(log, entry.epochKey);
    if (epoch === undefined) return refused(Refusal.UNKNOWN_EPOCH);
    const followed = epoch.firstChildAt !== null && clock.now() - epoch.firstChildAt >= EPOCH_GRACE_MS;
    const late = followed && isCommit(entry);
    if (followed && !late) return refused(Refusal.STALE_EPOCH);
    const obstacle =
      this.#admission(post, log) ?? this.#commit(post, log, epoch) ?? this.#room(entry.bytes.length, log, late);
    return obstacle ?? { kind: 'place', log, epoch, late };
  }

  #admission({ proof }: LogPost, log: LogBox): AppendOutcome | null {
    if (proof.kind !== 'admission') return null;
    const { expiresAt, nonce } = proof.admission;
    if (this.#sql.spent.get(expiresAt, log.no, nonce) !== undefined) return refused(Refusal.SPENT);
    const left = expiresAt - Math.floor(this.#parts.clock.now() / 1000);
    return left > 0 && left <= MAX_ADMISSION_SECONDS ? null : refused(Refusal.EXPIRED);
  }

  /** Only entries under the same key count: those of other epochs change nothing for this one. */
  #commit({ entry, after }: LogPost, log: LogBox, epoch: Epoch): AppendOutcome | null {
    if (!isCommit(entry)) return null;
    if (this.#parts.state.epoch(log, entry.successor) !== undefined) return refused(Refusal.MALFORMED);
    return epoch.lastChange > after || after > log.head ? refused(Refusal.CONFLICT) : null;
  }

  #room(bytes: number, log: LogBox, late: boolean): AppendOutcome | null {
    const { logBytes } = this.#parts.limits;
    const full =
      log.bytes + bytes > logBytes ||
      (late && log.lateBytes + bytes > logBytes * LATE_COMMIT_SHARE) ||
      log.epochs >= MAX_EPOCHS;
    return full ? refused(Refusal.LOG_FULL) : null;
  }
}

type Commit = LogEntry & { readonly kind: 'commit' | 'external-commit' };

function isCommit(entry: LogEntry): entry is Commit {
  return entry.kind === 'commit' || entry.kind === 'external-commit';
}

function refused(refusal: Refusal, retryAfterMs = 0): AppendOutcome {
  return { kind: 'refused', refusal, retryAfterMs };
}

function statements(database: DatabaseSync) {
  const prepare = (sql: string): StatementSync => database.prepare(sql);
  return {
    account: prepare('SELECT no FROM accounts WHERE account = ?'),
    opened: prepare('SELECT account_no, first_key FROM logs WHERE log = ?'),
    count: prepare('SELECT COUNT(*) AS n FROM logs WHERE account_no = ?'),
    insertLog: prepare('INSERT INTO logs (log, first_key, account_no, created_at) VALUES (?, ?, ?, ?)'),
    insertCounter: prepare(
      `INSERT INTO log_counters (log_no, head, oldest, bytes, late_bytes, epochs)
       SELECT no, 0, 1, 0, 0, 0 FROM logs WHERE log = ?`,
    ),
    byId: prepare('SELECT position FROM log_entries WHERE id = ? AND log_no = ?'),
    insertEntry: prepare(
      'INSERT INTO log_entries (log_no, position, stored_at_ms, late, id, entry) VALUES (?, ?, ?, ?, ?, ?)',
    ),
    spent: prepare('SELECT 1 FROM log_admissions WHERE expires_at = ? AND log_no = ? AND nonce = ?'),
    spend: prepare('INSERT INTO log_admissions (expires_at, log_no, nonce) VALUES (?, ?, ?)'),
    page: prepare(
      `SELECT position, stored_at_ms, entry FROM log_entries WHERE log_no = ? AND position > ?
       ORDER BY position LIMIT ?`,
    ),
  };
}
