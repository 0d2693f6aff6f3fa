export { invariants, Violation } from './check/violation.ts';
export type { InvariantName } from './check/violation.ts';
export type { Tampering } from './device/device-node.ts';
export { run } from './play/run.ts';
export type { Failure, RunOptions, RunReport } from './play/run.ts';
export type { WorldOptions } from './play/world.ts';
