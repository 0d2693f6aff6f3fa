import { WireError } from './error.ts';

/** The last instant a Date can hold, ms. */
const MAX_TIME = 8_640_000_000_000_000;

/** A uint64 as a number. Throws `WireError` `range` beyond 2^53 − 1. */
export function safeNumber(value: bigint): number {
  if (value < 0n || value > BigInt(Number.MAX_SAFE_INTEGER)) throw new WireError('range', 'a number beyond 2^53');
  return Number(value);
}

/** Unix ms as a number. Throws `WireError` `range` beyond what a Date can hold. */
export function safeTime(value: bigint): number {
  const time = safeNumber(value);
  if (time > MAX_TIME) throw new WireError('range', 'a time beyond what a date can hold');
  return time;
}
