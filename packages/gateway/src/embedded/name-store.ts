import { Refusal } from '@sotto/wire';
import type { Clock } from '../clock.ts';
import { MAX_NAMES } from '../limits.ts';
import { Refused } from '../refused.ts';
import { findAccount } from './device-rows.ts';
import type { Sql } from './sql.ts';

/** Names of accounts. */
export class NameStore {
  readonly #sql: Sql;
  readonly #clock: Clock;

  constructor(sql: Sql, clock: Clock) {
    this.#sql = sql;
    this.#clock = clock;
  }

  /** AccountId; null: nobody's name. */
  resolve(name: string): Uint8Array | null {
    const { build } = this.#sql;
    const row = this.#sql.first(
      build
        .selectFrom('account_names')
        .innerJoin('accounts', 'accounts.no', 'account_names.account_no')
        .select('account')
        .where('name', '=', name),
    );
    return row?.account ?? null;
  }

  /** Inside an operation of the group commit. Throws `Refused` `NOT_FOUND`, `CONFLICT`, `QUOTA`. */
  claim(account: Uint8Array, name: string): void {
    const sql = this.#sql;
    const no = findAccount(sql, account)?.no;
    if (no === undefined) throw new Refused(Refusal.NOT_FOUND, 'no such account');
    const holder = sql.first(sql.build.selectFrom('account_names').select('account_no').where('name', '=', name));
    if (holder?.account_no === no) return;
    if (holder !== undefined) throw new Refused(Refusal.CONFLICT, 'the name is taken');
    const own = sql.all(sql.build.selectFrom('account_names').select('name').where('account_no', '=', no));
    if (own.length >= MAX_NAMES) throw new Refused(Refusal.QUOTA, 'the account has had as many names as it may');
    const claimedAt = Math.floor(this.#clock.now() / 1000);
    sql.run(sql.build.insertInto('account_names').values({ name, account_no: no, claimed_at: claimedAt }));
  }
}
