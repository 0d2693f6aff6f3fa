import { encryptMessage } from '@sotto/ratchet';
import { mailboxId, WireError } from '@sotto/wire';
import { EngineError } from '../error.ts';
import { openingName, sessionIdOf } from '../records.ts';
import { readSessionRecord, writeSessionRecord } from '../session-record.ts';
import type { Call } from './context.ts';

export const encrypt: Call<'encrypt'> = ({ pairwise }, request, records) => {
  const { session: name, content, mailbox, expiresAt, urgency } = request;
  const record = readSessionRecord(records.get(name));
  const opening = record.awaiting ? records.get(openingName(sessionIdOf(name))) : null;
  const result = encrypted(() =>
    encryptMessage(pairwise, {
      session: record.state,
      opening,
      content,
      mailbox: mailboxId(mailbox),
      expiresAt,
      urgency,
    }),
  );
  if (result.kind === 'exhausted') throw new EngineError('exhausted', 'the session has sent all it can');
  const next = writeSessionRecord({ ...record, state: result.session });
  return { result: { envelope: result.envelope }, changed: [{ name, bytes: next }] };
};

/** What the wire refuses is content that fits no envelope, or a field of the request. */
function encrypted<T>(call: () => T): T {
  try {
    return call();
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    if (cause.code === 'too_large') throw new EngineError('too_large', 'the content fits no envelope', { cause });
    throw new EngineError('request', 'a mailbox or expiry that no envelope can have', { cause });
  }
}
