import type { VaultReader } from '@sotto/vault';
import { MessengerError } from '../error.ts';
import type { EnvelopeRef, MessageRef } from '../refs.ts';
import { messageRef } from '../store/refs.ts';
import { marks, messages, parked } from '../store/tables.ts';
import { reasonOf, readTrail } from './store.ts';
import { spellOut, stepOf } from './trail.ts';
import type { RawStep } from './trail.ts';
import type { Explanation } from './types.ts';

/** Everything known of a message's way, or of an envelope that could not be opened. Throws `not_found`. */
export function explain(read: VaultReader, subject: MessageRef | EnvelopeRef): Explanation {
  const held = marks.get(read, subject)?.message;
  const message = held === undefined || held.length === 0 ? null : messageRef(held);
  // What it held says more than the envelope itself.
  if (message !== null && isKnown(read, message)) return ofTrail(read, message, message);
  const isEnvelope = messages.get(read, subject)?.placeholder === true || marks.get(read, subject) !== null;
  if (isKnown(read, subject)) return ofTrail(read, subject, isEnvelope ? null : (subject as MessageRef));
  const steps = envelopeSteps(read, subject);
  if (steps.length === 0) throw new MessengerError('not_found', 'nothing of this id');
  return { message: null, steps: spellOut({ steps, omitted: 0 }), omitted: 0 };
}

function isKnown(read: VaultReader, subject: MessageRef | EnvelopeRef): boolean {
  return readTrail(read, subject).steps.length > 0 || messages.get(read, subject) !== null;
}

function ofTrail(read: VaultReader, subject: MessageRef | EnvelopeRef, message: MessageRef | null): Explanation {
  const trail = readTrail(read, subject);
  return { message, steps: spellOut(trail), omitted: trail.omitted };
}

/** Of an envelope whose sender is not known there is no trail: anyone could fill the vault with them. */
function envelopeSteps(read: VaultReader, subject: MessageRef | EnvelopeRef): RawStep[] {
  const waiting = parked.get(read, subject);
  if (waiting !== null) {
    const at = Number(waiting.parkedAt);
    return [stepOf(reasonOf(waiting.reason), at), stepOf('parked', at)];
  }
  const mark = marks.get(read, subject);
  if (mark === null) return [];
  const at = Number(mark.at);
  return mark.reason === '' ? [stepOf('nothing-missing', at)] : [stepOf(reasonOf(mark.reason), at)];
}
