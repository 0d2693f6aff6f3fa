import { Queue } from '@sotto/wire';
import type { Delivery, PrekeyStock as StockMessage } from '@sotto/wire';
import { GatewayApiError } from './error.ts';
import type { Arrival, PrekeyStock } from './types.ts';

/** A delivery as callers see it. */
export function arrivalOf({ sequence, envelope, queue, storedAt }: Delivery): Arrival {
  return {
    sequence: Number(sequence),
    envelope,
    queue: queue === Queue.CONTACTS ? 'contacts' : 'requests',
    storedAt: Number(storedAt),
  };
}

/** Throws `GatewayApiError` `protocol`. */
export function stockOf(stock: StockMessage | undefined): PrekeyStock {
  if (stock === undefined) throw new GatewayApiError('protocol', 'the gateway names no stock');
  return { oneTime: stock.oneTime, oneTimeKem: stock.oneTimeKem };
}
