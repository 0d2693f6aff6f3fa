import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Secret } from '@sotto/crypto';
import { GroupLogStateSchema, GroupStanding } from '@sotto/wire/stored';
import { equalBytes } from '@sotto/wire';
import { EngineError } from '../error.ts';
import type { EpochKeys } from './epoch-keys.ts';

/** An epoch that is over, for late messages. */
export interface PastEpochKeys {
  readonly epoch: number;
  readonly log: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly sealKey: Secret;
  /** Entry id of the commit that ended it. */
  readonly endedBy: Uint8Array;
}

interface OwnCommit {
  readonly entry: Uint8Array;
  /** By which MLS knows it. */
  readonly digest: Uint8Array;
  readonly removes: readonly number[];
}

/** What is kept of a group beside its MLS state: record `mls/<group>/log`. */
export interface LogState {
  readonly standing: 'active' | 'joining' | 'removed';
  readonly current: EpochKeys;
  /** Oldest first. */
  readonly past: readonly PastEpochKeys[];
  /** Leaves that commits took away while those epochs were kept; `epoch` ended with it. */
  readonly removed: readonly { readonly epoch: number; readonly leaf: number }[];
  readonly commits: readonly OwnCommit[];
  /** Entry id of the own external commit that is to be read back. */
  readonly joining: Uint8Array | null;
  /** A proposal of this epoch is an own one that is no longer known: others may refer to it. */
  readonly blind: boolean;
}

const VERSION = 1;
const STANDINGS = {
  active: GroupStanding.ACTIVE,
  joining: GroupStanding.JOINING,
  removed: GroupStanding.REMOVED,
} as const;

export function writeLogState(state: LogState): Uint8Array {
  const { current, past, removed, commits } = state;
  return toBinary(
    GroupLogStateSchema,
    create(GroupLogStateSchema, {
      version: VERSION,
      standing: STANDINGS[state.standing],
      current: {
        epoch: BigInt(current.epoch),
        log: current.log,
        publicKey: current.publicKey,
        seed: current.seed.reveal(),
        sealKey: current.sealKey.reveal(),
        externalSealKey: current.externalSealKey.reveal(),
      },
      past: past.map(({ epoch, log, publicKey, sealKey, endedBy }) => ({
        epoch: BigInt(epoch),
        log,
        publicKey,
        sealKey: sealKey.reveal(),
        endedBy,
      })),
      removed: removed.map(({ epoch, leaf }) => ({ epoch: BigInt(epoch), leaf })),
      commits: commits.map(({ entry, digest, removes }) => ({ entry, digest, removes: [...removes] })),
      joining: state.joining ?? new Uint8Array(),
      blind: state.blind,
    }),
  );
}

/** Secrets are copies. Throws `EngineError` `damaged_record`. */
export function readLogState(record: Uint8Array): LogState {
  let message;
  try {
    message = fromBinary(GroupLogStateSchema, record);
  } catch (cause) {
    throw damaged(cause);
  }
  const { current } = message;
  const standing = (Object.keys(STANDINGS) as (keyof typeof STANDINGS)[]).find(
    (name) => STANDINGS[name] === message.standing,
  );
  if (message.version !== VERSION || current === undefined || standing === undefined) throw damaged();
  return {
    standing,
    current: {
      epoch: Number(current.epoch),
      log: current.log,
      publicKey: current.publicKey,
      seed: Secret.copy(current.seed),
      sealKey: Secret.copy(current.sealKey),
      externalSealKey: Secret.copy(current.externalSealKey),
    },
    past: message.past.map(({ epoch, log, publicKey, sealKey, endedBy }) => ({
      epoch: Number(epoch),
      log,
      publicKey,
      sealKey: Secret.copy(sealKey),
      endedBy,
    })),
    removed: message.removed.map(({ epoch, leaf }) => ({ epoch: Number(epoch), leaf })),
    commits: message.commits.map(({ entry, digest, removes }) => ({ entry, digest, removes })),
    joining: message.joining.length === 0 ? null : message.joining,
    blind: message.blind,
  };
}

/** The state in the next epoch. `removes`: leaves that were taken away. */
export function advanced(
  state: LogState,
  next: EpochKeys,
  by: { readonly entry: Uint8Array; readonly removes: readonly number[] },
  kept: number,
): LogState {
  const { current } = state;
  const { epoch, log, publicKey, sealKey } = current;
  const past = [...state.past, { epoch, log, publicKey, sealKey, endedBy: by.entry }].slice(-kept);
  const first = past[0]?.epoch ?? next.epoch;
  const removed = [...state.removed, ...by.removes.map((leaf) => ({ epoch, leaf }))];
  return {
    standing: 'active',
    current: next,
    past,
    removed: removed.filter((removal) => removal.epoch >= first),
    commits: [],
    joining: null,
    blind: false,
  };
}

/** Whether the device in a leaf of an epoch was taken away since. */
export function wasRemoved(state: LogState, epoch: number, leaf: number): boolean {
  return state.removed.some((removal) => removal.leaf === leaf && removal.epoch >= epoch);
}

export function pastOf(state: LogState, key: Uint8Array): PastEpochKeys | null {
  return state.past.find(({ publicKey }) => equalBytes(publicKey, key)) ?? null;
}

/** Wipes what is in memory. */
export function wipeLogState({ current, past }: LogState): void {
  for (const secret of [current.seed, current.sealKey, current.externalSealKey]) secret.dispose();
  for (const { sealKey } of past) sealKey.dispose();
}

function damaged(cause?: unknown): EngineError {
  return new EngineError('damaged_record', 'the record of a group is damaged or of another version', { cause });
}
