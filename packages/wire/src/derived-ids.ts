import { asciiBytes, compareBytes } from './bytes.ts';
import type { Envelope } from './envelope.ts';
import { conversationId, envelopeId, messageId } from './ids.ts';
import type { AccountId, ConversationId, DeviceId, EnvelopeId, MessageId } from './ids.ts';

/** SHA-256 of the concatenation, 32 bytes. Injected: this package holds no primitives. */
export type Sha256 = (...parts: readonly Uint8Array[]) => Uint8Array;

const ENVELOPE = asciiBytes('sotto/v1/envelope');
const MESSAGE = asciiBytes('sotto/v1/message');
const DIRECT = asciiBytes('sotto/v1/conversation-direct');

/** SHA-256("sotto/v1/envelope" ‖ mailbox ‖ serialised envelope). */
export function envelopeIdOf(envelope: Pick<Envelope, 'mailbox' | 'bytes'>, sha256: Sha256): EnvelopeId {
  return envelopeId(sha256(ENVELOPE, envelope.mailbox, envelope.bytes));
}

/** SHA-256("sotto/v1/message" ‖ author device ‖ serialised content): the same at every device that receives it. */
export function messageIdOf(author: DeviceId, content: Uint8Array, sha256: Sha256): MessageId {
  return messageId(sha256(MESSAGE, author, content));
}

/**
 * The direct conversation of two accounts: SHA-256("sotto/v1/conversation-direct" ‖ smaller ‖ larger AccountId).
 * With the same account twice it is the account's notes to itself.
 */
export function directConversationId(a: AccountId, b: AccountId, sha256: Sha256): ConversationId {
  const [first, second] = compareBytes(a, b) <= 0 ? [a, b] : [b, a];
  return conversationId(sha256(DIRECT, first, second));
}
