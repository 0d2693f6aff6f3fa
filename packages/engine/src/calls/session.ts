import { expectedTags, expireSkipped, sessionFacts } from '@sotto/ratchet';
import type { RecordChange } from '../engine.ts';
import { openingName, sessionIdOf, skippedName } from '../records.ts';
import { readSessionRecord, writeSessionRecord } from '../session-record.ts';
import type { Call } from './context.ts';
import { upcomingTag } from './start-session.ts';

export const sessionTags: Call<'session-tags'> = ({ pairwise }, { session: name }, records) => {
  const id = sessionIdOf(name);
  const { state } = readSessionRecord(records.get(name));
  records.require(sessionFacts(state).skippedSlots.map((slot) => skippedName(id, slot)));
  const { upcoming, skipped } = expectedTags(pairwise, state, records.skippedOf(id));
  const kept = skipped.map(({ slot, tag }) => ({ tag, record: skippedName(id, slot) }));
  return { result: { tags: [...upcoming.map(upcomingTag), ...kept] }, changed: [] };
};

export const expireSkippedCall: Call<'expire-skipped'> = (_context, { session: name, now }, records) => {
  const id = sessionIdOf(name);
  const session = readSessionRecord(records.get(name));
  const expired = expireSkipped(session.state, now);
  if (expired === null) return { result: { expired: 0 }, changed: [] };
  const changed: RecordChange[] = expired.skipped.map(({ slot, record }) => ({
    name: skippedName(id, slot),
    bytes: record,
  }));
  changed.push({ name, bytes: writeSessionRecord({ ...session, state: expired.session }) });
  return { result: { expired: expired.skipped.length }, changed };
};

export const endSession: Call<'end-session'> = (_context, { session: name }, records) => {
  const id = sessionIdOf(name);
  const record = records.find(name);
  if (record === null) return { result: { ended: false }, changed: [] };
  const { skippedSlots } = sessionFacts(readSessionRecord(record).state);
  const names = [name, openingName(id), ...skippedSlots.map((slot) => skippedName(id, slot))];
  return { result: { ended: true }, changed: names.map((each) => ({ name: each, bytes: null })) };
};
