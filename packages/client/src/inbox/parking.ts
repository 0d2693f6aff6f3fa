import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { decodeEnvelope } from '@sotto/wire';
import { StoredParkedSchema } from '@sotto/wire/stored';
import type { StoredParked } from '@sotto/wire/stored';
import type { Tx } from '../store/ledger.ts';
import { parked } from '../store/tables.ts';
import type { ReasonCode } from '../trail/reasons.ts';

const PARTITION = 'parked';
/** Kept at once, at most 96 KiB each. The oldest gives way: who floods this loses nothing but what is unreadable. */
const MOST_PARKED = 200;
/** Tries of one envelope; each is asked for by something that may have made it readable. */
const MOST_TRIES = 20;

export interface Parked {
  readonly key: string;
  readonly row: StoredParked;
}

export interface ParkedEnvelope {
  readonly id: string;
  readonly envelope: Uint8Array;
  readonly request: boolean;
  readonly reason: ReasonCode;
}

/** Keeps an envelope that may become readable. False: it was there already, and has had one more try. */
export function park(tx: Tx, { id, envelope, request, reason }: ParkedEnvelope, now: number): boolean {
  const known = parked.get(tx.write, id);
  const row = known ?? create(StoredParkedSchema, { envelope, request, parkedAt: BigInt(now) });
  row.reason = reason;
  row.attempts++;
  if (known === null) makeRoom(tx);
  const ordinal = ordinalAfter(tx.write);
  parked.put(tx.write, id, row, { order: { partition: PARTITION, ordinal } });
  return known === null;
}

function makeRoom(tx: Tx): void {
  const excess = parked.all(tx.write).length + 1 - MOST_PARKED;
  if (excess <= 0) return;
  for (const { key } of parked.list(tx.write, { partition: PARTITION, limit: excess })) parked.delete(tx.write, key);
}

function ordinalAfter(read: VaultReader): number {
  const [last] = parked.list(read, { partition: PARTITION, limit: 1, newestFirst: true });
  return (last?.ordinal ?? 0) + 1;
}

export function unpark(tx: Tx, id: string): void {
  if (parked.get(tx.write, id) !== null) parked.delete(tx.write, id);
}

export function allParked(read: VaultReader): Parked[] {
  return parked.list(read, { partition: PARTITION, limit: MOST_PARKED });
}

/** No use in keeping it: tried often enough, or its time is over. */
export function isHopeless({ row }: Parked, now: number): boolean {
  return row.attempts >= MOST_TRIES || decodeEnvelope(row.envelope).expiresAt * 1000 < now;
}
