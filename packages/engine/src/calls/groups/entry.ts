import { MlsError } from '@sotto/mls';
import type { Group } from '@sotto/mls';
import type { LogContent, LogEntry } from '@sotto/wire';
import { judgeOfCommit } from '../../groups/credentials.ts';
import type { ChainSource, CredentialJudge } from '../../groups/credentials.ts';
import type { LogState } from '../../groups/log-state.ts';
import { once } from '../../groups/once.ts';
import { isOwnFault, loadGroup, mlsClient } from '../../groups/store.ts';
import type { GroupPlace } from '../../groups/store.ts';
import type { GroupRule, PassedOver } from '../../mls-calls.ts';
import type { RecordReader } from '../../reader.ts';
import type { CallContext, Done } from '../context.ts';

export type Outcome = Done<'process-entry'>;

/** An entry that opened, with what goes on around it. */
export interface Entry {
  readonly context: CallContext;
  readonly place: GroupPlace;
  readonly records: RecordReader;
  readonly state: LogState;
  readonly entry: LogEntry;
  readonly entryId: Uint8Array;
  readonly content: LogContent;
  readonly now: number;
}

/** A stored group for which the new credentials of one entry are judged, on the chains that it carries. */
export function openToJudge(
  entry: Entry,
  carried: ChainSource = () => null,
): { readonly group: Group; readonly judge: CredentialJudge } {
  const loaded: { group: Group | null } = { group: null };
  const judge = judgeOfCommit(
    once(() => loaded.group?.members() ?? []),
    carried,
  );
  const client = mlsClient(entry.context, { now: entry.now, authentication: judge });
  loaded.group = loadGroup(client, entry.place, entry.records);
  return { group: loaded.group, judge };
}

/** `MlsError`s that what was received is to blame for become an outcome. */
export function refused(error: unknown, outcome: (code: MlsError['code']) => Outcome): Outcome {
  if (!(error instanceof MlsError) || isOwnFault(error)) throw error;
  return outcome(error.code);
}

export function passed(reason: PassedOver): Outcome {
  return { result: { kind: 'passed-over', reason }, changed: [] };
}

export function invalid(rule: GroupRule): Outcome {
  return { result: { kind: 'invalid', rule }, changed: [] };
}
