import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { deviceId } from '@sotto/wire';
import type { AccountId, DeviceId } from '@sotto/wire';
import { StoredPeerDeviceSchema } from '@sotto/wire/stored';
import type { StoredPeerDevice } from '@sotto/wire/stored';
import type { DeviceRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { deviceRef } from '../store/refs.ts';
import { peerDevices } from '../store/tables.ts';
import { addSession, sendingSession } from './choose.ts';
import type { SessionFacts } from './choose.ts';

/** Dealings with a device, or a new row. */
export function peerDevice(read: VaultReader, account: AccountId, device: DeviceId): StoredPeerDevice {
  return peerDevices.get(read, deviceRef(device)) ?? create(StoredPeerDeviceSchema, { account, device });
}

export function factsOf(row: StoredPeerDevice): SessionFacts[] {
  return row.sessions.map(({ name, startedAt, own, retiredUntil }) => ({
    name,
    startedAt: Number(startedAt),
    own,
    retiredUntil: Number(retiredUntil),
  }));
}

function setFacts(row: StoredPeerDevice, sessions: readonly SessionFacts[]): void {
  row.sessions = sessions.map(({ name, startedAt, own, retiredUntil }) => ({
    $typeName: 'sotto.client.v1.StoredSession',
    name,
    startedAt: BigInt(startedAt),
    own,
    retiredUntil: BigInt(retiredUntil),
  }));
}

export function putPeerDevice(tx: Tx, row: StoredPeerDevice): void {
  peerDevices.put(tx.write, deviceRef(row.device), row);
}

/** Name of the session that sends to a device; null: none. */
export function currentSession(read: VaultReader, device: DeviceRef): string | null {
  const row = peerDevices.get(read, device);
  return row === null ? null : (sendingSession(factsOf(row))?.name ?? null);
}

/** Remembers a new session, and which one sends from now on. */
export function rememberSession(
  row: StoredPeerDevice,
  session: Pick<SessionFacts, 'name' | 'own' | 'startedAt'>,
  now: number,
): void {
  const added = { ...session, retiredUntil: 0 };
  setFacts(row, addSession(factsOf(row), added, now));
}

/** Lets no session send, so that the next message starts a new one. The old ones still receive for their time. */
export function retireSessions(row: StoredPeerDevice, until: number): void {
  for (const session of row.sessions) if (session.retiredUntil === 0n) session.retiredUntil = BigInt(until);
}

/** Drops sessions from the row; their records are the engine's to delete. */
export function dropSessions(row: StoredPeerDevice, names: readonly string[]): void {
  row.sessions = row.sessions.filter((session) => !names.includes(session.name));
}

export function peerRefOf(row: StoredPeerDevice): DeviceRef {
  return deviceRef(deviceId(row.device));
}
