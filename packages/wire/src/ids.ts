import { hex } from '@scure/base';
import { fromBase32, toBase32 } from './base32.ts';
import { WireError } from './error.ts';

declare const brand: unique symbol;

/** Bytes that are one kind of id and no other; the length was checked when it was branded. */
export type Id<Kind extends IdKind> = Uint8Array & { readonly [brand]: Kind };

/** Every kind of id and its length in bytes. */
export const ID_BYTES = {
  AccountId: 32,
  DeviceId: 16,
  MailboxId: 16,
  MessageId: 32,
  EnvelopeId: 32,
  ConversationId: 32,
  StatementHash: 32,
  LogId: 32,
  LogEntryId: 32,
} as const;

export type IdKind = keyof typeof ID_BYTES;

/** Hash of an account's Genesis, 32 bytes. */
export type AccountId = Id<'AccountId'>;
/** Shortened hash of a device's public keys, 16 bytes. */
export type DeviceId = Id<'DeviceId'>;
/** Random name of a device's queue at a gateway, 16 bytes. */
export type MailboxId = Id<'MailboxId'>;
/** Hash of author device and content, 32 bytes. */
export type MessageId = Id<'MessageId'>;
/** Hash of mailbox and serialised envelope, 32 bytes. */
export type EnvelopeId = Id<'EnvelopeId'>;
/** Hash that both sides of a conversation compute, 32 bytes. */
export type ConversationId = Id<'ConversationId'>;
/** Hash of a sigchain statement's body, 32 bytes. */
export type StatementHash = Id<'StatementHash'>;
/** Random name of a group's log at a gateway, 32 bytes. */
export type LogId = Id<'LogId'>;
/** Hash of a serialised log entry, 32 bytes. */
export type LogEntryId = Id<'LogEntryId'>;

function checked<Kind extends IdKind>(kind: Kind, bytes: Uint8Array): Id<Kind> {
  if (bytes.length !== ID_BYTES[kind]) throw new WireError('length', `${kind} has ${ID_BYTES[kind]} bytes`);
  return bytes as Id<Kind>;
}

// Each constructor brands the given bytes without copying them; `length` when they are too many or too few.

/** 32 bytes. Throws `WireError` `length`. */
export const accountId = (bytes: Uint8Array): AccountId => checked('AccountId', bytes);
/** 16 bytes. Throws `WireError` `length`. */
export const deviceId = (bytes: Uint8Array): DeviceId => checked('DeviceId', bytes);
/** 16 bytes. Throws `WireError` `length`. */
export const mailboxId = (bytes: Uint8Array): MailboxId => checked('MailboxId', bytes);
/** 32 bytes. Throws `WireError` `length`. */
export const messageId = (bytes: Uint8Array): MessageId => checked('MessageId', bytes);
/** 32 bytes. Throws `WireError` `length`. */
export const envelopeId = (bytes: Uint8Array): EnvelopeId => checked('EnvelopeId', bytes);
/** 32 bytes. Throws `WireError` `length`. */
export const conversationId = (bytes: Uint8Array): ConversationId => checked('ConversationId', bytes);
/** 32 bytes. Throws `WireError` `length`. */
export const statementHash = (bytes: Uint8Array): StatementHash => checked('StatementHash', bytes);
/** 32 bytes. Throws `WireError` `length`. */
export const logId = (bytes: Uint8Array): LogId => checked('LogId', bytes);
/** 32 bytes. Throws `WireError` `length`. */
export const logEntryId = (bytes: Uint8Array): LogEntryId => checked('LogEntryId', bytes);

/** The text form of an id, for people, file names and map keys: lower-case base32. */
export function idText(id: Uint8Array): string {
  return toBase32(id);
}

/** Inverse of `idText`. Throws `WireError` `text` or `length`. */
export function idFromText<Kind extends IdKind>(kind: Kind, text: string): Id<Kind> {
  return checked(kind, fromBase32(text));
}

/** Lower-case hexadecimal, for logs of public ids and for map keys. */
export function idHex(id: Uint8Array): string {
  return hex.encode(id);
}

/** Inverse of `idHex`. Throws `WireError` `text` or `length`. */
export function idFromHex<Kind extends IdKind>(kind: Kind, text: string): Id<Kind> {
  if (!/^(?:[0-9a-f]{2})*$/.test(text)) throw new WireError('text', 'not lower-case hexadecimal');
  return checked(kind, hex.decode(text));
}
