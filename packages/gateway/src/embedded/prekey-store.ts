import { PrekeyKind, Refusal } from '@sotto/wire';
import type { Clock } from '../clock.ts';
import { BUNDLES_PER_DAY, LOW_PREKEYS, MAX_ONE_TIME_PREKEYS } from '../limits.ts';
import type { TakenBundle } from '../ports/directory.ts';
import type { Admission, DeviceRef, PrekeyRecord, PrekeyStock } from '../ports/types.ts';
import { Refused } from '../refused.ts';
import { admitToKeys } from './bundle-admission.ts';
import { findDevice } from './device-rows.ts';
import type { Listeners } from './listeners.ts';
import type { MailboxState } from './mailbox-state.ts';
import type { Sql } from './sql.ts';
import type { TokenUses } from './token-uses.ts';

const DAY_MS = 86_400_000;
const ONE_TIME_KINDS = [PrekeyKind.ONE_TIME, PrekeyKind.ONE_TIME_KEM] as const;

export interface PrekeyUpload {
  readonly lasting: readonly PrekeyRecord[];
  readonly oneTime: readonly PrekeyRecord[];
  /** One-time keys of before go first. */
  readonly replace: boolean;
}

export interface PrekeyStoreParts {
  readonly sql: Sql;
  readonly state: MailboxState;
  readonly listeners: Listeners;
  readonly tokenUses: TokenUses;
  readonly clock: Clock;
}

/** Prekeys and the bundles made of them. What writes runs inside an operation of the group commit. */
export class PrekeyStore {
  readonly #parts: PrekeyStoreParts;

  constructor(parts: PrekeyStoreParts) {
    this.#parts = parts;
  }

  /** Puts lasting prekeys in place of those of before, adds one-time prekeys. Throws `Refused` `TOO_LARGE`. */
  upload(device: DeviceRef, { lasting, oneTime, replace }: PrekeyUpload): PrekeyStock {
    const { sql } = this.#parts;
    if (replace) sql.run(sql.build.deleteFrom('one_time_prekeys').where('device_no', '=', device.no));
    for (const { kind, id, bytes: prekey } of lasting) {
      const row = { device_no: device.no, kind, id, bytes: prekey };
      sql.run(
        sql.build
          .insertInto('lasting_prekeys')
          .values(row)
          .onConflict((conflict) => conflict.columns(['device_no', 'kind']).doUpdateSet({ id, bytes: prekey })),
      );
    }
    for (const kind of ONE_TIME_KINDS) this.#addOneTime(device, kind, oneTime);
    return this.stock(device.no);
  }

