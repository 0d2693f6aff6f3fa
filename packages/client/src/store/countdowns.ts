import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { StoredCountdownSchema } from '@sotto/wire/stored';
import type { StoredCountdown } from '@sotto/wire/stored';
import { dueAt } from '../conversations/countdown.ts';
import type { Countdown } from '../conversations/countdown.ts';
import type { MessageRef } from '../refs.ts';
import type { Tx } from './ledger.ts';
import { messageOf } from './refs.ts';
import { countdowns } from './tables.ts';
import { freeOrdinal } from './time-order.ts';

const PARTITION = 'due';

export interface RunningCountdown extends Countdown {
  readonly message: MessageRef;
}

export function countdownOf(read: VaultReader, message: MessageRef): Countdown | null {
  const row = countdowns.get(read, message);
  return row === null ? null : factsOf(row);
}

/** Stores a countdown where `dueCountdowns` finds it; one that is there is replaced. */
export function putCountdown(tx: Tx, message: MessageRef, countdown: Countdown): void {
  const { startedAt, seconds } = countdown;
  const row = create(StoredCountdownSchema, { message: messageOf(message), startedAt: BigInt(startedAt), seconds });
  const order = { partition: PARTITION, ordinal: freeOrdinal(countdowns, tx.write, PARTITION, dueAt(countdown)) };
  countdowns.put(tx.write, message, row, { order });
}

export function dropCountdown(tx: Tx, message: MessageRef): void {
  if (countdowns.get(tx.write, message) !== null) countdowns.delete(tx.write, message);
}

/** The next ones, earliest first. */
export function nextCountdowns(read: VaultReader, limit: number): RunningCountdown[] {
  return countdowns
    .list(read, { partition: PARTITION, limit })
    .map(({ key, row }) => ({ message: key as MessageRef, ...factsOf(row) }));
}

export function allCountdowns(read: VaultReader): RunningCountdown[] {
  return countdowns.all(read).map(({ key, row }) => ({ message: key as MessageRef, ...factsOf(row) }));
}

function factsOf({ startedAt, seconds }: StoredCountdown): Countdown {
  return { startedAt: Number(startedAt), seconds };
}
