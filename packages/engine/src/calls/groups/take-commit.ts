import type { Group, Inspected, Processed, ReceivedCommit, ReceivedProposal } from '@sotto/mls';
import { decodeCommitInfo, equalBytes, WireError } from '@sotto/wire';
import type { LogContent, RevocationHead } from '@sotto/wire';
import type { RecordChange } from '../../engine.ts';
import { readOwnEffects } from '../../groups/change-record.ts';
import type { OwnEffects } from '../../groups/change-record.ts';
import { carriedChains, isIdentityFault } from '../../groups/chains.ts';
import { factsOf, policyOf, removalsOf, updatedOf, waitingRemovals } from '../../groups/effects.ts';
import { epochKeysOf } from '../../groups/epoch-keys.ts';
import { advanced, wipeLogState } from '../../groups/log-state.ts';
import type { LogState } from '../../groups/log-state.ts';
import { judgeCommit } from '../../groups/rules.ts';
import { changesOf, effectsName, logChange, PAST_EPOCHS } from '../../groups/store.ts';
import type { GroupPlace } from '../../groups/store.ts';
import type { GroupChange, GroupRule } from '../../mls-calls.ts';
import type { RecordReader } from '../../reader.ts';
import type { CallContext } from '../context.ts';
import { invalid, openToJudge, passed, refused } from './entry.ts';
import type { Entry, Outcome } from './entry.ts';

/** A commit on the epoch that this device is in. */
export function takeCommit(entry: Entry, successor: Uint8Array, seen: Inspected): Outcome {
  const { context, place, state, entryId, content } = entry;
  const mine = state.commits.find((commit) => equalBytes(commit.entry, entryId));
  const carried = carriedChains(context, content.chains);
  const revocations = revocationsIn(seen);
  if (revocations === null) return invalid('mls');
  const { group: opened, judge } = openToJudge(entry, carried);
  using group = opened;
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
    const facts = factsOf(group, candidate.effects, { revocations, carried });
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
      const isBlind = state.blind && code === 'unknown_proposal';
      if (isBlind || UNREADABLE.has(code)) return passed('unreadable-commit');
      return invalid(judge.refusal ?? 'mls');
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
export function takeOwnJoin(
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
const UNREADABLE: ReadonlySet<string> = new Set(['path_decryption', 'path_keys', 'own_message']);