  stock(deviceNo: number): PrekeyStock {
    const { sql } = this.#parts;
    const rows = sql.all(
      sql.build
        .selectFrom('one_time_prekeys')
        .select((select) => ['kind', select.fn.countAll<number>().as('n')])
        .where('device_no', '=', deviceNo)
        .where('expires_at', '>', this.#seconds())
        .groupBy('kind'),
    );
    const of = (kind: PrekeyKind): number => rows.find((row) => row.kind === kind)?.n ?? 0;
    return { oneTime: of(PrekeyKind.ONE_TIME), oneTimeKem: of(PrekeyKind.ONE_TIME_KEM) };
  }

  /** Lasting keys, and one of each one-time kind, removed for good. Throws `Refused`. */
  takeBundle(account: Uint8Array, device: Uint8Array, admission: Admission): TakenBundle {
    const { sql, tokenUses, state, listeners, clock } = this.#parts;
    const ref = findDevice(sql, account, device);
    const spend = this.#admitBundle(account, ref, admission);
    if (ref === null) throw new Refused(Refusal.NOT_FOUND, 'no such device');
    if (ref.revoked) throw new Refused(Refusal.REVOKED, 'the device was revoked');
    const lasting = sql.all(
      sql.build.selectFrom('lasting_prekeys').select('bytes').where('device_no', '=', ref.no).orderBy('kind'),
    );
    if (lasting.length === 0) throw new Refused(Refusal.NOT_FOUND, 'the device has published no prekeys yet');
    const prekeys = lasting.map((row) => row.bytes);
    for (const kind of ONE_TIME_KINDS) {
      const taken = this.#takeOneTime(ref.no, kind);
      if (taken !== undefined) prekeys.push(taken);
    }
    if (admission.kind === 'request-token') tokenUses.use('bundle', admission.id, ref.no, admission.expiresAt);
    const stock = this.stock(ref.no);
    if (spend !== null) {
      const day = Math.floor(clock.now() / DAY_MS);
      if (spend.day !== day) Object.assign(spend, { day, used: 0, bundles: 0 });
      spend.bundles++;
      state.capabilityChanged(spend);
    }
    if (Math.min(stock.oneTime, stock.oneTimeKem) < LOW_PREKEYS) {
      listeners.announce({ kind: 'prekeys-low', deviceNo: ref.no, stock });
    }
    return { mailbox: ref.mailbox, prekeys };
  }

  #addOneTime(device: DeviceRef, kind: PrekeyKind, records: readonly PrekeyRecord[]): void {
    const { sql } = this.#parts;
    const column = kind === PrekeyKind.ONE_TIME ? 'highest_one_time' : 'highest_one_time_kem';
    const highest =
      sql.first(sql.build.selectFrom('devices').select(column).where('no', '=', device.no))?.[column] ?? 0;
    const fresh = records.filter((record) => record.kind === kind && record.id > highest);
    if (fresh.length === 0) return;
    const own = sql.build
      .deleteFrom('one_time_prekeys')
      .where('device_no', '=', device.no)
      .where('kind', '=', kind)
      .where('expires_at', '<=', this.#seconds());
    sql.run(own);
    for (const { id, expiresAt, bytes } of fresh) {
      const row = { device_no: device.no, kind, id, expires_at: expiresAt, bytes };
      sql.run(sql.build.insertInto('one_time_prekeys').values(row));
    }
    const top = Math.max(...fresh.map((record) => record.id));
    sql.run(
      sql.build
        .updateTable('devices')
        .set({ [column]: top })
        .where('no', '=', device.no),
    );
    const stock = this.stock(device.no);
    if (Math.max(stock.oneTime, stock.oneTimeKem) > MAX_ONE_TIME_PREKEYS) {
      throw new Refused(Refusal.TOO_LARGE, 'more one-time prekeys than are kept');
    }
  }

  /** Refuses, or returns the capability to charge; null: none. */
  #admitBundle(account: Uint8Array, ref: DeviceRef | null, admission: Admission) {
    const capability = admitToKeys(this.#parts, { account, ref, admission, purpose: 'bundle' });
    const now = this.#parts.clock.now();
    const day = Math.floor(now / DAY_MS);
    if (capability?.day === day && capability.bundles >= BUNDLES_PER_DAY) {
      throw new Refused(Refusal.QUOTA, 'enough bundles for today', { retryAfterMs: (day + 1) * DAY_MS - now });
    }
    return capability;
  }

  #takeOneTime(deviceNo: number, kind: PrekeyKind): Uint8Array | undefined {
    const { sql } = this.#parts;
    const oldest = sql.build
      .selectFrom('one_time_prekeys')
      .select('id')
      .where('device_no', '=', deviceNo)
      .where('kind', '=', kind)
      .where('expires_at', '>', this.#seconds())
      .orderBy('id')
      .limit(1);
    const query = sql.build
      .deleteFrom('one_time_prekeys')
      .where('device_no', '=', deviceNo)
      .where('kind', '=', kind)
      .where('id', '=', oldest);
    return sql.first(query.returning('bytes'))?.bytes;
  }

  #seconds(): number {
    return Math.floor(this.#parts.clock.now() / 1000);
  }
}
