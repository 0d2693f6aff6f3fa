import type { DeviceRef } from '../ports/types.ts';
import type { Sql } from './sql.ts';

interface DeviceRow {
  readonly no: number;
  readonly account: Uint8Array;
  readonly device: Uint8Array;
  readonly mailbox: Uint8Array;
  readonly ed25519: Uint8Array;
  readonly revoked_at: number | null;
}

/** Devices with the account they belong to. */
function selectDevices(sql: Sql) {
  return sql.build
    .selectFrom('devices')
    .innerJoin('accounts', 'accounts.no', 'devices.account_no')
    .select(['devices.no', 'account', 'device', 'mailbox', 'ed25519', 'revoked_at']);
}

/** Null: not registered here. */
export function findDevice(sql: Sql, account: Uint8Array, device: Uint8Array): DeviceRef | null {
  const row = sql.first(selectDevices(sql).where('account', '=', account).where('device', '=', device));
  return row === undefined ? null : refOf(row);
}

/** Those of an account that are not revoked, oldest registration first. */
export function activeDevices(sql: Sql, account: Uint8Array): DeviceRef[] {
  const query = selectDevices(sql).where('account', '=', account).where('revoked_at', 'is', null);
  return sql.all(query.orderBy('devices.no')).map(refOf);
}

/** The account's number and the size of its chain; undefined: unknown. */
export function findAccount(sql: Sql, account: Uint8Array) {
  const columns = ['no', 'statements', 'chain_bytes'] as const;
  return sql.first(sql.build.selectFrom('accounts').select(columns).where('account', '=', account));
}

function refOf(row: DeviceRow): DeviceRef {
  const { no, account, device, mailbox, ed25519, revoked_at: revokedAt } = row;
  return { no, account, device, mailbox, ed25519, revoked: revokedAt !== null };
}
