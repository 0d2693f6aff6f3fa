import { PrekeyKind, Refusal } from '@sotto/wire';
import type { Clock } from '../clock.ts';
import {
  BUNDLES_PER_DAY,
  LOW_PREKEYS,
  MAX_CAPABILITIES,
  MAX_DEVICES,
  MAX_NAMES,
  MAX_CHAIN_BYTES,
  MAX_ONE_TIME_PREKEYS,
} from '../limits.ts';
import type { CapabilityRecord, ChainChange, Directory, NewDevice, TakenBundle } from '../ports/directory.ts';
import type { Admission, DeviceRef, PrekeyRecord, PrekeyStock } from '../ports/types.ts';
import { Refused } from '../refused.ts';
import type { GroupCommit } from './group-commit.ts';
import type { Listeners } from './listeners.ts';
import type { MailboxState } from './mailbox-state.ts';
import type { Sql } from './sql.ts';
import type { TokenUses } from './token-uses.ts';

const DAY_MS = 86_400_000;
const ONE_TIME_KINDS = [PrekeyKind.ONE_TIME, PrekeyKind.ONE_TIME_KEM] as const;

export interface EmbeddedDirectoryParts {
  readonly sql: Sql;
  readonly commits: GroupCommit;
  readonly state: MailboxState;
  readonly listeners: Listeners;
  readonly tokenUses: TokenUses;
  readonly clock: Clock;
}

interface DeviceRow {
  readonly no: number;
  readonly account: Uint8Array;
  readonly device: Uint8Array;
  readonly mailbox: Uint8Array;
  readonly ed25519: Uint8Array;
  readonly revoked_at: number | null;
}

/** `Directory` on SQLite. */
export class EmbeddedDirectory implements Directory {
  readonly #parts: EmbeddedDirectoryParts;

  constructor(parts: EmbeddedDirectoryParts) {
    this.#parts = parts;
  }

  resolveName(name: string): Promise<Uint8Array | null> {
    const { sql } = this.#parts;
    const row = sql.first(
      sql.build
        .selectFrom('account_names')
        .innerJoin('accounts', 'accounts.no', 'account_names.account_no')
        .select('account')
        .where('name', '=', name),
    );
    return Promise.resolve(row?.account ?? null);
  }

  chain(account: Uint8Array, fromSequence: number): Promise<Uint8Array[] | null> {
    const { sql } = this.#parts;
    const known = this.#account(account);
    if (known === undefined) return Promise.resolve(null);
    const rows = sql.all(
      sql.build
        .selectFrom('statements')
        .select('bytes')
        .where('account_no', '=', known.no)
        .where('sequence', '>=', fromSequence)
        .orderBy('sequence')
        .orderBy('position'),
    );
    return Promise.resolve(rows.map((row) => row.bytes));
  }

