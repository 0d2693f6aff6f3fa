import { fromBinary } from '@bufbuild/protobuf';
import type { MessageShape } from '@bufbuild/protobuf';
import { LogPostSchema } from '@sotto/wire';
import type {
  KeyPackageStock as StockMessage,
  LogExtent as ExtentMessage,
  LogRecord as RecordMessage,
} from '@sotto/wire';
import { GatewayApiError } from './error.ts';
import type { KeyPackageStock, LogExtent, LogRecord } from './log-types.ts';

/** A record as callers see it. */
export function recordOf({ position, entry, storedAt }: RecordMessage): LogRecord {
  return { position: Number(position), entry, storedAt: Number(storedAt) };
}

/** Throws `GatewayApiError` `protocol`. */
export function extentOf(extent: ExtentMessage | undefined): LogExtent {
  if (extent === undefined) throw new GatewayApiError('protocol', 'the gateway names no extent');
  return { oldest: Number(extent.oldest), head: Number(extent.head) };
}

/** Throws `GatewayApiError` `protocol`. */
export function keyPackageStockOf(stock: StockMessage | undefined): KeyPackageStock {
  if (stock === undefined) throw new GatewayApiError('protocol', 'the gateway names no stock');
  return { oneTime: stock.oneTime, lastResort: stock.lastResort, highest: stock.highest };
}

/** Throws `GatewayApiError` `malformed`. */
export function postMessage(post: Uint8Array): MessageShape<typeof LogPostSchema> {
  try {
    return fromBinary(LogPostSchema, post);
  } catch (cause) {
    throw new GatewayApiError('malformed', 'not a post to a log', { cause });
  }
}
