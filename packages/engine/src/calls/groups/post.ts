import type { AuthenticationService } from '@sotto/mls';
import { equalBytes, logId } from '@sotto/wire';
import type { RecordChange } from '../../engine.ts';
import { EngineError } from '../../error.ts';
import { seatOf } from '../../groups/credentials.ts';
import { admissionOf, sealEntry, signedPost } from '../../groups/epoch-keys.ts';
import { effectsName } from '../../groups/store.ts';
import { changesOf, loadGroup, loadLogState, logChange, mlsClient, placeOf, trusting } from '../../groups/store.ts';
import type { GroupPlace } from '../../groups/store.ts';
import type { LogState } from '../../groups/log-state.ts';
import type { PostMade } from '../../mls-calls.ts';
import type { RecordReader } from '../../reader.ts';
import type { Call, CallContext } from '../context.ts';

export const encryptEntry: Call<'encrypt-entry'> = (context, request, records) => {
  const place = placeOf(request.group);
  using state = openState(place, records);
  return trusting(() => {
    using group = loadGroup(mlsClient(context, { now: 0 }), place, records);
    const post = postOf(context, state, 'message', group.encrypt(request.content));
    return { result: { ...post, epoch: state.current.epoch }, changed: changesOf(place, group) };
  });
};

/** An own leaf with fresh keys keeps the credential that was judged. */
const SELF: AuthenticationService = { accepts: () => true };

export const createProposals: Call<'create-proposals'> = (context, request, records) => {
  const { propose } = request;
  const place = placeOf(request.group);
  using state = openState(place, records);
  return trusting(() => {
    using group = loadGroup(mlsClient(context, { now: 0, authentication: SELF }), place, records);
    const own = group.member(group.ownLeaf);
    if (own === null) throw new EngineError('damaged_record', 'the own leaf of a group is blank');
    const { account } = seatOf(own);
    let messages: Uint8Array[];
    if (propose.kind === 'update') {
      messages = [group.proposeUpdate({}, { held: true })];
    } else {
      // The own leaf comes last: with the others gone or not, this device leaves.
      const others = propose.allDevices
        ? group.members().filter((member) => member.leaf !== own.leaf && equalBytes(seatOf(member).account, account))
        : [];
      messages = [...others, own].map(({ leaf }) => group.propose({ kind: 'remove', leaf }, { held: true }));
    }
    const posts = messages.map((message) => postOf(context, state, 'proposal', message));
    return { result: { posts }, changed: changesOf(place, group) };
  });
};

export const dropCommit: Call<'drop-commit'> = (context, request, records) => {
  const place = placeOf(request.group);
  using state = loadLogState(place, records);
  const commit = state.commits.find(({ entry }) => equalBytes(entry, request.entryId));
  if (commit === undefined) return { result: { dropped: false }, changed: [] };
  return trusting(() => {
    using group = loadGroup(mlsClient(context, { now: 0 }), place, records);
    group.drop(commit.digest);
    const commits = state.commits.filter((other) => other !== commit);
    const changed: RecordChange[] = [
      ...changesOf(place, group),
      logChange(place, { ...state, commits }),
      { name: effectsName(place, commit.entry), bytes: null },
    ];
    return { result: { dropped: true }, changed };
  });
};

export const offerRejoin: Call<'offer-rejoin'> = (context, request, records) => {
  const place = placeOf(request.group);
  using state = openState(place, records);
  return trusting(() => {
    using group = loadGroup(mlsClient(context, { now: 0 }), place, records);
    const result = {
      groupInfo: group.groupInfo(),
      externalKey: state.current.externalSealKey.reveal().slice(),
      admission: admissionOf(context, state.current, request.expiresAt),
    };
    return { result, changed: [] };
  });
};

function postOf(context: CallContext, { current }: LogState, kind: 'message' | 'proposal', mls: Uint8Array): PostMade {
  const fields = { log: logId(current.log), epochKey: current.publicKey, kind } as const;
  return signedPost(context, current, sealEntry(context.crypto, current.sealKey, fields, { mls, chains: [] }), 0);
}

/** Throws `group_closed` unless this device is in the group. */
function openState(place: GroupPlace, records: RecordReader): LogState & Disposable {
  const state = loadLogState(place, records);
  if (state.standing === 'active') return state;
  state[Symbol.dispose]();
  throw new EngineError('group_closed', 'this device is not in the group');
}
