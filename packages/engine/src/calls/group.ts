import {
  acceptSenderKey,
  createSenderKey,
  decryptFromGroup,
  distributeSenderKey,
  encryptForGroup,
  parseSenderKeyDistribution,
  RatchetError,
  senderKeyFacts,
  senderKeyTags,
} from '@sotto/ratchet';
import type { SenderKeyDecrypted, SenderKeyRecords } from '@sotto/ratchet';
import type { RecordChange, RecordName, SessionTag } from '../engine.ts';
import { EngineError } from '../error.ts';
import type { GroupProcessResult } from '../group-calls.ts';
import { groupKeyName, groupSkippedName, groupStateName } from '../records.ts';
import type { RecordReader } from '../reader.ts';
import type { Call, CallContext, Done } from './context.ts';

/** Tags kept ready for each sender: as many messages may be lost before one is found by trying instead. */
const TAGS_AHEAD = 32;

export const createGroupKey: Call<'create-group-key'> = ({ pairwise }, request) => {
  const owner = { group: request.group, account: request.account, device: request.device };
  const made = createSenderKey(pairwise, { owner, now: request.now });
  const key = groupKeyName(owner, senderKeyFacts(made).chain);
  return { result: { key }, changed: bothRecords(key, made) };
};

export const distributeGroupKey: Call<'distribute-group-key'> = (_context, { key, roster }, records) => ({
  result: { distribution: distributeSenderKey({ ...recordsOf(key, records), roster }) },
  changed: [],
});

export const acceptGroupKey: Call<'accept-group-key'> = ({ pairwise }, request, records) => {
  const { now } = request;
  const sender = { group: request.group, account: request.account, device: request.device };
  const received = refusing(() => parseSenderKeyDistribution(request.distribution));
  const key = groupKeyName(sender, received.chain);
  const known = records.find(key);
  const accepted = refusing(() => acceptSenderKey(pairwise, { received, sender, known, now }));
  const isNew = accepted.kind === 'new';
  const current = isNew ? accepted : recordsOf(key, records);
  return {
    result: { key, isNew, roster: received.roster, tags: tagsOf(pairwise, key, current) },
    changed: isNew ? bothRecords(key, accepted) : [],
  };
};

export const encryptGroup: Call<'encrypt-group'> = ({ pairwise }, request, records) => {
  const { key, roster, content, associated } = request;
  const { state, message, index } = encryptForGroup(pairwise, {
    ...recordsOf(key, records),
    roster,
    content,
    associated,
  });
  return { result: { message, index }, changed: [{ name: groupStateName(key), bytes: state }] };
};

export const processGroup: Call<'process-group'> = ({ pairwise }, request, records) => {
  const { key, message, associated, now } = request;
  const own = recordsOf(key, records);
  const { account, device } = senderKeyFacts(own).owner;
  const decrypt = (skipped?: Uint8Array | null): SenderKeyDecrypted =>
    decryptFromGroup(pairwise, { ...own, message, associated, now, ...(skipped === undefined ? {} : { skipped }) });
  try {
    const first = decrypt();
    const result = first.kind === 'need-skipped' ? decrypt(records.find(groupSkippedName(key, first.index))) : first;
    return processed(key, { account, device }, result);
  } catch (error) {
    const reason = error instanceof RatchetError ? REFUSED.get(error.code) : undefined;
    if (reason === undefined) throw error;
    return { result: { kind: 'unreadable', reason }, changed: [] };
  }
};

export const groupKeyTags: Call<'group-key-tags'> = ({ pairwise }, { key }, records) => ({
  result: { tags: tagsOf(pairwise, key, recordsOf(key, records)) },
  changed: [],
});

export const endGroupKey: Call<'end-group-key'> = (_context, { key }, records) => {
  const state = groupStateName(key);
  records.require([key, state]);
  if (records.find(key) === null) return { result: { ended: false }, changed: [] };
  const { skipped } = senderKeyFacts(recordsOf(key, records));
  const names = [key, state, ...skipped.map((index) => groupSkippedName(key, index))];
  return { result: { ended: true }, changed: names.map((name) => ({ name, bytes: null })) };
};

/** What the message itself is to blame for, once the records have been read without fault. */
const REFUSED: ReadonlyMap<string, Extract<GroupProcessResult, { kind: 'unreadable' }>['reason']> = new Map([
  ['not_authentic', 'damaged'],
  ['malformed', 'damaged'],
  ['unsupported', 'unknown-version'],
  ['too_far', 'too-far-ahead'],
] as const);

type MessageSender = Extract<GroupProcessResult, { kind: 'message' }>['from'];

function processed(key: RecordName, from: MessageSender, result: SenderKeyDecrypted): Done<'process-group'> {
  if (result.kind === 'foreign') return { result: { kind: 'unreadable', reason: 'no-session' }, changed: [] };
  if (result.kind === 'duplicate' || result.kind === 'before-joining') {
    return { result: { kind: result.kind }, changed: [] };
  }
  // Asked for once and answered: the record is there or it is not.
  if (result.kind === 'need-skipped') throw new EngineError('damaged_record', 'a skipped key is asked for twice');
  const { content, index, roster, state, skipped } = result;
  const changed: RecordChange[] = [{ name: groupStateName(key), bytes: state }];
  for (const { index: at, record } of skipped) changed.push({ name: groupSkippedName(key, at), bytes: record });
  return { result: { kind: 'message', from, content, index, roster }, changed };
}

function recordsOf(key: RecordName, records: RecordReader): SenderKeyRecords {
  const state = groupStateName(key);
  records.require([key, state]);
  return { record: records.get(key), state: records.get(state) };
}

function bothRecords(key: RecordName, { record, state }: SenderKeyRecords): RecordChange[] {
  return [
    { name: key, bytes: record },
    { name: groupStateName(key), bytes: state },
  ];
}

/** A message that is missing has its key in a record of its own. */
function tagsOf(pairwise: CallContext['pairwise'], key: RecordName, own: SenderKeyRecords): SessionTag[] {
  const { next } = senderKeyFacts(own);
  return senderKeyTags(pairwise, { ...own, ahead: TAGS_AHEAD }).map(({ index, tag }) => ({
    tag,
    record: index < next ? groupSkippedName(key, index) : null,
  }));
}

/** What another device sent is no fault of a record. */
function refusing<T>(call: () => T): T {
  try {
    return call();
  } catch (cause) {
    if (!(cause instanceof RatchetError)) throw cause;
    throw new EngineError('request', 'the sender key is refused', { cause });
  }
}
