import { create } from '@bufbuild/protobuf';
import type { VaultReader } from '@sotto/vault';
import { StoredTrailSchema } from '@sotto/wire/stored';
import { MessengerError } from '../error.ts';
import type { DeviceRef, EnvelopeRef, MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { deviceOf, deviceRef } from '../store/refs.ts';
import { trails } from '../store/tables.ts';
import { reasons } from './reasons.ts';
import type { ReasonCode } from './reasons.ts';
import { appendStep, emptyTrail, stepOf } from './trail.ts';
import type { RawStep, Trail } from './trail.ts';

export function readTrail(read: VaultReader, message: MessageRef | EnvelopeRef): Trail {
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

/** Adds to the trail of a message, or of an envelope that could not be opened. */
export function noteDown(tx: Tx, subject: MessageRef | EnvelopeRef, at: number, ...notes: readonly Note[]): void {
  let trail = readTrail(tx.write, subject);
  for (const { code, device } of notes) trail = appendStep(trail, stepOf(code, at, device ?? null));
  putTrail(tx, subject, trail);
}

/** What an envelope went through becomes the beginning of its message's trail. */
export function joinTrails(tx: Tx, envelope: EnvelopeRef, message: MessageRef): void {
  const before = readTrail(tx.write, envelope);
  const after = readTrail(tx.write, message);
  let trail: Trail = { steps: [], omitted: before.omitted + after.omitted };
  // It may have come in several envelopes that were asked for together.
  const isNew = ({ at, code, device }: RawStep): boolean =>
    !after.steps.some((step) => step.at === at && step.code === code && step.device === device);
  const steps = [...before.steps.filter(isNew), ...after.steps].toSorted((a, b) => a.at - b.at);
  for (const step of steps) trail = appendStep(trail, step);
  putTrail(tx, message, trail);
  trails.delete(tx.write, envelope);
}

function putTrail(tx: Tx, subject: MessageRef | EnvelopeRef, trail: Trail): void {
  const steps = trail.steps.map((step) => ({
    at: BigInt(step.at),
    code: step.code,
    ...(step.device === null ? {} : { device: deviceOf(step.device) }),
  }));
  trails.put(tx.write, subject, create(StoredTrailSchema, { steps, omitted: trail.omitted }));
}

/** A stored code as the closed type. */
export function reasonOf(code: string): ReasonCode {
  if (!Object.hasOwn(reasons, code)) throw new MessengerError('corrupt_store', 'an unknown reason is stored');
  return code as ReasonCode;
}
