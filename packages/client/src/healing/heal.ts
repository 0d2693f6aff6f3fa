import { equalBytes, messageId } from '@sotto/wire';
import { StoredWanted_Kind } from '@sotto/wire/stored';
import type { StoredWanted } from '@sotto/wire/stored';
import { isLine } from '../conversations/placing.ts';
import { viewMessage } from '../conversations/view.ts';
import type { Core } from '../core/core.ts';
import { pointMark } from '../inbox/marks.ts';
import type { EnvelopeRef, MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { conversationRef, envelopeRef, messageRef } from '../store/refs.ts';
import { messages, trails, wanteds } from '../store/tables.ts';
import { joinTrails, noteDown } from '../trail/store.ts';
import { placeholderRow, removePlaceholder } from './placeholders.ts';
import { dropWanted, putWanted } from './wanted.ts';

/** A message is here now: whatever was wanted for its sake is wanted no more. */
export function messageCame(tx: Tx, core: Core, message: MessageRef): void {
  const missing = wanteds.get(tx.write, message);
  if (missing?.kind === StoredWanted_Kind.MESSAGE) {
    dropWanted(tx, message);
    // One that came a little late was never asked for.
    if (missing.attempts > 0) noteDown(tx, message, core.clock.now(), { code: 'backfilled' });
  }
  for (const { row } of wanteds.find(tx.write, 'message', message)) heal(tx, core, envelopeRef(row.id), message);
}

/** What an envelope held is here: the line that stood for it goes, and the message has its whole story. */
export function heal(tx: Tx, core: Core, envelope: EnvelopeRef, message: MessageRef): void {
  if (wanteds.get(tx.write, envelope) === null && placeholderRow(tx.write, envelope) === null) return;
  const now = core.clock.now();
  dropWanted(tx, envelope);
  pointMark(tx, envelope, message, now);
  const row = messages.get(tx.write, message);
  const placeholder = removePlaceholder(tx, envelope);
  const isShown = row !== null && isLine(row) && placeholder !== null;
  const isHere = isShown && equalBytes(row.conversation, placeholder.conversation);
  if (row === null) trails.delete(tx.write, envelope);
  else {
    joinTrails(tx, envelope, message);
    noteDown(tx, message, now, { code: 'healed' });
  }
  if (placeholder === null) return;
  if (isHere) {
    tx.last(({ write }) => {
      const last = messages.get(write, message);
      if (last === null || !isLine(last)) return;
      const view = viewMessage(write, core.self, last);
      tx.emit({ type: 'message-healed', placeholder: envelope, message: view });
    });
  } else {
    const conversation = conversationRef(placeholder.conversation);
    tx.emit({ type: 'placeholder-removed', conversation, placeholder: envelope, why: 'nothing-missing' });
  }
}

/** Nothing will come of an envelope. */
export function giveUpEnvelope(tx: Tx, core: Core, row: StoredWanted, why: 'nothing-missing' | 'unavailable'): void {
  const envelope = envelopeRef(row.id);
  dropWanted(tx, envelope);
  noteDown(tx, envelope, core.clock.now(), { code: why });
  const placeholder = removePlaceholder(tx, envelope);
  if (placeholder === null) return;
  const conversation = conversationRef(placeholder.conversation);
  tx.emit({ type: 'placeholder-removed', conversation, placeholder: envelope, why });
}

/** Somebody does not want to see the line any more; nothing is asked for then. False: there is no such line. */
export function dismissPlaceholder(tx: Tx, core: Core, ref: EnvelopeRef | MessageRef): boolean {
  const placeholder = placeholderRow(tx.write, ref as EnvelopeRef);
  if (placeholder === null) return false;
  const envelope = envelopeRef(placeholder.id);
  dropWanted(tx, envelope);
  removePlaceholder(tx, envelope);
  noteDown(tx, envelope, core.clock.now(), { code: 'deleted-for-me' });
  const conversation = conversationRef(placeholder.conversation);
  tx.emit({ type: 'placeholder-removed', conversation, placeholder: envelope, why: 'deleted-for-me' });
  return true;
}

/** The sender says what an envelope held. */
export function envelopeHeld(tx: Tx, core: Core, row: StoredWanted, held: Uint8Array, againAt: number): void {
  const message = messageId(held);
  const envelope = envelopeRef(row.id);
  noteDown(tx, envelope, core.clock.now(), { code: 'found' });
  row.message = message;
  // Until it is here: what is sent again can be lost again.
  row.nextAt = BigInt(againAt);
  putWanted(tx, row);
  if (messages.get(tx.write, messageRef(message)) !== null) heal(tx, core, envelope, messageRef(message));
}
