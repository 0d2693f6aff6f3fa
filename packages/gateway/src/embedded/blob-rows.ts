import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { equalBytes, Refusal } from '@sotto/wire';
import type { Limits } from '../limits.ts';
import { BLOB_UPLOAD_SECONDS } from '../limits.ts';
import type { BlobOrder, BlobState } from '../ports/blobs.ts';
import type { DeviceRef } from '../ports/types.ts';
import { Refused } from '../refused.ts';
import type { Participant } from './group-commit.ts';

const HOUR = 3600;
const DAY = 86_400;

/** What the database knows of blobs. Everything that changes runs inside a group-committed operation. */
export class BlobRows implements Participant {
  readonly #limits: Limits;
  readonly #sql: Record<
    'total' | 'find' | 'account' | 'day' | 'count' | 'insert' | 'advance' | 'delete' | 'expired' | 'days',
    StatementSync
  >;
  /** Bytes promised to all blobs; null: to be added up. */
  #total: number | null = null;

  constructor(database: DatabaseSync, limits: Limits) {
    this.#limits = limits;
    this.#sql = {
      total: database.prepare('SELECT COALESCE(SUM(length), 0) AS bytes FROM blobs'),
      find: database.prepare('SELECT owner, length, stored, expires_hour FROM blobs WHERE blob = ?'),
      account: database.prepare('SELECT account_no FROM devices WHERE no = ?'),
      day: database.prepare('SELECT bytes, blobs FROM blob_days WHERE day = ? AND account_no = ?'),
      count: database.prepare(
        `INSERT INTO blob_days (day, account_no, bytes, blobs) VALUES (?, ?, ?, 1)
         ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes, blobs = blobs + 1`,
      ),
      insert: database.prepare('INSERT INTO blobs (blob, owner, length, expires_hour) VALUES (?, ?, ?, ?)'),
      advance: database.prepare('UPDATE blobs SET stored = ?, expires_hour = ? WHERE blob = ?'),
      delete: database.prepare('DELETE FROM blobs WHERE blob = ? RETURNING length'),
      expired: database.prepare('SELECT blob FROM blobs WHERE expires_hour <= ? LIMIT ?'),
      days: database.prepare('DELETE FROM blob_days WHERE day < ?'),
    };
  }

  /** Null: unknown, or over. `now`: Unix seconds. */
  find(blob: Uint8Array, now: number): BlobState | null {
    const row = this.#sql.find.get(blob);
    if (row === undefined) return null;
    const expiresAt = Number(row['expires_hour']) * HOUR;
    if (expiresAt <= now) return null;
    const owner = row['owner'] as Uint8Array;
    return { blob, owner, length: Number(row['length']), offset: Number(row['stored']), expiresAt };
  }

  /** See `Blobs.begin`. */
  begin({ no }: DeviceRef, order: BlobOrder, now: number): BlobState {
    const { blob, owner, length } = order;
    const known = this.find(blob, now);
    if (known !== null) {
      if (equalBytes(known.owner, owner) && known.length === length) return known;
      throw new Refused(Refusal.CONFLICT, 'another blob is called so');
    }
    if (this.#sql.find.get(blob) !== undefined) throw new Refused(Refusal.UNAVAILABLE, 'the old blob is being removed');
    const { blobBytes, blobTotalBytes, blobDailyBytes, blobDailyCount } = this.#limits;
    if (length > blobBytes) throw new Refused(Refusal.TOO_LARGE, 'this gateway takes no blobs of this size');
    const day = Math.floor(now / DAY);
    const account = this.#sql.account.get(no)?.['account_no'] as number;
    const used = this.#sql.day.get(day, account);
    if (Number(used?.['bytes'] ?? 0) + length > blobDailyBytes || Number(used?.['blobs'] ?? 0) >= blobDailyCount) {
      const retryAfterMs = ((day + 1) * DAY - now) * 1000;
      throw new Refused(Refusal.QUOTA, "the account's blobs of this day are used up", { retryAfterMs });
    }
    const total = this.#totalBytes();
    if (total + length > blobTotalBytes) throw storageFull();
    const expiresHour = Math.ceil((now + BLOB_UPLOAD_SECONDS) / HOUR);
    this.#sql.count.run(day, account, length);
    this.#sql.insert.run(blob, owner, length, expiresHour);
    this.#total = total + length;
    return { ...order, offset: 0, expiresAt: expiresHour * HOUR };
  }

  /** So many bytes are on disk. A complete blob's time begins now. False: it is gone. */
  advance(blob: Uint8Array, stored: number, now: number): boolean {
    const known = this.find(blob, now);
    if (known === null || stored < known.offset) return false;
    const kept = stored === known.length ? this.#limits.blobRetentionSeconds : BLOB_UPLOAD_SECONDS;
    this.#sql.advance.run(stored, Math.ceil((now + kept) / HOUR), blob);
    return true;
  }

  remove(blob: Uint8Array): void {
    const row = this.#sql.delete.get(blob);
    if (row !== undefined && this.#total !== null) this.#total -= Number(row['length']);
  }

  /** Blobs that are over, at most `limit`. */
  expired(now: number, limit: number): Uint8Array[] {
    return this.#sql.expired.all(Math.floor(now / HOUR), limit).map((row) => row['blob'] as Uint8Array);
  }

  forgetDaysBefore(now: number): void {
    this.#sql.days.run(Math.floor(now / DAY));
  }

  beforeCommit(): void {}

  afterCommit(): void {}

  afterRollback(): void {
    this.#total = null;
  }

  #totalBytes(): number {
    this.#total ??= Number(this.#sql.total.get()?.['bytes']);
    return this.#total;
  }
}

/** ms after which a sender asks again whether there is room. */
const ROOM_MS = 600_000;

export function storageFull(cause?: unknown): Refused {
  return new Refused(Refusal.STORAGE_FULL, 'the gateway has no more room for blobs', { cause, retryAfterMs: ROOM_MS });
}
