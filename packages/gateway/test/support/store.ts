import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { DEFAULT_LIMITS, openEmbeddedStore } from '@sotto/gateway';
import type { Clock, EmbeddedStore, Limits } from '@sotto/gateway';
import type { DeviceRef } from '../../src/ports/types.ts';

export interface TestStore extends Disposable {
  readonly store: EmbeddedStore;
  readonly failures: unknown[];
  readonly file: string;
}

export function openTestStore(clock: Clock, limits: Partial<Limits> = {}): TestStore {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-store-'));
  const failures: unknown[] = [];
  const file = join(folder, 'gateway.db');
  const onFailure = (error: unknown) => failures.push(error);
  const store = openEmbeddedStore({ file, clock, limits: { ...DEFAULT_LIMITS, ...limits }, onFailure });
  return {
    store,
    failures,
    file,
    [Symbol.dispose]() {
      store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A registered device that nobody ever signed: stores do not ask. */
export interface StoredDevice {
  readonly ref: DeviceRef;
  readonly account: Uint8Array;
  /** Hash of a capability for its mailbox. */
  readonly capability: Uint8Array;
}

export async function addStoredDevice(store: EmbeddedStore, dailyQuota = 1000): Promise<StoredDevice> {
  const [account, device, mailbox, capability] = [32, 16, 16, 32].map((length) => randomBytes(length)) as Buffer[];
  if (account === undefined || device === undefined || mailbox === undefined || capability === undefined)
    throw new Error();
  await store.directory.writeChain({
    account,
    expected: 0,
    added: [{ sequence: 0, bytes: randomBytes(100) }],
    active: [device],
    register: { device, ed25519: randomBytes(32), mailbox },
  });
  await store.directory.createCapabilities(account, [{ hash: capability, mailbox, dailyQuota }]);
  const ref = await store.directory.device(account, device);
  if (ref === null) throw new Error('the device is not there');
  return { ref, account, capability };
}

/** Everything in the database, row by row: two equal dumps are the same state. */
export function dump(database: DatabaseSync): Record<string, unknown[]> {
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name").all();
  return Object.fromEntries(
    tables.map(({ name }) => [
      String(name),
      database
        .prepare(`SELECT * FROM ${String(name)}`)
        .all()
        .map((row) =>
          JSON.stringify(row, (_, value: unknown) =>
            value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
          ),
        )
        .toSorted(),
    ]),
  );
}
