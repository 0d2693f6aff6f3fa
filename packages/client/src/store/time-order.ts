import type { DescMessage } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import type { Table } from './table.ts';

/** Ordinals are unique: so many rows may have the same millisecond. */
const SLOTS = 1024;
/** The greatest time whose ordinals are safe integers: the year 2248. */
const MOST_AT = Math.floor(Number.MAX_SAFE_INTEGER / SLOTS) - 1;

/** An ordinal by which a partition is in the order of times (Unix ms). A full millisecond goes on into the next. */
export function freeOrdinal<Desc extends DescMessage>(
  rows: Table<Desc>,
  read: VaultReader,
  partition: string,
  time: number,
): number {
  const at = Math.max(0, Math.min(time, MOST_AT));
  const base = at * SLOTS;
  const range = { partition, after: base - 1, before: base + SLOTS, limit: 1, newestFirst: true };
  const [last] = rows.list(read, range);
  if (last === undefined) return base;
  const isFull = last.ordinal + 1 === base + SLOTS && at < MOST_AT;
  return isFull ? freeOrdinal(rows, read, partition, at + 1) : last.ordinal + 1;
}
