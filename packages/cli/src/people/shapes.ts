import type { Contact, Message } from '@sotto/client';

/** A time as --json shows it: ISO 8601 in UTC, milliseconds. */
export function isoTime(unixMs: number): string {
  return new Date(unixMs).toISOString();
}

/** A contact as --json shows it. Names are exactly what the contact sent; nothing is stripped. */
export function contactShape(contact: Contact): object {
  const { account, name, nickname, accountName, state, verification, gateway, greeting, addedAt } = contact;
  return {
    account,
    name,
    nickname,
    profileName: contact.profile?.name ?? null,
    accountName,
    state,
    verification,
    gateway,
    greeting,
    conversation: contact.conversation,
    addedAt: isoTime(addedAt),
  };
}

/** A message as --json shows it. `contact` is the other side of its conversation. */
export function messageShape(message: Message, contact: Contact | null): object {
  const { id, conversation, author, own, body, reactions, state, reason, sentAt, storedAt } = message;
  return {
    id,
    conversation,
    with: contact?.name ?? null,
    author,
    own,
    kind: body.kind,
    text: body.kind === 'text' ? body.text : null,
    replyTo: body.kind === 'text' ? body.replyTo : null,
    edited: body.kind === 'text' && body.edited,
    reactions,
    state,
    reason,
    sentAt: isoTime(sentAt),
    storedAt: isoTime(storedAt),
  };
}
