/** Rows that the client stores in its vault, generated. Apart from the wire's own surface: they never travel. */
export * from './gen/sotto/client/v1/account_pb.ts';
export * from './gen/sotto/client/v1/attachments_pb.ts';
export * from './gen/sotto/client/v1/contacts_pb.ts';
export * from './gen/sotto/client/v1/conversations_pb.ts';
export * from './gen/sotto/client/v1/groups_pb.ts';
export * from './gen/sotto/client/v1/healing_pb.ts';
export * from './gen/sotto/client/v1/inbox_pb.ts';
export * from './gen/sotto/client/v1/outbox_pb.ts';
export * from './gen/sotto/session/v1/group_state_pb.ts';
