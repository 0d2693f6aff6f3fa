import { create } from '@bufbuild/protobuf';
import { ConnectResponseSchema, DeliverySchema, Queue } from '@sotto/wire';
import type { ConnectResponse, Delivery, Refusal } from '@sotto/wire';
import type { PrekeyStock, StoredDelivery } from '../ports/types.ts';

export function deliveryMessage({ sequence, envelope, queue, storedAt }: StoredDelivery): Delivery {
  return create(DeliverySchema, {
    sequence: BigInt(sequence),
    envelope,
    queue: queue === 'contacts' ? Queue.CONTACTS : Queue.REQUESTS,
    storedAt: BigInt(storedAt),
  });
}

/** The frames a device's stream is made of. */
export const frames = {
  deliveries: (deliveries: readonly StoredDelivery[]): ConnectResponse =>
    create(ConnectResponseSchema, {
      kind: { case: 'deliveries', value: { deliveries: deliveries.map(deliveryMessage) } },
    }),
  caughtUp: (): ConnectResponse => create(ConnectResponseSchema, { kind: { case: 'caughtUp', value: true } }),
  pong: (number: bigint): ConnectResponse => create(ConnectResponseSchema, { kind: { case: 'pong', value: number } }),
  lowPrekeys: (stock: PrekeyStock): ConnectResponse =>
    create(ConnectResponseSchema, { kind: { case: 'lowPrekeys', value: { ...stock } } }),
  acknowledged: (sequences: readonly number[]): ConnectResponse =>
    create(ConnectResponseSchema, {
      kind: { case: 'acknowledged', value: { sequences: sequences.map((sequence) => BigInt(sequence)) } },
    }),
  closing: (refusal: Refusal): ConnectResponse =>
    create(ConnectResponseSchema, { kind: { case: 'closing', value: refusal } }),
};
