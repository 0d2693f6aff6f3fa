import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { StoredIncidentSchema } from '@sotto/wire/stored';
import type { Core } from './core/core.ts';
import type { Tx } from './store/ledger.ts';
import { incidents } from './store/tables.ts';

/** What `doctor` still tells of long after it happened. Closed. */
const incidentKinds = {
  'gateway-forgot-device': 'The gateway had lost its data: this device registered again and told its contacts.',
  'gateway-set-back': 'The gateway had been set back to an old copy of its data: it was given what it lacked.',
  'registration-refused': 'The gateway had lost its data and does not take this device again without its operator.',
  'name-lost': 'The gateway had lost its data, and the account name now belongs to another account.',
  'account-forked': 'Someone was shown another list of the devices of this account than the one known here.',
  'rollback-detected':
    'This profile was set back to an earlier state, or a copy of it is in use: all sessions were replaced.',
} as const satisfies Record<string, string>;

export type IncidentKind = keyof typeof incidentKinds;

export interface Incident {
  readonly kind: IncidentKind;
  /** Unix milliseconds, the last time. */
  readonly at: number;
  readonly count: number;
}

/** Remembers that something happened, or happened again. */
export function noteIncident(tx: Tx, core: Pick<Core, 'clock'>, kind: IncidentKind): void {
  const before = incidents.get(tx.write, kind);
  const row = { at: BigInt(core.clock.now()), count: (before?.count ?? 0) + 1 };
  incidents.put(tx.write, kind, create(StoredIncidentSchema, row));
}

/** The latest first. A kind of another version is left out. */
export function readIncidents(read: VaultReader): Incident[] {
  return incidents
    .all(read)
    .flatMap(({ key, row }) => (isKind(key) ? [{ kind: key, at: Number(row.at), count: row.count }] : []))
    .toSorted((a, b) => b.at - a.at);
}

function isKind(key: string): key is IncidentKind {
  return Object.hasOwn(incidentKinds, key);
}

/** The sentence for an incident. */
export function explainIncident(kind: IncidentKind): string {
  return incidentKinds[kind];
}