  device(account: Uint8Array, device: Uint8Array): Promise<DeviceRef | null> {
    return Promise.resolve(this.#device(account, device));
  }

  devices(account: Uint8Array): Promise<DeviceRef[]> {
    const { sql } = this.#parts;
    const query = this.#selectDevices().where('account', '=', account).where('revoked_at', 'is', null);
    return Promise.resolve(sql.all(query.orderBy('devices.no')).map(refOf));
  }

  writeChain(change: ChainChange): Promise<'written' | 'moved'> {
    const bytes = lengthOf(change.added);
    return this.#parts.commits.run(() => this.#writeChain(change), bytes);
  }

  claimName(account: Uint8Array, name: string): Promise<void> {
    const { sql, commits } = this.#parts;
    return commits.run(() => {
      const no = this.#account(account)?.no;
      if (no === undefined) throw new Refused(Refusal.NOT_FOUND, 'no such account');
      const holder = sql.first(sql.build.selectFrom('account_names').select('account_no').where('name', '=', name));
      if (holder?.account_no === no) return;
      if (holder !== undefined) throw new Refused(Refusal.CONFLICT, 'the name is taken');
      const own = sql.all(sql.build.selectFrom('account_names').select('name').where('account_no', '=', no));
      if (own.length >= MAX_NAMES) throw new Refused(Refusal.QUOTA, 'the account has had as many names as it may');
      sql.run(sql.build.insertInto('account_names').values({ name, account_no: no, claimed_at: this.#seconds() }));
    });
  }

  uploadPrekeys(
    device: DeviceRef,
    lasting: readonly PrekeyRecord[],
    oneTime: readonly PrekeyRecord[],
  ): Promise<PrekeyStock> {
    const { sql, commits } = this.#parts;
    const bytes = lengthOf(lasting) + lengthOf(oneTime);
    return commits.run(() => {
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
      return this.#stock(device.no);
    }, bytes);
  }

  prekeyStock(device: DeviceRef): Promise<PrekeyStock> {
    return Promise.resolve(this.#stock(device.no));
  }

  takeBundle(account: Uint8Array, device: Uint8Array, admission: Admission): Promise<TakenBundle> {
    return this.#parts.commits.run(() => this.#takeBundle(account, device, admission));
  }

  createCapabilities(account: Uint8Array, entries: readonly CapabilityRecord[]): Promise<void> {
    const { sql, commits } = this.#parts;
    return commits.run(() => {
      const own = sql.all(this.#selectDevices().where('account', '=', account).where('revoked_at', 'is', null));
      const touched = new Set<number>();
      for (const entry of entries) {
        const owner = own.find((row) => Buffer.compare(row.mailbox, entry.mailbox) === 0);
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
        const { n } = sql.first(
          sql.build
            .selectFrom('capabilities')
            .select((select) => select.fn.countAll<number>().as('n'))
            .where('device_no', '=', no),
        ) ?? { n: 0 };
        if (n > MAX_CAPABILITIES) throw new Refused(Refusal.QUOTA, 'the mailbox has as many capabilities as it may');
      }
    });
  }

  revokeCapabilities(account: Uint8Array, hashes: readonly Uint8Array[]): Promise<void> {
    const { sql, commits, state } = this.#parts;
    return commits.run(() => {
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
    });
  }

  #seconds(): number {
    return Math.floor(this.#parts.clock.now() / 1000);
  }

  #selectDevices() {
    return this.#parts.sql.build
      .selectFrom('devices')
      .innerJoin('accounts', 'accounts.no', 'devices.account_no')
      .select(['devices.no', 'account', 'device', 'mailbox', 'ed25519', 'revoked_at']);
  }

  #device(account: Uint8Array, device: Uint8Array): DeviceRef | null {
    const query = this.#selectDevices().where('account', '=', account).where('device', '=', device);
    const row = this.#parts.sql.first(query);
    return row === undefined ? null : refOf(row);
  }

  #account(account: Uint8Array) {
    const { sql } = this.#parts;
    const columns = ['no', 'statements', 'chain_bytes'] as const;
    return sql.first(sql.build.selectFrom('accounts').select(columns).where('account', '=', account));
  }

  #writeChain(change: ChainChange): 'written' | 'moved' {
    const { sql } = this.#parts;
    const known = this.#account(change.account);
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
    }
    for (const { no } of rows) {
      const box = state.remembered(no);
      if (box !== undefined) Object.assign(box, { revoked: true, messages: 0 });
      listeners.announce({ kind: 'closing', deviceNo: no, refusal: Refusal.REVOKED });
    }
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
    const stock = this.#stock(device.no);
    if (Math.max(stock.oneTime, stock.oneTimeKem) > MAX_ONE_TIME_PREKEYS) {
      throw new Refused(Refusal.TOO_LARGE, 'more one-time prekeys than are kept');
    }
  }

  #stock(deviceNo: number): PrekeyStock {
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

  #takeBundle(account: Uint8Array, device: Uint8Array, admission: Admission): TakenBundle {
    const { sql, tokenUses, state, listeners, clock } = this.#parts;
    const ref = this.#device(account, device);
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
    const stock = this.#stock(ref.no);
    if (spend !== undefined) {
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

  /** Refuses, or returns the capability to charge. */
  #admitBundle(account: Uint8Array, ref: DeviceRef | null, admission: Admission) {
    const { state, tokenUses, clock } = this.#parts;
    if (admission.kind === 'request-token') {
      if (Buffer.compare(admission.account, account) !== 0) {
        throw new Refused(Refusal.UNAUTHENTICATED, 'the token is for another account');
      }
      if (ref !== null && tokenUses.used('bundle', admission.id, ref.no, admission.expiresAt)) {
        throw new Refused(Refusal.QUOTA, 'the token was used for this device');
      }
      return undefined;
    }
    const capability = state.capability(admission.hash);
    if (capability === undefined || capability.deviceNo !== ref?.no) {
      throw new Refused(Refusal.CAPABILITY, 'no capability for this device');
    }
    const now = clock.now();
    const day = Math.floor(now / DAY_MS);
    if (capability.day === day && capability.bundles >= BUNDLES_PER_DAY) {
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
}

function refOf(row: DeviceRow): DeviceRef {
  const { no, account, device, mailbox, ed25519, revoked_at: revokedAt } = row;
  return { no, account, device, mailbox, ed25519, revoked: revokedAt !== null };
}

function lengthOf(items: readonly { readonly bytes: Uint8Array }[]): number {
  let length = 0;
  for (const { bytes } of items) length += bytes.length;
  return length;
}
