import { StoredDelivery_State } from '@sotto/wire/stored';
import type { Core } from '../core/core.ts';
import { MessengerError } from '../error.ts';
import { conversationRef, deviceRef, messageRef } from '../store/refs.ts';
import { outbounds } from '../store/tables.ts';
import { reasonOf } from '../trail/store.ts';
import { outboxReason } from './reason.ts';
import { deliveriesOf } from './rows.ts';
import type { DeliveryState, OutboxEntry } from './types.ts';

const states: ReadonlyMap<StoredDelivery_State, DeliveryState> = new Map([
  [StoredDelivery_State.WAITING, 'waiting'],
  [StoredDelivery_State.SEALED, 'sealed'],
  [StoredDelivery_State.ACCEPTED, 'accepted'],
  [StoredDelivery_State.DELIVERED, 'delivered'],
  [StoredDelivery_State.FAILED, 'failed'],
]);

/** What still waits, oldest first. */
export function listOutbox(core: Core): OutboxEntry[] {
  return core.ledger.read((read) => {
    const rows = outbounds.all(read).map((entry) => entry.row);
    return rows
      .toSorted((a, b) => Number(a.number - b.number))
      .map((row) => {
        const message = messageRef(row.id);
        const ways = deliveriesOf(read, message).map((way) => ({
          device: deviceRef(way.device),
          state: deliveryState(way.state),
          reason: reasonOf(way.reason),
          attempts: way.attempts,
          nextAttemptAt: way.nextAttemptAt === 0n ? null : Number(way.nextAttemptAt),
        }));
        return {
          message,
          conversation: row.conversation.length === 0 ? null : conversationRef(row.conversation),
          createdAt: Number(row.createdAt),
          expiresAt: Number(row.expiresAt),
          reason: outboxReason(read, message) ?? 'stored',
          deliveries: ways,
        };
      });
  });
}

/** Throws `corrupt_store`. */
export function deliveryState(stored: StoredDelivery_State): DeliveryState {
  const state = states.get(stored);
  if (state === undefined) throw new MessengerError('corrupt_store', 'a delivery is stored in an unknown state');
  return state;
}
