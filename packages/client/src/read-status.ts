import { readInventory } from '@sotto/vault';
import { stateOf } from './contacts/rows.ts';
import { allParked } from './inbox/parking.ts';
import { readIncidents } from './incidents.ts';
import { listOutbox } from './outbox/list.ts';
import type { Rooms } from './rooms.ts';
import type { Status } from './status.ts';
import { contacts } from './store/tables.ts';
import type { ReasonCode } from './trail/reasons.ts';
import { reasonOf } from './trail/store.ts';

/** How the messenger is doing now. */
export function readStatus({ core, connection, sessions, prekeys }: Rooms): Status {
  const { known, forkedContacts, parked, inventory, incidents } = core.ledger.read((read) => ({
    known: contacts.all(read).map(({ row }) => stateOf(row)),
    forkedContacts: contacts.all(read).filter(({ row }) => row.forkedAt > 0n).length,
    parked: allParked(read).map(({ row }) => reasonOf(row.reason)),
    inventory: readInventory(read),
    incidents: readIncidents(read),
  }));
  return {
    connection: connection.state,
    registered: core.own.row().registered,
    contacts: known.filter((state) => state === 'accepted').length,
    requests: known.filter((state) => state === 'incoming').length,
    forkedContacts,
    outbox: countBy(listOutbox(core).map((entry) => entry.reason)),
    sessions: sessions.tags.sessions,
    parked: countBy(parked),
    prekeys: prekeys.stock,
    prekeysRotatedAt: inventory.rotatedAt,
    incidents,
  };
}

function countBy(reasons: readonly ReasonCode[]): ReadonlyMap<ReasonCode, number> {
  const counts = new Map<ReasonCode, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return counts;
}
