import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { StoredMark_Outcome, StoredMarkSchema } from '@sotto/wire/stored';
import type { StoredMark } from '@sotto/wire/stored';
import type { MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { messageOf, messageRef } from '../store/refs.ts';
import { marks, messages, trails } from '../store/tables.ts';
import type { ReasonCode } from '../trail/reasons.ts';

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

export interface Marking {
  readonly outcome: 'opened' | 'refused';
  /** Unix seconds. */
  readonly expiresAt: number;
  /** Unix milliseconds. */
  readonly now: number;
  /** What it held. */
  readonly message?: Uint8Array;
  /** Why it was refused. */
  readonly reason?: ReasonCode;
}

/** Remembers an envelope as dealt with, for as long as it can come again. */
export function mark(tx: Pick<Tx, 'write'>, envelope: string, marking: Marking): void {
  const { outcome, expiresAt, now, message, reason } = marking;
  const row = create(StoredMarkSchema, {
    outcome: outcome === 'opened' ? StoredMark_Outcome.OPENED : StoredMark_Outcome.REFUSED,
    at: BigInt(now),
    ...(message === undefined ? {} : { message }),
    ...(reason === undefined ? {} : { reason }),
  });
  putMark(tx, envelope, row, expiresAt * 1000);
}

function putMark(tx: Pick<Tx, 'write'>, envelope: string, row: StoredMark, expiresAt: number): void {
  const until = String(dayOf(expiresAt) + KEEP_DAYS);
  marks.put(tx.write, envelope, row, { lookups: [['until', until]] });
}

/** It has become known what an envelope held that could not be opened. */
export function pointMark(tx: Pick<Tx, 'write'>, envelope: string, message: MessageRef, now: number): void {
  const row = marks.get(tx.write, envelope) ?? create(StoredMarkSchema, { at: BigInt(now) });
  row.outcome = StoredMark_Outcome.OPENED;
  row.message = messageOf(message);
  putMark(tx, envelope, row, now);
}

/** Forgets envelopes that can no longer come. */
export function sweepMarks(tx: Pick<Tx, 'write'>, now: number): void {
  const today = dayOf(now);
  for (let day = today - SWEEP_DAYS; day < today; day++) {
    for (const { key } of marks.find(tx.write, 'until', String(day))) {
      marks.delete(tx.write, key);
      // What is still shown as missing keeps its story.
      if (trails.get(tx.write, key) !== null && messages.get(tx.write, key) === null) trails.delete(tx.write, key);
    }
  }
}
