import type { DeviceRef } from '../refs.ts';
import { explainReason } from './reasons.ts';
import type { ReasonCode } from './reasons.ts';
import type { TrailStep } from './types.ts';

/** What is kept of a message's way: its beginning, and its latest part. */
export interface Trail {
  readonly steps: readonly RawStep[];
  /** Steps left out after the first `FIRST`. */
  readonly omitted: number;
}

export type RawStep = Omit<TrailStep, 'sentence'>;

export const emptyTrail: Trail = { steps: [], omitted: 0 };

/** The beginning tells what it was; it is always kept. */
export const FIRST = 16;
/** A message retried for a week leaves hundreds of steps; the latest say what matters. */
export const MOST = 64;

/** Adds a step. The same reason again for the same device only moves on in time, so retries do not push others out. */
export function appendStep(trail: Trail, step: RawStep): Trail {
  const last = trail.steps.at(-1);
  if (last !== undefined && last.code === step.code && last.device === step.device) {
    return { steps: [...trail.steps.slice(0, -1), step], omitted: trail.omitted };
  }
  const steps = [...trail.steps, step];
  if (steps.length <= MOST) return { steps, omitted: trail.omitted };
  return { steps: steps.toSpliced(FIRST, 1), omitted: trail.omitted + 1 };
}

export function stepOf(code: ReasonCode, at: number, device: DeviceRef | null = null): RawStep {
  return { at, code, device };
}

/** With the sentences that people read. */
export function spellOut(trail: Trail): TrailStep[] {
  return trail.steps.map((step) => ({ ...step, sentence: explainReason(step.code) }));
}
