export { GatewayApiError } from './error.ts';
export type { GatewayApiErrorCode } from './error.ts';
export type * from './transport-types.ts';
export type * from './types.ts';
