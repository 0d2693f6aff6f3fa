import type { RecordChange } from '../engine.ts';
import type { CallContext } from '../calls/context.ts';
import type { RecordReader } from '../reader.ts';
import { changesOf, effectsName, loadGroup, loadLogState, mlsClient, trusting } from './store.ts';
import type { GroupPlace } from './store.ts';

/** Every record of a group that there is, to be deleted. */
export function deletionsOf(context: CallContext, place: GroupPlace, records: RecordReader): RecordChange[] {
  using state = loadLogState(place, records);
  return trusting(() => {
    using group = loadGroup(mlsClient(context, { now: 0 }), place, records);
    group.delete();
    const entries = [...state.commits.map(({ entry }) => entry), ...(state.joining === null ? [] : [state.joining])];
    const names = [place.log, ...entries.map((entry) => effectsName(place, entry))];
    return [...changesOf(place, group), ...names.map((name) => ({ name, bytes: null }))];
  });
}
