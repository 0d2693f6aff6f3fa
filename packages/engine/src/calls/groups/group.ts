import { GROUP_POLICY_EXTENSION, equalBytes } from '@sotto/wire';
import { EngineError } from '../../error.ts';
import { deletionsOf } from '../../groups/delete.ts';
import { readPolicy } from '../../groups/effects.ts';
import { epochKeysOf } from '../../groups/epoch-keys.ts';
import { headOf, leavesOfProposals, membersOf } from '../../groups/head.ts';
import { identityOf } from '../../groups/identity.ts';
import type { LogState } from '../../groups/log-state.ts';
import { wipeLogState } from '../../groups/log-state.ts';
import { changesOf, loadGroup, logChange, loadLogState, mlsClient, placeOf, trusting } from '../../groups/store.ts';
import type { Call } from '../context.ts';

export const createGroup: Call<'create-group'> = (context, request, records) => {
  const { crypto } = context;
  const { now, policy, suite } = request;
  const place = placeOf(request.group);
  const rules = readPolicy(policy);
  const [owner, ...others] = rules?.roles ?? [];
  const isOwn = owner?.role === 'owner' && equalBytes(owner.account, request.own.account) && others.length === 0;
  if (rules === null || !isOwn || rules.protocol !== 'mls') {
    throw new EngineError('request', 'a group begins with an MLS policy and its maker as the owner');
  }
  if (records.find(place.log) !== null) throw new EngineError('exists', 'there is a group of this id already');
  const identity = identityOf(context, request, records);
  const client = mlsClient(context, { now, identity, ...(suite === undefined ? {} : { suite }) });
  return trusting(() => {
    using group = client.createGroup({
      groupId: request.group,
      extensions: [{ type: GROUP_POLICY_EXTENSION, data: policy.slice() }],
    });
    const state = firstState(epochKeysOf(crypto, group, rules.log.id));
    const result = { head: headOf(group, state) };
    const changed = [...changesOf(place, group), logChange(place, state)];
    wipeLogState(state);
    return { result, changed };
  });
};

export const groupHead: Call<'group-head'> = (context, request, records) => {
  const place = placeOf(request.group);
  using state = loadLogState(place, records);
  return trusting(() => {
    using group = loadGroup(mlsClient(context, { now: 0 }), place, records);
    records.require(leavesOfProposals(group).map((leaf) => `${place.prefix}node/${2 * leaf}`));
    const head = headOf(group, state);
    return { result: { head }, changed: [] };
  });
};

export const groupMembers: Call<'group-members'> = (context, request, records) => {
  const place = placeOf(request.group);
  using state = loadLogState(place, records);
  return trusting(() => {
    using group = loadGroup(mlsClient(context, { now: 0 }), place, records);
    const members = membersOf(context.crypto, group);
    const head = headOf(group, state);
    return { result: { head, members }, changed: [] };
  });
};

export const expireGroup: Call<'expire-group'> = (context, { group: id, before }, records) => {
  const place = placeOf(id);
  using state = loadLogState(place, records);
  return trusting(() => {
    using group = loadGroup(mlsClient(context, { now: before, keptSince: before }), place, records);
    group.expire();
    const first = group.pastEpochs()[0];
    const past = state.past.filter(({ epoch }) => first !== undefined && BigInt(epoch) >= first);
    const oldest = past[0]?.epoch ?? state.current.epoch;
    const removed = state.removed.filter(({ epoch }) => epoch >= oldest);
    const expired = state.past.length - past.length;
    const changed = expired === 0 ? [] : [...changesOf(place, group), logChange(place, { ...state, past, removed })];
    return { result: { expired }, changed };
  });
};

export const endGroup: Call<'end-group'> = (context, { group: id }, records) => {
  const place = placeOf(id);
  if (records.find(place.log) === null) return { result: { ended: false }, changed: [] };
  return { result: { ended: true }, changed: deletionsOf(context, place, records) };
};

export function firstState(current: LogState['current']): LogState {
  return { standing: 'active', current, past: [], removed: [], commits: [], joining: null, blind: false };
}
