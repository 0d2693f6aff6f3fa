import { decryptMessage, sessionFacts } from '@sotto/ratchet';
import { decodeEnvelope, equalBytes, WireError } from '@sotto/wire';
import type { Envelope } from '@sotto/wire';
import type { EngineRequest, RecordName, UnreadableReason } from '../engine.ts';
import type { RecordReader } from '../reader.ts';
import { sessionIdOf } from '../records.ts';
import { isRefused } from '../sender.ts';
import { readSessionRecord } from '../session-record.ts';
import type { Call, CallContext, Done } from './context.ts';
import { delivered, unreadable } from './delivered.ts';
import { processInitial } from './process-initial.ts';

/** Clocks differ, and a mailbox may hand out late what was posted in time, ms. */
const EXPIRY_GRACE_MS = 86_400_000;

export const process: Call<'process'> = (context, request, records) => {
  const envelope = readEnvelope(request.envelope);
  if (typeof envelope === 'string') return unreadable(envelope);
  if (!equalBytes(envelope.mailbox, request.mailbox)) return unreadable('wrong-mailbox');
  if (envelope.expiresAt * 1000 + EXPIRY_GRACE_MS < request.now) return unreadable('expired');
  return request.session === null
    ? processInitial(context, request, envelope, records)
    : processInSession(context, request, envelope, request.session, records);
};

function readEnvelope(bytes: Uint8Array): Envelope | UnreadableReason {
  try {
    return decodeEnvelope(bytes);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    if (error.code === 'unknown_version') return 'unknown-version';
    return error.code === 'unknown_suite' ? 'unknown-suite' : 'damaged';
  }
}

/** Two thousand records to tell that garbage is garbage would be too many. */
function noneKept(state: Uint8Array): Map<number, null> {
  return new Map(sessionFacts(state).skippedSlots.map((slot) => [slot, null]));
}

function processInSession(
  context: CallContext,
  request: EngineRequest<'process'>,
  envelope: Envelope,
  name: RecordName,
  records: RecordReader,
): Done<'process'> {
  const record = records.find(name);
  if (record === null) return unreadable('no-session');
  const session = readSessionRecord(record);
  if (request.senderChain !== null) {
    const reason = isRefused(context.chains, session.account, session.device, request.senderChain);
    if (reason !== null) return unreadable(reason);
  }
  const skipped = request.untagged === true ? noneKept(session.state) : records.skippedOf(sessionIdOf(name));
  const result = decryptMessage(context.pairwise, { session: session.state, envelope, skipped, now: request.now });
  return delivered(name, session, result, null, null);
}
