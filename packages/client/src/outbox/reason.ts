import type { VaultReader } from '@sotto/vault';
import { equalBytes } from '@sotto/wire';
import { StoredDelivery_State } from '@sotto/wire/stored';
import type { StoredDelivery } from '@sotto/wire/stored';
import type { MessageRef } from '../refs.ts';
import { deliveries, outbounds } from '../store/tables.ts';
import type { ReasonCode } from '../trail/reasons.ts';
import { reasonOf } from '../trail/store.ts';

/** Why a content is still in the outbox: what holds up its recipient's devices, else own ones. Null: it is not there. */
export function outboxReason(read: VaultReader, message: MessageRef): ReasonCode | null {
  const outbound = outbounds.get(read, message);
  if (outbound === null) return null;
  const ways = deliveries.find(read, 'message', message).map((entry) => entry.row);
  const toRecipient = ways.filter((way) => equalBytes(way.account, outbound.recipient));
  const way = slowest(toRecipient) ?? (outbound.reached || outbound.recipient.length === 0 ? slowest(ways) : null);
  return reasonOf(way?.reason ?? outbound.reason);
}

const progress: ReadonlyMap<StoredDelivery_State, number> = new Map([
  [StoredDelivery_State.WAITING, 0],
  [StoredDelivery_State.SEALED, 1],
  [StoredDelivery_State.ACCEPTED, 2],
]);

/** The one that is furthest from having it; null: each has it, or never will. */
function slowest(ways: readonly StoredDelivery[]): StoredDelivery | null {
  const open = ways.filter((way) => progress.has(way.state));
  return open.toSorted((a, b) => (progress.get(a.state) ?? 0) - (progress.get(b.state) ?? 0))[0] ?? null;
}
