import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { StoredTrailSchema } from '@sotto/wire/stored';
import { MessengerError } from '../error.ts';
import type { DeviceRef, MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { deviceOf, deviceRef } from '../store/refs.ts';
import { trails } from '../store/tables.ts';
import { reasons } from './reasons.ts';
import type { ReasonCode } from './reasons.ts';
import { appendStep, emptyTrail, stepOf } from './trail.ts';
import type { Trail } from './trail.ts';

export function readTrail(read: VaultReader, message: MessageRef): Trail {
  const row = trails.get(read, message);
  if (row === null) return emptyTrail;
  const steps = row.steps.map(({ at, code, device }) =>
    stepOf(reasonOf(code), Number(at), device.length === 0 ? null : deviceRef(device)),
  );
  return { steps, omitted: row.omitted };
}

export interface Note {
  readonly code: ReasonCode;
  readonly device?: DeviceRef;
}

/** Adds to a message's trail. */
export function noteDown(tx: Tx, message: MessageRef, at: number, ...notes: readonly Note[]): void {
  let trail = readTrail(tx.write, message);
  for (const { code, device } of notes) trail = appendStep(trail, stepOf(code, at, device ?? null));
  const steps = trail.steps.map((step) => ({
    at: BigInt(step.at),
    code: step.code,
    ...(step.device === null ? {} : { device: deviceOf(step.device) }),
  }));
  trails.put(tx.write, message, create(StoredTrailSchema, { steps, omitted: trail.omitted }));
}

/** A stored code as the closed type. */
export function reasonOf(code: string): ReasonCode {
  if (!Object.hasOwn(reasons, code)) throw new MessengerError('corrupt_store', 'an unknown reason is stored');
  return code as ReasonCode;
}
