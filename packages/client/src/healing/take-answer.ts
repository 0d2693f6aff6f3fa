import { envelopeId, equalBytes, messageId } from '@sotto/wire';
import type { RetryAnswer } from '@sotto/wire';
import { StoredWanted_Kind } from '@sotto/wire/stored';
import type { StoredWanted } from '@sotto/wire/stored';
import type { Opened, Taken } from '../inbox/opened.ts';
import { peerDevice, putPeerDevice } from '../sessions/rows.ts';
import { deviceRef, envelopeRef, messageRef } from '../store/refs.ts';
import { messages, wanteds } from '../store/tables.ts';
import { noteDown } from '../trail/store.ts';
import { envelopeHeld, giveUpEnvelope } from './heal.ts';
import { putWanted } from './wanted.ts';

/** What was promised and has not come after this time is asked for once more. */
const PROMISE_MS = 10 * 60_000;

/** A device that was asked says what it knows. Only what was asked, and of this device, is listened to. */
export function takeRetryAnswer(opened: Opened, { found, unavailable }: RetryAnswer): Taken {
  const { tx, core } = opened;
  noteAnswered(opened);
  for (const { envelope, message, quiet } of found) {
    const row = askedEnvelope(opened, envelope);
    if (row === null) continue;
    const known = messages.get(tx.write, messageRef(messageId(message)));
    // It cannot have held what another device wrote.
    if (known !== null && !known.absent && !equalBytes(known.device, opened.device)) continue;
    if (quiet) giveUpEnvelope(tx, core, row, 'nothing-missing');
    else envelopeHeld(tx, core, row, message, core.clock.now() + PROMISE_MS);
  }
  for (const id of unavailable) {
    const row = askedEnvelope(opened, id);
    if (row !== null) giveUpEnvelope(tx, core, row, 'unavailable');
    else askNext(opened, id);
  }
  return 'no-receipt';
}

/** It answers, so it may be asked on. */
function noteAnswered({ tx, core, account, device }: Opened): void {
  const peer = peerDevice(tx.write, account, device);
  if (peer.unanswered === 0) return;
  peer.unanswered = 0;
  peer.notAskedBefore = 0n;
  putPeerDevice(tx, peer);
  tx.ring('wanted', core.clock.now());
}

function askedEnvelope({ tx, account, device }: Opened, id: Uint8Array): StoredWanted | null {
  const row = wanteds.get(tx.write, envelopeRef(envelopeId(id)));
  if (row?.kind !== StoredWanted_Kind.ENVELOPE || row.attempts === 0) return null;
  return equalBytes(row.account, account) && equalBytes(row.device, device) ? row : null;
}

/** This one does not have the message; whose turn it is next may. */
function askNext({ tx, core, device }: Opened, id: Uint8Array): void {
  const row = wanteds.get(tx.write, messageRef(id));
  if (row?.kind !== StoredWanted_Kind.MESSAGE || row.attempts === 0) return;
  const now = core.clock.now();
  noteDown(tx, messageRef(id), now, { code: 'unavailable', device: deviceRef(device) });
  // Sooner than without an answer, but at everyone's pace.
  const soon = BigInt(now + core.settings.askDelayMs * 2 ** Math.min(row.attempts, MOST_DOUBLINGS));
  if (soon < row.nextAt) putWanted(tx, { ...row, nextAt: soon });
}

const MOST_DOUBLINGS = 6;
