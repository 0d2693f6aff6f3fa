import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import type { MessageId } from '@sotto/wire';
import { StoredMark_Outcome, StoredMarkSchema } from '@sotto/wire/stored';
import type { Tx } from '../store/ledger.ts';
import type { MessageRef } from '../refs.ts';
import { messageRef } from '../store/refs.ts';
import { marks } from '../store/tables.ts';

const DAY = 86_400_000;
/** A sender keeps what it sent for 14 days; a day more for clocks that differ. */
const KEEP_DAYS = 15;
/** Days looked at when old marks are swept: longer than devices are off. */
const SWEEP_DAYS = 400;

const dayOf = (ms: number): number => Math.floor(ms / DAY);

export function isMarked(read: VaultReader, envelope: string): boolean {
  return marks.get(read, envelope) !== null;
}

/** The message that an envelope brought; null: none that is here. */
export function messageOfMark(read: VaultReader, envelope: string): MessageRef | null {
  const row = marks.get(read, envelope);
  return row === null || row.message.length === 0 ? null : messageRef(row.message);
}

/** Remembers an envelope as dealt with, for as long as it can come again. `expiresAt`: Unix seconds. */
export function mark(
  tx: Pick<Tx, 'write'>,
  envelope: string,
  outcome: 'opened' | 'refused',
  expiresAt: number,
  message: MessageId | null = null,
): void {
  const row = create(StoredMarkSchema, {
    outcome: outcome === 'opened' ? StoredMark_Outcome.OPENED : StoredMark_Outcome.REFUSED,
    ...(message === null ? {} : { message }),
  });
  const until = String(dayOf(expiresAt * 1000) + KEEP_DAYS);
  marks.put(tx.write, envelope, row, { lookups: [['until', until]] });
}

/** Forgets envelopes that can no longer come. */
export function sweepMarks(tx: Pick<Tx, 'write'>, now: number): void {
  const today = dayOf(now);
  for (let day = today - SWEEP_DAYS; day < today; day++) {
    for (const { key } of marks.find(tx.write, 'until', String(day))) marks.delete(tx.write, key);
  }
}
