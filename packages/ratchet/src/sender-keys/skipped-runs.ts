import { RatchetError } from '../error.ts';
import { readU16, readU32, writeU16, writeU32 } from '../numbers.ts';
import { MAX_SKIPPED, MAX_SKIPPED_HOURS } from './limits.ts';

/** Neighbouring messages that had not arrived when a later one did: their keys have records of their own. */
export interface SkippedRun {
  readonly first: number;
  readonly count: number;
  /** Hours since 1970 by the own clock. */
  readonly since: number;
}

const RUN_BYTES = 10;

/** Runs are ascending, apart, and before `next`. */
export function readRuns(bytes: Uint8Array, at: number, next: number): SkippedRun[] {
  const count = readU16(bytes, at);
  if (bytes.length !== at + 2 + count * RUN_BYTES) throw damaged();
  const runs: SkippedRun[] = [];
  let end = 0;
  let total = 0;
  for (let i = 0; i < count; i++) {
    const from = at + 2 + i * RUN_BYTES;
    const run = { first: readU32(bytes, from), count: readU16(bytes, from + 4), since: readU32(bytes, from + 6) };
    total += run.count;
    if (run.count === 0 || run.first < end || total > MAX_SKIPPED) throw damaged();
    end = run.first + run.count;
    runs.push(run);
  }
  if (end > next) throw damaged();
  return runs;
}

export function runsLength(runs: readonly SkippedRun[]): number {
  return 2 + runs.length * RUN_BYTES;
}

export function writeRuns(bytes: Uint8Array, at: number, runs: readonly SkippedRun[]): void {
  writeU16(bytes, at, runs.length);
  for (const [i, run] of runs.entries()) {
    const from = at + 2 + i * RUN_BYTES;
    writeU32(bytes, from, run.first);
    writeU16(bytes, from + 4, run.count);
    writeU32(bytes, from + 6, run.since);
  }
}

export function isSkipped(runs: readonly SkippedRun[], index: number): boolean {
  return runs.some(({ first, count }) => index >= first && index < first + count);
}

/** All numbers, ascending. */
export function skippedIndexes(runs: readonly SkippedRun[]): number[] {
  return runs.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i));
}

/** Without one message, whose key is used now. */
export function withoutIndex(runs: readonly SkippedRun[], index: number): SkippedRun[] {
  return runs.flatMap((run) => {
    const { first, count, since } = run;
    if (index < first || index >= first + count) return [run];
    const parts = [
      { first, count: index - first, since },
      { first: index + 1, count: first + count - index - 1, since },
    ];
    return parts.filter((part) => part.count > 0);
  });
}

/** Gives up keys that are too old, and the oldest ones when there are more than `limit`. */
export function trimRuns(
  runs: readonly SkippedRun[],
  nowHours: number,
  limit: number,
): { readonly kept: SkippedRun[]; readonly dropped: number[] } {
  const kept: SkippedRun[] = [];
  const dropped: SkippedRun[] = [];
  let room = limit;
  for (const run of runs.toReversed()) {
    const fitting = nowHours - run.since > MAX_SKIPPED_HOURS ? 0 : Math.min(run.count, room);
    room -= fitting;
    const gone = run.count - fitting;
    if (gone > 0) dropped.unshift({ ...run, count: gone });
    if (fitting > 0) kept.unshift({ ...run, first: run.first + gone, count: fitting });
  }
  return { kept, dropped: skippedIndexes(dropped) };
}

function damaged(): RatchetError {
  return new RatchetError('malformed', 'a sender key record is damaged');
}
