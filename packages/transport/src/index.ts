export { sleep, systemClock } from './clock.ts';
export type { Clock } from './clock.ts';
export type * from './transport.ts';
