export { invariants, Violation } from './check/violation.ts';
export type { InvariantName } from './check/violation.ts';
export type { Tampering } from './device/device-node.ts';
export { run } from './play/run.ts';
export type { Failure, RunOptions, RunReport } from './play/run.ts';
export { FULL_SIZE, runSeed, SMALL_SIZE } from './play/seed.ts';
export type { SeedOptions, Size } from './play/seed.ts';
export { shrink } from './play/shrink.ts';
export type { WorldOptions } from './play/world.ts';
