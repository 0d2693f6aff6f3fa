export * from './gen/sotto/gateway/v1/gateway_pb.ts';
export * from './gen/sotto/identity/v1/identity_pb.ts';
export * from './gen/sotto/session/v1/prekeys_pb.ts';
export * from './gen/sotto/session/v1/session_pb.ts';
export * from './gen/sotto/wire/v1/content_pb.ts';
export * from './gen/sotto/wire/v1/envelope_pb.ts';
