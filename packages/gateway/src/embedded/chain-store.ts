import { Refusal } from '@sotto/wire';
import type { Clock } from '../clock.ts';
import { MAX_CHAIN_BYTES, MAX_DEVICES } from '../limits.ts';
import type { ChainChange, NewDevice } from '../ports/directory.ts';
import { Refused } from '../refused.ts';
import { findAccount } from './device-rows.ts';
import type { Listeners } from './listeners.ts';
import type { MailboxState } from './mailbox-state.ts';
import type { Sql } from './sql.ts';

export interface ChainStoreParts {
  readonly sql: Sql;
  readonly state: MailboxState;
  readonly listeners: Listeners;
  readonly clock: Clock;
}

/** Chains and the devices they certify. What writes runs inside an operation of the group commit. */
export class ChainStore {
  readonly #parts: ChainStoreParts;

  constructor(parts: ChainStoreParts) {
    this.#parts = parts;
  }

  /** Null: unknown account. */
  read(account: Uint8Array, fromSequence: number): Uint8Array[] | null {
    const { sql } = this.#parts;
    const known = findAccount(sql, account);
    if (known === undefined) return null;
    const rows = sql.all(
      sql.build
        .selectFrom('statements')
        .select('bytes')
        .where('account_no', '=', known.no)
        .where((is) =>
          is.or([
            is('sequence', '>=', fromSequence),
            // Whoever asks knows a statement before that; one that came after it, in an earlier place, is news too.
            is(
              'position',
              '>',
              is
                .selectFrom('statements as known')
                .select((select) => select.fn.min('known.position').as('first'))
                .where('known.account_no', '=', known.no)
                .where('known.sequence', '=', fromSequence - 1),
            ),
          ]),
        )
        .orderBy('sequence')
        .orderBy('position'),
    );
    return rows.map((row) => row.bytes);
  }

  /** `moved`: the chain is not what the change was made for. Throws `Refused`. */
  write(change: ChainChange): 'written' | 'moved' {
    const { sql } = this.#parts;
    const known = findAccount(sql, change.account);
    if ((known?.statements ?? 0) !== change.expected) return 'moved';
    const no = known?.no ?? this.#createAccount(change.account);
    if (change.added.length > 0) {
      const statements = change.expected + change.added.length;
      const chainBytes = (known?.chain_bytes ?? 0) + lengthOf(change.added);
      if (chainBytes > MAX_CHAIN_BYTES) throw new Refused(Refusal.TOO_LARGE, 'the chain is as long as it may be');
      sql.run(sql.build.updateTable('accounts').set({ statements, chain_bytes: chainBytes }).where('no', '=', no));
    }
    for (const [index, { sequence, bytes }] of change.added.entries()) {
      const row = { account_no: no, position: change.expected + index, sequence, bytes };
      sql.run(sql.build.insertInto('statements').values(row));
    }
    if (change.register !== undefined) this.#register(no, change.register);
    this.#revokeOthers(no, change.active);
    return 'written';
  }

  #createAccount(account: Uint8Array): number {
    const { sql } = this.#parts;
    const row = { account, statements: 0, chain_bytes: 0, created_at: this.#seconds() };
    const inserted = sql.first(sql.build.insertInto('accounts').values(row).returning('no'));
    if (inserted === undefined) throw new Error('an inserted account has no number');
    return inserted.no;
  }

  /** A new mailbox, or the one the device had. */
  #register(accountNo: number, { device, ed25519, mailbox }: NewDevice): void {
    const { sql, state } = this.#parts;
    const known = sql.all(
      sql.build.selectFrom('devices').select(['no', 'device', 'revoked_at']).where('account_no', '=', accountNo),
    );
    const own = known.find((row) => Buffer.compare(row.device, device) === 0);
    if (own !== undefined) {
      if (own.revoked_at === null) return;
      // Its certificate was void for a while, because of a concurrent statement, and is in force again.
      sql.run(sql.build.updateTable('devices').set({ revoked_at: null }).where('no', '=', own.no));
      const box = state.remembered(own.no);
      if (box !== undefined) box.revoked = false;
      return;
    }
    if (known.filter((row) => row.revoked_at === null).length >= MAX_DEVICES) {
      throw new Refused(Refusal.QUOTA, 'the account has as many devices as it may');
    }
    const row = { account_no: accountNo, device, ed25519, mailbox, registered_at: this.#seconds(), revoked_at: null };
    const inserted = sql.first(sql.build.insertInto('devices').values(row).returning('no'));
    if (inserted === undefined) throw new Error('an inserted device has no number');
    sql.run(sql.build.insertInto('mailbox_counters').values({ device_no: inserted.no, next_sequence: 1 }));
  }

  /** What waited for a device that is out goes; its capabilities stay a while, so that senders hear why. */
  #revokeOthers(accountNo: number, active: readonly Uint8Array[]): void {
    const { sql, state, listeners } = this.#parts;
    const rows = sql.all(
      sql.build
        .updateTable('devices')
        .set({ revoked_at: this.#seconds() })
        .where('account_no', '=', accountNo)
        .where('device', 'not in', active)
        .where('revoked_at', 'is', null)
        .returning('no'),
    );
    for (const { no } of rows) {
      sql.run(sql.build.deleteFrom('messages').where('device_no', '=', no));
      sql.run(sql.build.deleteFrom('lasting_prekeys').where('device_no', '=', no));
      sql.run(sql.build.deleteFrom('one_time_prekeys').where('device_no', '=', no));
      sql.run(sql.build.deleteFrom('witnesses').where('device_no', '=', no));
    }
    for (const { no } of rows) {
      const box = state.remembered(no);
      if (box !== undefined) Object.assign(box, { revoked: true, messages: 0 });
      listeners.announce({ kind: 'closing', deviceNo: no, refusal: Refusal.REVOKED });
    }
  }

  #seconds(): number {
    return Math.floor(this.#parts.clock.now() / 1000);
  }
}

/** Bytes of records together. */
export function lengthOf(items: readonly { readonly bytes: Uint8Array }[]): number {
  let length = 0;
  for (const { bytes } of items) length += bytes.length;
  return length;
}
