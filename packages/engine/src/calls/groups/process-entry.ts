import { inspect, MlsError } from '@sotto/mls';
import type { Group, Inspected, Processed, ReceivedCommit, ReceivedProposal } from '@sotto/mls';
import { decodeCommitInfo, decodeLogEntry, equalBytes, WireError } from '@sotto/wire';
import type { LogContent, LogEntry, RevocationHead } from '@sotto/wire';
import type { RecordChange } from '../../engine.ts';
import { readOwnEffects } from '../../groups/change-record.ts';
import type { OwnEffects } from '../../groups/change-record.ts';
import { carriedChains, isIdentityFault, recording } from '../../groups/chains.ts';
import { judgeOfCommit, seatOf } from '../../groups/credentials.ts';
import type { CredentialJudge } from '../../groups/credentials.ts';
import {
  factsOf,
  isRepeated,
  judgeProposal,
  policyOf,
  proposalOf,
  removalsOf,
  updatedOf,
  waitingRemovals,
} from '../../groups/effects.ts';
import { entryIdOf, epochKeysOf, openEntry } from '../../groups/epoch-keys.ts';
import { advanced, pastOf, wasRemoved, wipeLogState } from '../../groups/log-state.ts';
import type { LogState } from '../../groups/log-state.ts';
import { once } from '../../groups/once.ts';
import { judgeCommit, roleOf } from '../../groups/rules.ts';
import {
  changesOf,
  effectsName,
  isOwnFault,
  loadGroup,
  loadLogState,
  logChange,
  mlsClient,
  PAST_EPOCHS,
  placeOf,
  trusting,
} from '../../groups/store.ts';
import type { GroupPlace } from '../../groups/store.ts';
import type { GroupChange, GroupRule, PassedOver, ProcessEntryResult } from '../../mls-calls.ts';
import type { RecordReader } from '../../reader.ts';
import type { Call, CallContext, Done } from '../context.ts';

type Outcome = Done<'process-entry'>;

/** An entry that opened, with what goes on around it. */
interface Entry {
  readonly context: CallContext;
  readonly place: GroupPlace;
  readonly records: RecordReader;
  readonly state: LogState;
  readonly entry: LogEntry;
  readonly entryId: Uint8Array;
  readonly content: LogContent;
  readonly now: number;
}

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
  const own: { judge: CredentialJudge | null } = { judge: null };
  using group = openWithJudge(entry, own);
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
      if (code === 'own_message')
        return { result: { kind: 'own', epoch: entry.state.current.epoch, entryId }, changed: [] };
      return code === 'generation_used' ? passed('duplicate') : invalid(own.judge?.refusal ?? 'mls');
    });
  }
  if (received.kind !== 'proposal' && received.kind !== 'own_proposal') return invalid('entry-kind');
  if (received.kind === 'own_proposal' && isRepeated(received, before)) return passed('repeated-proposal');
  const proposal = proposalOf(group, received);
  if (proposal === null) return invalid('proposal-kind');
  const result = { kind: 'proposal', proposal, own: received.kind === 'own_proposal', entryId } as const;
  return { result, changed: changesOf(place, group) };
}

function takeCommit(entry: Entry, successor: Uint8Array, seen: Inspected): Outcome {
  const { context, place, state, entryId, content } = entry;
  const mine = state.commits.find((commit) => equalBytes(commit.entry, entryId));
  const chains = recording(carriedChains(context, content.chains));
  const revocations = revocationsIn(seen);
  if (revocations === null) return invalid('mls');
  const own: { judge: CredentialJudge | null } = { judge: null };
  using group = openWithJudge(entry, own, chains.source);
  if (mine !== undefined) {
    const omitted = waitingRemovals(group).some((leaf) => !mine.removes.includes(leaf));
    if (omitted) return dropOwn(entry, group, mine.digest);
  }
  let rule: GroupRule | null = null;
  let effects: OwnEffects | null = null;
  const accept = (candidate: ReceivedProposal | ReceivedCommit): boolean => {
    if (candidate.kind !== 'commit') {
      rule = 'entry-kind';
      return false;
    }
    const facts = factsOf(group, candidate.effects, { revocations, carried: chains.source });
    rule = judgeCommit(facts);
    const before = policyOf(group).bytes;
    const after = candidate.effects.extensions[0]?.data ?? before;
    effects = {
      by: facts.committer.seat,
      external: facts.committer.kind === 'external',
      added: [
        ...facts.added.map(({ seat }) => seat),
        ...(facts.committer.kind === 'external' ? [facts.committer.seat] : []),
      ],
      removed: removalsOf(facts),
      updated: updatedOf(candidate.effects),
      policy: facts.policyChange === null ? null : { before: before.slice(), after: after.slice() },
    };
    return rule === null;
  };
  let received: Processed;
  try {
    received = group.process(content.mls, { accept });
  } catch (error) {
    return refused(error, (code) => {
      if (rule !== null) return invalid(rule);
      if (code === 'generation_used') return passed('duplicate');
      if (UNREADABLE.has(code)) return passed('unreadable-commit');
      return invalid(own.judge?.refusal ?? 'mls');
    });
  }
  if (received.kind === 'own_commit') {
    if (mine === undefined) return invalid('entry-kind');
    return advance(entry, group, successor, {
      ...readOwnEffects(entry.records.get(effectsName(place, entryId))),
      own: true,
    });
  }
  if (received.kind !== 'commit' || effects === null) return invalid('entry-kind');
  if (received.removed) return endMembership(entry, group, { ...(effects as OwnEffects), own: false });
  return advance(entry, group, successor, { ...(effects as OwnEffects), own: false });
}

