import { Refusal } from '@sotto/wire';
import { MAX_CAPABILITIES } from '../limits.ts';
import type { CapabilityRecord } from '../ports/directory.ts';
import { Refused } from '../refused.ts';
import { activeDevices } from './device-rows.ts';
import type { MailboxState } from './mailbox-state.ts';
import type { Sql } from './sql.ts';

export interface CapabilityStoreParts {
  readonly sql: Sql;
  readonly state: MailboxState;
}

/** Capabilities of mailboxes. Everything runs inside an operation of the group commit. */
export class CapabilityStore {
  readonly #parts: CapabilityStoreParts;

  constructor(parts: CapabilityStoreParts) {
    this.#parts = parts;
  }

  /** Those that exist already stay as they are. Throws `Refused` `FORBIDDEN`, `QUOTA`. */
  open(account: Uint8Array, entries: readonly CapabilityRecord[]): void {
    const { sql } = this.#parts;
    const own = activeDevices(sql, account);
    const touched = new Set<number>();
    for (const entry of entries) {
      const owner = own.find((device) => Buffer.compare(device.mailbox, entry.mailbox) === 0);
      if (owner === undefined) throw new Refused(Refusal.FORBIDDEN, 'not a mailbox of this account');
      touched.add(owner.no);
      const row = { hash: entry.hash, device_no: owner.no, daily_quota: entry.dailyQuota };
      sql.run(
        sql.build
          .insertInto('capabilities')
          .values(row)
          .onConflict((conflict) => conflict.doNothing()),
      );
    }
    for (const no of touched) {
      if (this.#count(no) > MAX_CAPABILITIES) {
        throw new Refused(Refusal.QUOTA, 'the mailbox has as many capabilities as it may');
      }
    }
  }

  /** Those of other accounts stay as they are. */
  close(account: Uint8Array, hashes: readonly Uint8Array[]): void {
    const { sql, state } = this.#parts;
    const own = sql.build
      .selectFrom('devices')
      .innerJoin('accounts', 'accounts.no', 'devices.account_no')
      .select('devices.no')
      .where('account', '=', account);
    const removed: Uint8Array[] = [];
    for (const hash of hashes) {
      const query = sql.build.deleteFrom('capabilities').where('hash', '=', hash).where('device_no', 'in', own);
      if (sql.run(query) > 0) removed.push(hash);
    }
    for (const hash of removed) state.forgetCapability(hash);
  }

  #count(deviceNo: number): number {
    const { sql } = this.#parts;
    const query = sql.build
      .selectFrom('capabilities')
      .select((select) => select.fn.countAll<number>().as('n'))
      .where('device_no', '=', deviceNo);
    return sql.first(query)?.n ?? 0;
  }
}
