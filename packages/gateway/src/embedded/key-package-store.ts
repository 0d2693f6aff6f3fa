import { Refusal } from '@sotto/wire';
import type { Clock } from '../clock.ts';
import { KEY_PACKAGES_PER_DAY, MAX_KEY_PACKAGES } from '../limits.ts';
import type {
  KeyPackageRecord,
  KeyPackages,
  KeyPackageStock,
  KeyPackageUpload,
  TakenKeyPackage,
} from '../ports/key-packages.ts';
import type { Admission, DeviceRef } from '../ports/types.ts';
import { RateLimiter } from '../rate-limiter.ts';
import { Refused } from '../refused.ts';
import { admitToKeys } from './bundle-admission.ts';
import { keyOf } from '../byte-keys.ts';
import { findDevice } from './device-rows.ts';
import type { GroupCommit } from './group-commit.ts';
import type { MailboxState } from './mailbox-state.ts';
import type { Sql } from './sql.ts';
import type { TokenUses } from './token-uses.ts';

const DAY_MS = 86_400_000;
/** The id under which the last-resort key package lies. */
const LAST_RESORT = 0;

export interface KeyPackageStoreParts {
  readonly sql: Sql;
  readonly commits: GroupCommit;
  readonly state: MailboxState;
  readonly tokenUses: TokenUses;
  readonly clock: Clock;
}

/** `KeyPackages` on SQLite. */
export class KeyPackageStore implements KeyPackages {
  readonly #parts: KeyPackageStoreParts;
  /** One-time ones by capability. In memory: after a restart a day begins anew. */
  readonly #drain: RateLimiter;

  constructor(parts: KeyPackageStoreParts) {
    this.#parts = parts;
    const rate = { burst: KEY_PACKAGES_PER_DAY, perMs: DAY_MS / KEY_PACKAGES_PER_DAY };
    this.#drain = new RateLimiter(parts.clock, rate);
  }

  upload(device: DeviceRef, upload: KeyPackageUpload): Promise<KeyPackageStock> {
    const bytes = upload.oneTime.reduce(
      (sum, record) => sum + record.bytes.length,
      upload.lastResort?.bytes.length ?? 0,
    );
    return this.#parts.commits.run(() => this.#upload(device.no, upload), bytes);
  }

  stock(device: DeviceRef): Promise<KeyPackageStock> {
    return Promise.resolve(this.#stock(device.no));
  }

  take(account: Uint8Array, device: Uint8Array, admission: Admission): Promise<TakenKeyPackage> {
    return this.#parts.commits.run(() => this.#take(account, device, admission));
  }

  #upload(deviceNo: number, { oneTime, lastResort, replace }: KeyPackageUpload): KeyPackageStock {
    const { sql } = this.#parts;
    const own = sql.build.deleteFrom('key_packages').where('device_no', '=', deviceNo);
    sql.run(replace ? own : own.where('expires_at', '<=', this.#seconds()));
    if (lastResort !== null) {
      sql.run(own.where('id', '=', LAST_RESORT));
      this.#insert(deviceNo, LAST_RESORT, lastResort);
    }
    const { highest } = this.#stock(deviceNo);
    const fresh = oneTime.filter(({ id }) => id > highest);
    for (const record of fresh) this.#insert(deviceNo, record.id, record);
    if (fresh.length > 0) this.#mark(deviceNo, Math.max(...fresh.map(({ id }) => id)));
    const stock = this.#stock(deviceNo);
    if (stock.oneTime > MAX_KEY_PACKAGES) throw new Refused(Refusal.TOO_LARGE, 'more key packages than are kept');
    return stock;
  }

  #insert(deviceNo: number, id: number, { expiresAt, bytes }: KeyPackageRecord): void {
    const { sql } = this.#parts;
    const row = { device_no: deviceNo, id, expires_at: expiresAt, bytes };
    sql.run(sql.build.insertInto('key_packages').values(row));
  }

  #mark(deviceNo: number, highest: number): void {
    const { sql } = this.#parts;
    sql.run(
      sql.build
        .insertInto('key_package_marks')
        .values({ device_no: deviceNo, highest })
        .onConflict((conflict) => conflict.column('device_no').doUpdateSet({ highest })),
    );
  }

  #stock(deviceNo: number): KeyPackageStock {
    const { sql } = this.#parts;
    const live = sql.build
      .selectFrom('key_packages')
      .select((select) => select.fn.countAll<number>().as('n'))
      .where('device_no', '=', deviceNo)
      .where('expires_at', '>', this.#seconds());
    const marks = sql.build.selectFrom('key_package_marks').select('highest').where('device_no', '=', deviceNo);
    return {
      oneTime: sql.first(live.where('id', '>', LAST_RESORT))?.n ?? 0,
      lastResort: (sql.first(live.where('id', '=', LAST_RESORT))?.n ?? 0) > 0,
      highest: sql.first(marks)?.highest ?? 0,
    };
  }

  #take(account: Uint8Array, device: Uint8Array, admission: Admission): TakenKeyPackage {
    const { sql, tokenUses } = this.#parts;
    const ref = findDevice(sql, account, device);
    const capability = admitToKeys(this.#parts, { account, ref, admission, purpose: 'key-package' });
    if (ref === null) throw new Refused(Refusal.NOT_FOUND, 'no such device');
    if (ref.revoked) throw new Refused(Refusal.REVOKED, 'the device was revoked');
    if (admission.kind === 'request-token') tokenUses.use('key-package', admission.id, ref.no, admission.expiresAt);
    // Who takes many is not refused, but no longer empties the stock.
    const wait = capability === null ? 0 : this.#drain.take(keyOf(capability.hash));
    const oneTime = wait === 0 ? this.#takeOneTime(ref.no) : undefined;
    if (oneTime !== undefined) return { keyPackage: oneTime, lastResort: false };
    const lastResort = sql.first(this.#live(ref.no).select('bytes').where('id', '=', LAST_RESORT))?.bytes;
    if (lastResort !== undefined) return { keyPackage: lastResort, lastResort: true };
    if (wait > 0) throw new Refused(Refusal.QUOTA, 'enough key packages for today', { retryAfterMs: wait });
    throw new Refused(Refusal.NOT_FOUND, 'the device keeps no key packages here');
  }

  #takeOneTime(deviceNo: number): Uint8Array | undefined {
    const { sql } = this.#parts;
    const oldest = this.#live(deviceNo).select('id').where('id', '>', LAST_RESORT).orderBy('id').limit(1);
    const query = sql.build.deleteFrom('key_packages').where('device_no', '=', deviceNo).where('id', '=', oldest);
    return sql.first(query.returning('bytes'))?.bytes;
  }

  #live(deviceNo: number) {
    return this.#parts.sql.build
      .selectFrom('key_packages')
      .where('device_no', '=', deviceNo)
      .where('expires_at', '>', this.#seconds());
  }

  #seconds(): number {
    return Math.floor(this.#parts.clock.now() / 1000);
  }
}
