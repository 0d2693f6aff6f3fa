import type {
  AttachmentInfo,
  Contact,
  ConversationRef,
  Group,
  GroupInvitation,
  GroupJoinRequest,
  GroupMember,
  GroupNotice,
  Message,
} from '@sotto/client';
import type { Place } from './places.ts';

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

/** A message as --json shows it. `author` is its author's name. */
export function messageShape(message: Message, place: Place | null, author: string): object {
  const { id, conversation, own, body, reactions, state, reason, sentAt, storedAt } = message;
  return {
    id,
    conversation,
    with: place === null ? null : place.kind === 'group' ? place.group.name : place.contact.name,
    author: message.author,
    authorName: author,
    own,
    kind: body.kind,
    text: body.kind === 'text' ? body.text : null,
    replyTo: body.kind === 'text' ? body.replyTo : null,
    edited: body.kind === 'text' && body.edited,
    attachments: body.kind === 'text' ? body.attachments.map(attachmentShape) : [],
    reactions,
    state,
    reason,
    sentAt: isoTime(sentAt),
    storedAt: isoTime(storedAt),
  };
}

/** A change of a group as --json shows it. */
export function noticeShape({ change, by, at }: GroupNotice, group: ConversationRef, sentence: string): object {
  return { notice: change.kind, group, by, ...change, kind: undefined, at: isoTime(at), sentence };
}

/** A group as --json shows it. */
export function groupShape(group: Group): object {
  const { id, createdAt, joinedAt, link, ...rest } = group;
  return {
    group: id,
    ...rest,
    link: link.kind,
    createdAt: isoTime(createdAt),
    joinedAt: joinedAt === null ? null : isoTime(joinedAt),
  };
}

/** A member of a group as --json shows it. */
export function memberShape({ account, name, role, devices, own }: GroupMember): object {
  return { account, name, role, devices, own };
}

/** An invitation as --json shows it. */
export function invitationShape({ group, name, inviter, members, invitedAt }: GroupInvitation): object {
  return { group, name, inviter, members, invitedAt: isoTime(invitedAt) };
}

/** Somebody who asks to be let into a group, as --json shows it. */
export function joinRequestShape({ group, account, name, askedAt }: GroupJoinRequest): object {
  return { group, account, name, askedAt: isoTime(askedAt) };
}

/** An attachment as --json shows it. */
export function attachmentShape(info: AttachmentInfo): object {
  const { index, kind, contentType, name, size, width, height, durationMs, state, expiresAt } = info;
  return { index, kind, contentType, name, size, width, height, durationMs, state, expiresAt: isoTime(expiresAt) };
}
