import { create } from '@bufbuild/protobuf';
import { ConnectResponseSchema, DeliverySchema, PrekeyStockSchema, Queue } from '@sotto/wire';
import type { ConnectResponse, Delivery, Refusal } from '@sotto/wire';
import type { PrekeyStock, QueueName, StoredDelivery } from '../ports/types.ts';
import { bodyLength, HandWriter, scalarLength, varintLength } from './hand-laid.ts';

/** What a device's stream says at once; see sotto.gateway.v1.ConnectResponse. */
export interface DeviceFrame {
  readonly deliveries: readonly StoredDelivery[];
  readonly acknowledged: readonly number[];
  readonly caughtUp: boolean;
  /** 0: none. */
  readonly pong: number;
  readonly low: PrekeyStock | null;
  /** Unspecified: the stream goes on. */
  readonly closing: Refusal;
}

const QUEUE_NUMBER: Record<QueueName, Queue> = { contacts: Queue.CONTACTS, requests: Queue.REQUESTS };

export function deliveryMessage({ sequence, envelope, queue, storedAt }: StoredDelivery): Delivery {
  return create(DeliverySchema, {
    sequence: BigInt(sequence),
    envelope,
    queue: QUEUE_NUMBER[queue],
    storedAt: BigInt(storedAt),
  });
}

/** As a message, for protocols that Connect serialises. */
export function deviceFrameMessage({
  deliveries,
  acknowledged,
  caughtUp,
  pong,
  low,
  closing,
}: DeviceFrame): ConnectResponse {
  const message = create(ConnectResponseSchema, {
    deliveries: deliveries.map(deliveryMessage),
    acknowledged: acknowledged.map(BigInt),
    caughtUp,
    pong: BigInt(pong),
    closing,
  });
  if (low !== null) message.lowPrekeys = create(PrekeyStockSchema, { ...low });
  return message;
}

/** As bytes, behind `reserve` bytes that are the caller's. */
export function encodeDeviceFrame(frame: DeviceFrame, reserve: number): Buffer {
  const { deliveries, acknowledged, caughtUp, pong, low, closing } = frame;
  const lengths = deliveries.map(deliveryLength);
  const packed = acknowledged.reduce((sum, sequence) => sum + varintLength(sequence), 0);
  const lowLength = low === null ? 0 : scalarLength(low.oneTime) + scalarLength(low.oneTimeKem);
  let total = scalarLength(caughtUp ? 1 : 0) + scalarLength(pong) + scalarLength(closing);
  for (const length of lengths) total += bodyLength(length);
  if (packed > 0) total += bodyLength(packed);
  if (low !== null) total += bodyLength(lowLength);
  const writer = new HandWriter(reserve, total);
  for (const [index, delivery] of deliveries.entries()) {
    writer.head(1, lengths[index] ?? 0);
    writeDelivery(writer, delivery);
  }
  if (packed > 0) {
    writer.head(2, packed);
    for (const sequence of acknowledged) writer.varint(sequence);
  }
  writer.scalar(3, caughtUp ? 1 : 0);
  writer.scalar(4, pong);
  if (low !== null) {
    writer.head(5, lowLength);
    writer.scalar(1, low.oneTime);
    writer.scalar(2, low.oneTimeKem);
  }
  writer.scalar(6, closing);
  return writer.buffer;
}

function deliveryLength({ sequence, envelope, queue, storedAt }: StoredDelivery): number {
  return (
    scalarLength(sequence) + bodyLength(envelope.length) + scalarLength(QUEUE_NUMBER[queue]) + scalarLength(storedAt)
  );
}

function writeDelivery(writer: HandWriter, { sequence, envelope, queue, storedAt }: StoredDelivery): void {
  writer.scalar(1, sequence);
  writer.head(2, envelope.length);
  writer.bytes(envelope);
  writer.scalar(3, QUEUE_NUMBER[queue]);
  writer.scalar(4, storedAt);
}
