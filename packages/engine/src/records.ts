import { idHex } from '@sotto/wire';
import { EngineError } from './error.ts';
import type { RecordName } from './engine.ts';

// Names of records; see `RecordName` in engine.ts for what they hold.

export const ACCOUNT_KEYS: RecordName = 'account/keys';
export const DEVICE_KEYS: RecordName = 'device/keys';
export const SEALING_PREKEYS: RecordName = 'sealing-prekeys';

export function prekeyName(id: number): RecordName {
  return `prekey/${id}`;
}

/** Marks of one prekey are spread over this many records, so that writing one costs little however many there are. */
const SHARDS = '0123456789abcdef';

/** The record that would hold the mark of a first message, by its hash. */
export function prekeyUsesName(id: number, hash: Uint8Array): RecordName {
  return `prekey-uses/${id}/${SHARDS[(hash[0] ?? 0) >> 4]}`;
}

export function allPrekeyUsesNames(id: number): RecordName[] {
  return Array.from(SHARDS, (shard) => `prekey-uses/${id}/${shard}`);
}

export function sessionName(peerDevice: Uint8Array, hash: Uint8Array): RecordName {
  return `session/${idHex(peerDevice)}/${idHex(hash)}`;
}

const SESSION = /^session\/[0-9a-f]{32}\/([0-9a-f]{64})$/;

/** The session's id in its record's name. Throws `EngineError` `request` for any other name. */
export function sessionIdOf(name: RecordName): string {
  const id = SESSION.exec(name)?.[1];
  if (id === undefined) throw new EngineError('request', 'not the name of a session');
  return id;
}

export function openingName(sessionId: string): RecordName {
  return `opening/${sessionId}`;
}

export function skippedName(sessionId: string, slot: number): RecordName {
  return `skipped/${sessionId}/${slot}`;
}

/** Slot of a skipped record's name, if it belongs to this session; null otherwise. */
export function skippedSlotOf(sessionId: string, name: RecordName): number | null {
  const prefix = `skipped/${sessionId}/`;
  return name.startsWith(prefix) ? Number(name.slice(prefix.length)) : null;
}

export function groupKeyName(
  owner: { readonly group: Uint8Array; readonly device: Uint8Array },
  chain: Uint8Array,
): RecordName {
  return `group-key/${idHex(owner.group)}/${idHex(owner.device)}/${idHex(chain)}`;
}

const GROUP_KEY = /^group-key(\/[0-9a-f]{2,128}\/[0-9a-f]{32}\/[0-9a-f]{32})$/;

/** Throws `EngineError` `request` for a name that is none of a sender key. */
export function groupStateName(key: RecordName): RecordName {
  return `group-state${groupPlace(key)}`;
}

export function groupSkippedName(key: RecordName, index: number): RecordName {
  return `group-skipped${groupPlace(key)}/${index}`;
}

function groupPlace(key: RecordName): string {
  const place = GROUP_KEY.exec(key)?.[1];
  if (place === undefined) throw new EngineError('request', 'not the name of a sender key');
  return place;
}

export function keyPackageName(ref: Uint8Array): RecordName {
  return `key-package/${idHex(ref)}`;
}
