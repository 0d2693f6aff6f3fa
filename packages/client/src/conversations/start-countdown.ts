import { decodeContent } from '@sotto/wire';
import type { StoredMessage } from '@sotto/wire/stored';
import { countdownOf, putCountdown } from '../store/countdowns.ts';
import type { Tx } from '../store/ledger.ts';
import { messageRef } from '../store/refs.ts';
import { isLine } from './placing.ts';

/** Lets the time of a message run from `at` on, if it disappears at all and its time does not run yet. */
export function startCountdown(tx: Tx, row: StoredMessage, at: number): void {
  const seconds = secondsOf(row);
  const ref = messageRef(row.id);
  if (seconds === 0 || countdownOf(tx.write, ref) !== null) return;
  putCountdown(tx, ref, { startedAt: at, seconds });
  tx.ring('countdown', null);
}

/** How long it stays, as its author said with it; 0: for good. */
function secondsOf(row: StoredMessage): number {
  if (row.content.length === 0 || !isLine(row)) return 0;
  const { timer, body } = decodeContent(row.content);
  return body.kind === 'setTimer' ? 0 : (timer?.seconds ?? 0);
}
