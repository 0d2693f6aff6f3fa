import type { DecryptResult, UnreadableMessage } from '@sotto/ratchet';
import type { InitialFacts, RecordChange, RecordName, UnreadableReason } from '../engine.ts';
import { NeedRecords } from '../reader.ts';
import { openingName, sessionIdOf, skippedName } from '../records.ts';
import { writeSessionRecord } from '../session-record.ts';
import type { SessionRecord } from '../session-record.ts';
import type { Done } from './context.ts';
import { upcomingTag } from './start-session.ts';

/** Nothing was changed. */
export function unreadable(reason: UnreadableReason): Done<'process'> {
  return { result: { kind: 'unreadable', reason }, changed: [] };
}

/** The reply to a message that was tried in a session: `sender chain` and `initial` as the message brought them. */
export function delivered(
  name: RecordName,
  session: SessionRecord,
  result: DecryptResult,
  chain: readonly Uint8Array[] | null,
  initial: InitialFacts | null,
): Done<'process'> {
  if (result.kind === 'duplicate') return { result: { kind: 'duplicate' }, changed: [] };
  if (result.kind === 'unreadable') return unreadable(REASONS[result.reason]);
  const id = sessionIdOf(name);
  if (result.kind === 'need-skipped') throw new NeedRecords(result.slots.map((slot) => skippedName(id, slot)));
  const { tags } = result;
  const changed: RecordChange[] = [
    {
      name,
      bytes: writeSessionRecord({ ...session, awaiting: session.awaiting && !result.answered, state: result.session }),
    },
  ];
  if (result.answered) changed.push({ name: openingName(id), bytes: null });
  for (const { slot, record } of result.skipped) changed.push({ name: skippedName(id, slot), bytes: record });
  return {
    result: {
      kind: 'message',
      // Copies: the record they are views of is overwritten after the transaction.
      from: { account: session.account.slice(), device: session.device.slice(), chain },
      session: name,
      initial,
      content: result.content,
      tags: {
        upcoming: tags.upcoming?.map(upcomingTag) ?? null,
        skipped: tags.skipped.map(({ slot, tag }) => ({ tag, record: skippedName(id, slot) })),
        used: tags.used,
      },
    },
    changed,
  };
}

const REASONS: { readonly [Reason in UnreadableMessage]: UnreadableReason } = {
  'no-match': 'no-session',
  'too-far-ahead': 'too-far-ahead',
  damaged: 'damaged',
  'unknown-extension': 'unknown-version',
};
