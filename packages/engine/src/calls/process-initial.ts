import { acceptInitial, continueInitial, openInitial } from '@sotto/ratchet';
import type { AcceptRefusal, AcceptResult, InitialMessage, LocalDevice, OpenedInitial } from '@sotto/ratchet';
import { deviceId, equalBytes } from '@sotto/wire';
import type { ChainHead, Envelope } from '@sotto/wire';
import type { EngineRequest, HeadRef, InitialFacts, RecordChange, UnreadableReason } from '../engine.ts';
import { localDevice } from '../own-device.ts';
import { markUsed, wasUsed } from '../prekey-uses.ts';
import type { RecordReader } from '../reader.ts';
import { DEVICE_KEYS, prekeyName, prekeyUsesName, SEALING_PREKEYS, sessionIdOf, sessionName } from '../records.ts';
import { readSealingIndex } from '../sealing-index.ts';
import { findSender } from '../sender.ts';
import { readSessionRecord } from '../session-record.ts';
import { parsed } from './account.ts';
import type { CallContext, Done } from './context.ts';
import { delivered, unreadable } from './delivered.ts';

/** An envelope that no session expects: a first message, or a further one of a session that is not answered yet. */
export function processInitial(
  context: CallContext,
  request: EngineRequest<'process'>,
  envelope: Envelope,
  records: RecordReader,
): Done<'process'> {
  const opened = open(context, request, envelope, records);
  if (opened.kind === 'not-opened') return unreadable('no-session');
  if (opened.kind === 'unreadable') {
    return unreadable(opened.reason === 'unsupported' ? 'unknown-version' : 'damaged');
  }
  const { initial } = opened;
  const name = sessionName(initial.senderDevice, initial.hash);
  const uses = prekeyUsesName(initial.prekeys.signed, initial.hash);
  records.require([name, uses, ...prekeyNames(initial)]);

  const sender = findSender(context.chains, initial, request.senderChain);
  if (sender.kind === 'refused') return { result: sender.result, changed: [] };
  const known = records.find(name);
  if (known !== null) {
    const session = readSessionRecord(known);
    const skipped = records.skippedOf(sessionIdOf(name));
    const input = { initial, envelope, session: session.state, skipped, now: request.now };
    return delivered(name, session, continueInitial(context.pairwise, input), sender.chain, null);
  }
  // Opened before, and the session has been ended since: a late message of it, or a replay.
  const marks = records.find(uses);
  if (wasUsed(marks, initial.hash)) return unreadable('no-session');

  const own = localDevice(context, request.own, records, request.now);
  const accepted = accept(context, request, envelope, initial, own, sender.device, records);
  if (accepted.kind === 'refused') return unreadable(REASONS[accepted.reason]);
  const { account } = initial.senderHead;
  const device = initial.senderDevice;
  const reply = delivered(
    name,
    { account, device, awaiting: false, state: accepted.session },
    { ...accepted, kind: 'decrypted', answered: false, wipe: [] },
    sender.chain,
    factsOf(initial),
  );
  const changed: RecordChange[] = [...reply.changed, { name: uses, bytes: markUsed(marks, initial.hash) }];
  for (const id of accepted.spent) changed.push({ name: prekeyName(id), bytes: null });
  return { result: reply.result, changed };
}

/** Takes the seal off. Asking for further records repeats the call: what was opened for the same bytes is kept. */
function open(
  { crypto, pairwise, opened }: CallContext,
  request: EngineRequest<'process'>,
  envelope: Envelope,
  records: RecordReader,
): OpenedInitial {
  const device = parsed(() => deviceId(request.own.device));
  const before = opened.get(request.envelope);
  if (before !== undefined && crypto.equal(before.envelope, envelope.bytes) && equalBytes(before.device, device)) {
    return before.result;
  }
  records.require([DEVICE_KEYS, SEALING_PREKEYS]);
  const names = readSealingIndex(records.find(SEALING_PREKEYS)).map(prekeyName);
  records.require(names);
  const sealingKeys = names.map((name) => records.find(name)).filter((record) => record !== null);
  const result = openInitial(pairwise, { envelope, device, sealingKeys });
  // Other sealing keys might open what these did not.
  if (result.kind === 'opened') {
    opened.set(request.envelope, { device: device.slice(), envelope: envelope.bytes.slice(), result });
  }
  return result;
}

function prekeyNames({ prekeys }: InitialMessage): string[] {
  return [prekeys.signed, prekeys.oneTime, prekeys.kem].filter((id) => id !== null).map(prekeyName);
}

function accept(
  { pairwise }: CallContext,
  request: EngineRequest<'process'>,
  envelope: Envelope,
  initial: InitialMessage,
  own: LocalDevice,
  peer: Parameters<typeof acceptInitial>[1]['peer'],
  records: RecordReader,
): AcceptResult {
  const record = (id: number | null): Uint8Array | null => (id === null ? null : records.find(prekeyName(id)));
  const { signed, oneTime, kem } = initial.prekeys;
  return acceptInitial(pairwise, {
    initial,
    envelope,
    own,
    peer,
    prekeys: { signed: record(signed), oneTime: record(oneTime), kem: record(kem) },
    now: request.now,
  });
}

function factsOf({ startedAt, senderHead, recipientHead }: InitialMessage): InitialFacts {
  return { startedAt: startedAt * 1000, senderHead: headRef(senderHead), recipientHead: headRef(recipientHead) };
}

function headRef({ sequence, hash }: ChainHead): HeadRef {
  return { sequence, hash };
}

const REASONS: { readonly [Reason in AcceptRefusal]: UnreadableReason } = {
  'prekey-gone': 'prekey-gone',
  suite: 'weak-suite',
  'wrong-party': 'invalid-sender',
  future: 'future',
  damaged: 'damaged',
};
