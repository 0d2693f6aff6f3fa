export { connectDevice } from './device-connection.ts';
export { GatewayApiError } from './error.ts';
export type { GatewayApiErrorCode } from './error.ts';
export { connectGateway } from './gateway-connection.ts';
export { createGatewayTransport } from './gateway-transport.ts';
export type * from './log-types.ts';
export type * from './network.ts';
export type * from './transport-types.ts';
export type * from './types.ts';
