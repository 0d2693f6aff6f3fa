import { idFromText, idText, WireError } from '@sotto/wire';
import type { AccountId, ConversationId, DeviceId, EnvelopeId, Id, IdKind, MessageId } from '@sotto/wire';
import { MessengerError } from '../error.ts';
import type { AccountRef, ConversationRef, DeviceRef, EnvelopeRef, MessageRef, Ref } from '../refs.ts';

/** What ids are called outside (refs.ts) from what they are inside. */
export const accountRef = (id: Uint8Array): AccountRef => idText(id) as AccountRef;
export const deviceRef = (id: Uint8Array): DeviceRef => idText(id) as DeviceRef;
export const conversationRef = (id: Uint8Array): ConversationRef => idText(id) as ConversationRef;
export const envelopeRef = (id: Uint8Array): EnvelopeRef => idText(id) as EnvelopeRef;
export const messageRef = (id: Uint8Array): MessageRef => idText(id) as MessageRef;

function fromRef<Kind extends IdKind>(kind: Kind, ref: Ref<string>): Id<Kind> {
  try {
    return idFromText(kind, ref);
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    throw new MessengerError('invalid_argument', `not a ref of kind ${kind}`, { cause });
  }
}

/** The way back. Each throws `invalid_argument` for text that is no ref. */
export const accountOf = (ref: AccountRef): AccountId => fromRef('AccountId', ref);
export const deviceOf = (ref: DeviceRef): DeviceId => fromRef('DeviceId', ref);
export const conversationOf = (ref: ConversationRef): ConversationId => fromRef('ConversationId', ref);
export const envelopeOf = (ref: EnvelopeRef): EnvelopeId => fromRef('EnvelopeId', ref);
export const messageOf = (ref: MessageRef): MessageId => fromRef('MessageId', ref);
