import { inspect, MlsError } from '@sotto/mls';
import type { Inspected, Processed, ReceivedCommit, ReceivedProposal } from '@sotto/mls';
import { decodeLogEntry, equalBytes, WireError } from '@sotto/wire';
import type { LogEntry } from '@sotto/wire';
import { seatOf } from '../../groups/credentials.ts';
import { isRepeated, judgeProposal, policyOf, proposalOf } from '../../groups/effects.ts';
import { entryIdOf, openEntry } from '../../groups/epoch-keys.ts';
import { pastOf, wasRemoved } from '../../groups/log-state.ts';
import type { LogState } from '../../groups/log-state.ts';
import { roleOf } from '../../groups/rules.ts';
import { changesOf, loadGroup, loadLogState, logChange, mlsClient, placeOf, trusting } from '../../groups/store.ts';
import type { GroupPlace } from '../../groups/store.ts';
import type { GroupRule } from '../../mls-calls.ts';
import type { RecordReader } from '../../reader.ts';
import type { Call, CallContext } from '../context.ts';
import { invalid, openToJudge, passed, refused } from './entry.ts';
import type { Entry, Outcome } from './entry.ts';
import { takeCommit, takeOwnJoin } from './take-commit.ts';

export const processEntry: Call<'process-entry'> = (context, request, records) => {
  const place = placeOf(request.group);
  using state = loadLogState(place, records);
  return trusting(() => process(context, place, records, state, request));
};

function process(
  context: CallContext,
  place: GroupPlace,
  records: RecordReader,
  state: LogState,
  request: { readonly entry: Uint8Array; readonly now: number },
): Outcome {
  const { crypto } = context;
  const entry = readEntry(request.entry);
  if (entry === null) return passed('damaged');
  const entryId = entryIdOf(crypto, entry.bytes);
  if (state.standing === 'joining') {
    const isOwn = state.joining !== null && equalBytes(state.joining, entryId);
    return isOwn ? takeOwnJoin(context, place, records, state, entryId) : passed('not-a-member');
  }
  const { current } = state;
  const isCurrent = equalBytes(entry.epochKey, current.publicKey);
  const past = isCurrent ? null : pastOf(state, entry.epochKey);
  if (!isCurrent && past === null) return passed('unknown-key');
  if (!equalBytes(entry.log, isCurrent ? current.log : (past?.log ?? current.log))) return passed('damaged');
  if (past !== null) {
    if (entry.kind === 'proposal') return passed('late-proposal');
    if (entry.kind !== 'message') return passed(equalBytes(past.endedBy, entryId) ? 'duplicate' : 'lost-commit');
  } else if (state.standing === 'removed' && entry.kind !== 'message') {
    return passed('not-a-member');
  }
  const key = past?.sealKey ?? (entry.kind === 'external-commit' ? current.externalSealKey : current.sealKey);
  const content = openEntry(crypto, key, entry);
  if (content === null) return passed('damaged');
  const opened: Entry = { context, place, records, state, entry, entryId, content, now: request.now };
  const seen = inspected(opened);
  if (seen === null || !isOfKind(seen, entry.kind)) return invalid('entry-kind');
  switch (entry.kind) {
    case 'message':
      return takeMessage(opened, past?.epoch ?? current.epoch);
    case 'proposal':
      return takeProposal(opened);
    case 'commit':
    case 'external-commit':
      return takeCommit(opened, entry.successor, seen);
  }
}

function takeMessage(entry: Entry, epoch: number): Outcome {
  const { place, state, entryId } = entry;
  using group = loadGroup(mlsClient(entry.context, { now: entry.now }), place, entry.records);
  let received: Processed;
  try {
    received = group.process(entry.content.mls);
  } catch (error) {
    return refused(error, (code) => {
      if (code === 'own_message') return { result: { kind: 'own', epoch, entryId }, changed: [] };
      if (code === 'generation_used') return passed('duplicate');
      return code === 'past_epoch' ? passed('late-expired') : invalid('mls');
    });
  }
  if (received.kind !== 'application') return invalid('entry-kind');
  if (Number(received.epoch) !== epoch) return invalid('mls');
  if (wasRemoved(state, epoch, received.sender)) return passed('late-from-removed');
  const from = seatOf({ leaf: received.sender, credential: received.credential });
  const role = roleOf(policyOf(group).rules, from.account);
  const result = { kind: 'message', from, role, epoch, content: received.data.slice(), entryId } as const;
  return { result, changed: changesOf(place, group) };
}

function takeProposal(entry: Entry): Outcome {
  const { place, entryId } = entry;
  const { group: opened, judge } = openToJudge(entry);
  using group = opened;
  const before = group.proposals();
  let rule: GroupRule | null = null;
  let repeated = false;
  const accept = (candidate: ReceivedProposal | ReceivedCommit): boolean => {
    rule = candidate.kind === 'proposal' ? judgeProposal(group, candidate) : 'entry-kind';
    repeated = rule === null && candidate.kind === 'proposal' && isRepeated(candidate, before);
    return rule === null && !repeated;
  };
  let received: Processed;
  try {
    received = group.process(entry.content.mls, { accept });
  } catch (error) {
    return refused(error, (code) => {
      if (repeated) return passed('repeated-proposal');
      if (rule !== null) return invalid(rule);
      if (code === 'own_message') return unknownOwn(entry);
      return code === 'generation_used' ? passed('duplicate') : invalid(judge.refusal ?? 'mls');
    });
  }
  if (received.kind !== 'proposal' && received.kind !== 'own_proposal') return invalid('entry-kind');
  if (received.kind === 'own_proposal' && isRepeated(received, before)) return passed('repeated-proposal');
  const proposal = proposalOf(group, received);
  if (proposal === null) return invalid('proposal-kind');
  const result = { kind: 'proposal', proposal, own: received.kind === 'own_proposal', entryId } as const;
  return { result, changed: changesOf(place, group) };
}

/** An own proposal that this device has lost: a commit that refers to it will not be readable. */
function unknownOwn({ place, state, entryId }: Entry): Outcome {
  return {
    result: { kind: 'own', epoch: state.current.epoch, entryId },
    changed: state.blind ? [] : [logChange(place, { ...state, blind: true })],
  };
}

function readEntry(bytes: Uint8Array): LogEntry | null {
  try {
    return decodeLogEntry(bytes);
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
}

function inspected({ context, content }: Entry): Inspected | null {
  try {
    return inspect(context.crypto, content.mls);
  } catch (error) {
    if (error instanceof MlsError) return null;
    throw error;
  }
}

/** Members' handshakes are private messages; who is outside has no keys for those. */
function isOfKind(seen: Inspected, kind: LogEntry['kind']): boolean {
  if (kind === 'external-commit') {
    return seen.kind === 'public_message' && seen.content === 'commit' && seen.sender.kind === 'new_member_commit';
  }
  return seen.kind === 'private_message' && seen.content === (kind === 'message' ? 'application' : kind);
}
