import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Tampering } from '../device/device-node.ts';
import type { GroupActionKind } from './group-actions.ts';
import type { ActionKind, FaultKind } from './item.ts';
import { run } from './run.ts';
import type { RunReport } from './run.ts';

/** Memory that looks like a folder, where the system has it. */
const MEMORY = '/dev/shm';
/** Of so many seeds, one keeps its vaults and the gateway's store on a disk, with all that a disk does. */
const ON_DISK_EVERY = 20;

/** How large a run is. */
export interface Size {
  /** Devices of each account. */
  readonly accounts: readonly number[];
  readonly actions: number;
  readonly faults: number;
  /** ms between two actions on average. */
  readonly paceMs: number;
  /** Whether people have a group. */
  readonly groups: boolean;
  /** People do only this; default: everything. */
  readonly deeds?: readonly (ActionKind | GroupActionKind)[];
  /** Only these faults; default: all. */
  readonly kinds?: readonly FaultKind[];
}

/** What `npm run sim` runs: 8 devices of 5 accounts, 50 faults and more than 2,000 events. */
export const FULL_SIZE: Size = { accounts: [2, 2, 2, 1, 1], actions: 110, faults: 50, paceMs: 3000, groups: true };

/** A run for every-day tests: 3 devices of 2 accounts. */
export const SMALL_SIZE: Size = { accounts: [2, 1], actions: 40, faults: 15, paceMs: 3000, groups: true };

export interface SeedOptions {
  readonly seed: number;
  readonly size?: Size;
  readonly only?: ReadonlySet<number>;
  readonly disk?: boolean;
  readonly tampering?: Tampering;
  readonly onLine?: (line: string) => void;
}

/** Runs one seed in a folder of its own, which is gone afterwards. */
export async function runSeed(options: SeedOptions): Promise<RunReport> {
  const { seed, size = FULL_SIZE, disk = seed % ON_DISK_EVERY === 0, ...rest } = options;
  const folder = newFolder(disk ? 'disk' : 'memory');
  try {
    return await run({ ...rest, ...size, seed: String(seed), folder });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A new folder in memory, where the system has such a thing, or on a disk. */
export function newFolder(on: 'memory' | 'disk'): string {
  const hasMemory = statSync(MEMORY, { throwIfNoEntry: false })?.isDirectory() === true;
  return mkdtempSync(join(on === 'memory' && hasMemory ? MEMORY : tmpdir(), 'sotto-sim-'));
}
