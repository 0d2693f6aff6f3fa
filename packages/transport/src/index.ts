export { sleep, systemClock } from './clock.ts';
export type { Clock } from './clock.ts';
export { transportCompliance } from './compliance.ts';
export type { ComplianceParty, ComplianceWorld, RegisterTest } from './compliance.ts';
export { MEMORY_GATEWAY } from './memory-air.ts';
export type { Conditions } from './memory-air.ts';
export { MemoryNetwork } from './memory-network.ts';
export type { MemoryNetworkOptions, MemoryParty } from './memory-network.ts';
export type * from './transport.ts';
