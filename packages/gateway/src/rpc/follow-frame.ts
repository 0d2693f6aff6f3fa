import { create } from '@bufbuild/protobuf';
import { FollowResponseSchema, LogRecordSchema } from '@sotto/wire';
import type { FollowResponse, LogRecord, Refusal } from '@sotto/wire';
import type { LogExtent, StoredEntry } from '../ports/group-logs.ts';
import { bodyLength, HandWriter, scalarLength } from './hand-laid.ts';

/** News of one log; see sotto.gateway.v1.LogBatch. */
export interface LogBatch {
  readonly log: Uint8Array;
  readonly records: readonly StoredEntry[];
  readonly extent: LogExtent | null;
  readonly caughtUp: boolean;
  /** Unspecified: the log is followed. */
  readonly refusal: Refusal;
}

/** What a stream of followed logs says at once; see sotto.gateway.v1.FollowResponse. */
export interface FollowFrame {
  readonly batches: readonly LogBatch[];
  /** 0: none. */
  readonly pong: number;
  /** Unspecified: the stream goes on. */
  readonly closing: Refusal;
}

export function recordMessage({ position, entry, storedAt }: StoredEntry): LogRecord {
  return create(LogRecordSchema, { position: BigInt(position), entry, storedAt: BigInt(storedAt) });
}

export function extentMessage({ oldest, head }: LogExtent) {
  return { oldest: BigInt(oldest), head: BigInt(head) };
}

/** As a message, for protocols that Connect serialises. */
export function followFrameMessage({ batches, pong, closing }: FollowFrame): FollowResponse {
  return create(FollowResponseSchema, {
    batches: batches.map(({ log, records, extent, caughtUp, refusal }) => ({
      log,
      records: records.map(recordMessage),
      ...(extent === null ? {} : { extent: extentMessage(extent) }),
      caughtUp,
      refusal,
    })),
    pong: BigInt(pong),
    closing,
  });
}

/** As bytes, behind `reserve` bytes that are the caller's. */
export function encodeFollowFrame({ batches, pong, closing }: FollowFrame, reserve: number): Buffer {
  const lengths = batches.map(batchLength);
  let total = scalarLength(pong) + scalarLength(closing);
  for (const length of lengths) total += bodyLength(length);
  const writer = new HandWriter(reserve, total);
  for (const [index, batch] of batches.entries()) {
    writer.head(1, lengths[index] ?? 0);
    writeBatch(writer, batch);
  }
  writer.scalar(2, pong);
  writer.scalar(3, closing);
  return writer.buffer;
}

function batchLength({ log, records, extent, caughtUp, refusal }: LogBatch): number {
  let length = bodyLength(log.length) + scalarLength(caughtUp ? 1 : 0) + scalarLength(refusal);
  for (const record of records) length += bodyLength(recordLength(record));
  if (extent !== null) length += bodyLength(extentLength(extent));
  return length;
}

function recordLength({ position, entry, storedAt }: StoredEntry): number {
  return scalarLength(position) + bodyLength(entry.length) + scalarLength(storedAt);
}

function extentLength({ oldest, head }: LogExtent): number {
  return scalarLength(oldest) + scalarLength(head);
}

function writeBatch(writer: HandWriter, { log, records, extent, caughtUp, refusal }: LogBatch): void {
  writer.head(1, log.length);
  writer.bytes(log);
  for (const record of records) {
    writer.head(2, recordLength(record));
    writer.scalar(1, record.position);
    writer.head(2, record.entry.length);
    writer.bytes(record.entry);
    writer.scalar(3, record.storedAt);
  }
  if (extent !== null) {
    writer.head(3, extentLength(extent));
    writer.scalar(1, extent.oldest);
    writer.scalar(2, extent.head);
  }
  writer.scalar(4, caughtUp ? 1 : 0);
  writer.scalar(5, refusal);
}
