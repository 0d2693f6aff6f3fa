import { create } from '@bufbuild/protobuf';
import { DeliverySchema, Queue } from '@sotto/wire';
import type { Delivery } from '@sotto/wire';
import type { StoredDelivery } from '../ports/types.ts';

/** A stored message as it travels to its device. */
export function deliveryMessage({ sequence, envelope, queue, storedAt }: StoredDelivery): Delivery {
  return create(DeliverySchema, {
    sequence: BigInt(sequence),
    envelope,
    queue: queue === 'contacts' ? Queue.CONTACTS : Queue.REQUESTS,
    storedAt: BigInt(storedAt),
  });
}
