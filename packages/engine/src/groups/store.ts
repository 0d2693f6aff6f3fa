import { Client, MlsError } from '@sotto/mls';
import type { AuthenticationService, ClientOptions, Group, RecordReader as MlsRecords } from '@sotto/mls';
import { GROUP_POLICY_EXTENSION, idHex } from '@sotto/wire';
import type { CallContext } from '../calls/context.ts';
import type { RecordChange, RecordName } from '../engine.ts';
import { EngineError } from '../error.ts';
import type { RecordReader } from '../reader.ts';
import { readLogState, wipeLogState, writeLogState } from './log-state.ts';
import type { LogState } from './log-state.ts';

/**
 * Epochs whose late messages can still be read. Entries of an epoch are taken for a minute after the first commit on it;
 * within it many may follow each other.
 */
export const PAST_EPOCHS = 16;
/** They go by `expire-group`; this is for those who never call it. */
const PAST_AGE_MS = 7 * 24 * 60 * 60 * 1000;
/** Sizes are hidden by the seal around. */
const NO_PADDING = (): number => 0;
/** Seconds; whoever processes a commit does not judge lifetimes by a clock of its own. */
const ANY_TIME = 2 ** 48;

const EXTENSIONS = { lastResort: 0x000a, policy: GROUP_POLICY_EXTENSION } as const;
const NOBODY: AuthenticationService = { accepts: () => false };

/** Where a group's records are. */
export interface GroupPlace {
  readonly group: Uint8Array;
  readonly log: RecordName;
  readonly prefix: string;
}

/** Throws `EngineError` `request` for an id that is none. */
export function placeOf(group: Uint8Array): GroupPlace {
  if (group.length !== 32) throw new EngineError('request', 'a group id has 32 bytes');
  const prefix = `mls/${idHex(group)}/`;
  return { group, prefix, log: `${prefix}log` };
}

export function effectsName({ prefix }: GroupPlace, entry: Uint8Array): RecordName {
  return `${prefix}commit/${idHex(entry)}`;
}

export interface ClientSetting {
  readonly now: number;
  /** Left out where nothing new is judged. */
  readonly authentication?: AuthenticationService;
  /** Judges lifetimes of key packages; else whoever added them has. */
  readonly judgesTime?: boolean;
  /** Forgets epochs that ended before this time. */
  readonly keptSince?: number;
  readonly suite?: number;
  /** Left out where nothing is signed but by a group's own leaf. */
  readonly identity?: ClientOptions['identity'];
}

/** MLS as groups over a log use it. */
export function mlsClient({ crypto, trees }: CallContext, setting: ClientSetting): Client {
  const { now, keptSince } = setting;
  return new Client({
    provider: crypto,
    cipherSuite: setting.suite ?? DEFAULT_SUITE,
    identity: setting.identity ?? NO_IDENTITY,
    authentication: setting.authentication ?? NOBODY,
    now: () => now,
    trees,
    capabilities: { extensions: [EXTENSIONS.lastResort, EXTENSIONS.policy] },
    policy: {
      padding: NO_PADDING,
      pastEpochs: PAST_EPOCHS,
      pastEpochAge: keptSince === undefined ? PAST_AGE_MS : Math.max(0, now - keptSince),
      snapshots: 0,
      ...(setting.judgesTime === true ? {} : { clockSkew: ANY_TIME }),
    },
  });
}

/** X-Wing, ChaCha20-Poly1305, Ed25519. */
const DEFAULT_SUITE = 0xf002;

/** For what signs with a stored leaf's key only. */
const NO_IDENTITY: ClientOptions['identity'] = {
  credential: { kind: 'basic', identity: new Uint8Array() },
  get signer(): never {
    throw new EngineError('damaged_record', 'a call signs without an identity');
  },
};

/** The state beside MLS's. Asks for all that a call on a stored group reads first. Throws `missing_record`. */
export function loadLogState(place: GroupPlace, records: RecordReader): LogState & Disposable {
  records.require([place.log, ...['group', 'epoch'].map((name) => place.prefix + name)]);
  const state = readLogState(records.get(place.log));
  return {
    ...state,
    [Symbol.dispose]: () => {
      wipeLogState(state);
    },
  };
}

/** A stored group. Throws `EngineError` `damaged_record`. */
export function loadGroup(client: Client, place: GroupPlace, records: RecordReader): Group {
  return client.load(mlsRecords(place, records));
}

/** All changes of a group's MLS state. */
export function changesOf({ prefix }: GroupPlace, group: Group): RecordChange[] {
  return group.takeChanges().map(({ name, bytes }) => ({ name: prefix + name, bytes }));
}

export function logChange({ log }: GroupPlace, state: LogState): RecordChange {
  return { name: log, bytes: writeLogState(state) };
}

/** Runs what only the records can be to blame for. */
export function trusting<T>(run: () => T): T {
  try {
    return run();
  } catch (cause) {
    throw cause instanceof MlsError ? mlsFailure(cause) : cause;
  }
}

/** What an MLS failure is at the engine's door, where the request is not judged by a rule. */
function mlsFailure(cause: MlsError): EngineError {
  if (isOwnFault(cause)) return new EngineError('damaged_record', 'a record of a group is damaged', { cause });
  return cause.code === 'group_closed'
    ? new EngineError('group_closed', 'the group is over for this device', { cause })
    : new EngineError('request', 'the request is refused', { cause });
}

/** Whether records or the engine are to blame, whatever was received. */
export function isOwnFault({ code }: MlsError): boolean {
  return code === 'record' || code === 'no_group' || code === 'internal';
}

function mlsRecords({ prefix }: GroupPlace, records: RecordReader): MlsRecords {
  return {
    read: (name) => records.find(prefix + name),
    prepare: (names) => {
      records.require(names.map((name) => prefix + name));
    },
  };
}