/** The group is in the next epoch: whether that is the one that the entry names, and what there is to keep. */
function advance(
  entry: Entry,
  group: Group,
  successor: Uint8Array,
  effects: OwnEffects & { readonly own: boolean },
): Outcome {
  const { context, place, state, entryId, content } = entry;
  const next = epochKeysOf(context.crypto, group, policyOf(group).rules.log.id);
  const wipe = (): void => {
    wipeLogState({ ...state, current: next, past: [] });
  };
  if (!equalBytes(next.publicKey, successor)) {
    wipe();
    return invalid('successor');
  }
  const removes = effects.removed.map(({ leaf }) => leaf);
  const changes = changesOf(place, group);
  const log = logChange(place, advanced(state, next, { entry: entryId, removes }, PAST_EPOCHS));
  const change = changeOf(entry, effects, {
    epoch: next.epoch,
    epochKey: next.publicKey,
    removedSelf: false,
    chains: carriedIn(context, content),
  });
  wipe();
  return { result: { kind: 'commit', change, entryId }, changed: [...changes, log, ...forgotten(entry)] };
}

function endMembership(entry: Entry, group: Group, effects: OwnEffects & { readonly own: boolean }): Outcome {
  const { context, place, state, entryId, content } = entry;
  const log = logChange(place, { ...state, standing: 'removed', commits: [] });
  const { epoch, publicKey } = state.current;
  const change = changeOf(entry, effects, {
    epoch: epoch + 1,
    epochKey: publicKey,
    removedSelf: true,
    chains: carriedIn(context, content),
  });
  return {
    result: { kind: 'commit', change, entryId },
    changed: [...changesOf(place, group), log, ...forgotten(entry)],
  };
}

/** An own commit that all others refuse, because somebody's removal came before it. */
function dropOwn(entry: Entry, group: Group, digest: Uint8Array): Outcome {
  const { place, state, entryId } = entry;
  group.drop(digest);
  const commits = state.commits.filter((commit) => !equalBytes(commit.entry, entryId));
  return {
    result: { kind: 'invalid', rule: 'removal-omitted' },
    changed: [
      ...changesOf(place, group),
      logChange(place, { ...state, commits }),
      { name: effectsName(place, entryId), bytes: null },
    ],
  };
}

/** The own external commit was taken: the group is open. */
function takeOwnJoin(
  context: CallContext,
  place: GroupPlace,
  records: RecordReader,
  state: LogState,
  entryId: Uint8Array,
): Outcome {
  const name = effectsName(place, entryId);
  const effects = readOwnEffects(records.get(name));
  const { epoch, publicKey } = state.current;
  const change: GroupChange = {
    ...effects,
    own: true,
    epoch,
    epochKey: publicKey.slice(),
    removedSelf: false,
    chains: [],
    lost: [],
  };
  const changed = [logChange(place, { ...state, standing: 'active', joining: null }), { name, bytes: null }];
  return { result: { kind: 'commit', change, entryId }, changed };
}

function changeOf(
  entry: Entry,
  effects: OwnEffects & { readonly own: boolean },
  to: Pick<GroupChange, 'epoch' | 'epochKey' | 'removedSelf' | 'chains'>,
): GroupChange {
  const { by, own, external, added, removed, updated, policy } = effects;
  return {
    by,
    own,
    external,
    added,
    removed,
    updated,
    policy,
    ...to,
    epochKey: to.epochKey.slice(),
    lost: lostOf(entry).map((id) => id.slice()),
  };
}

/** Own commits that another one was taken instead of. */
function lostOf({ state, entryId }: Entry): Uint8Array[] {
  return state.commits.flatMap(({ entry }) => (equalBytes(entry, entryId) ? [] : [entry]));
}

function forgotten({ place, state }: Entry): RecordChange[] {
  return state.commits.map(({ entry }) => ({ name: effectsName(place, entry), bytes: null }));
}

function carriedIn({ chains }: CallContext, content: LogContent): GroupChange['chains'] {
  return content.chains.flatMap((bytes) => {
    try {
      return [chains.serialised(bytes).statements.map((statement) => statement.slice())];
    } catch (error) {
      if (!isIdentityFault(error)) throw error;
      return [];
    }
  });
}

function openWithJudge(
  entry: Entry,
  own: { judge: CredentialJudge | null },
  carried: Parameters<typeof judgeOfCommit>[1] = () => null,
): Group {
  let loaded: Group | null = null;
  const members = once(() => loaded?.members() ?? []);
  own.judge = judgeOfCommit(members, carried);
  const group = loadGroup(
    mlsClient(entry.context, { now: entry.now, authentication: own.judge }),
    entry.place,
    entry.records,
  );
  loaded = group;
  return group;
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

function revocationsIn(seen: Inspected): readonly RevocationHead[] | null {
  if (seen.kind !== 'private_message' && seen.kind !== 'public_message') return [];
  try {
    return decodeCommitInfo(seen.authenticatedData).revocations;
  } catch (error) {
    if (error instanceof WireError) return null;
    throw error;
  }
}

/** What may be wrong for this device only: a path that is encrypted badly, or own state that is lost. */
const UNREADABLE: ReadonlySet<string> = new Set(['path_decryption', 'path_keys', 'own_message', 'unknown_proposal']);

/** `MlsError`s that what was received is to blame for become an outcome. */
function refused(error: unknown, outcome: (code: MlsError['code']) => Outcome): Outcome {
  if (!(error instanceof MlsError) || isOwnFault(error)) throw error;
  return outcome(error.code);
}

function passed(reason: PassedOver): Outcome {
  return { result: { kind: 'passed-over', reason }, changed: [] };
}

function invalid(rule: GroupRule): Outcome {
  const result: ProcessEntryResult = { kind: 'invalid', rule };
  return { result, changed: [] };
}
