import { accountName } from './account-name.ts';
import { checkAttachments } from './attachment.ts';
import { checkConversationSettings, checkMentions, checkTimerSeconds } from './conversation-limits.ts';
import { readChainHead } from './chain-head.ts';
import type { ContentBody } from './content.ts';
import { readConversationTimer } from './conversation-timer.ts';
import { WireError } from './error.ts';
import { parseGatewayAddress } from './gateway-address.ts';
import { checkGroupInvitation, checkGroupNonce, checkGroupResyncInfo } from './group-limits.ts';
import type {
  Addresses,
  ContactDecision,
  ConversationEnd,
  Profile,
  RetryAnswer,
  RetryRequest,
} from './gen/sotto/wire/v1/content_pb.ts';
import { ContactDecision_State, Receipt_Kind } from './gen/sotto/wire/v1/content_pb.ts';
import { accountId, conversationId, deviceId, envelopeId, mailboxId, messageId, statementHash } from './ids.ts';
import {
  MAX_ADDRESSES,
  MAX_CONVERSATION_ENDS,
  MAX_EMOJI_BYTES,
  MAX_GREETING_CHARACTERS,
  MAX_HEIGHT,
  MAX_NAME_CHARACTERS,
  MAX_RECEIPT_MESSAGES,
  MAX_RETRIES,
  MAX_TEXT_BYTES,
} from './limits.ts';
import { safeNumber, safeTime } from './numbers.ts';
import { checkCharacters, checkText } from './text.ts';

/** Checks one understood body. Throws `WireError`: `too_large`, `length`, `range`, `text`, `malformed`. */
export function checkBody(body: Exclude<ContentBody, { kind: 'unknown' }>, counter: number): void {
  switch (body.kind) {
    case 'text':
      requireCounter(counter);
      checkText(body.value.body, MAX_TEXT_BYTES);
      if (body.value.replyTo.length > 0) messageId(body.value.replyTo);
      checkAttachments(body.value.attachments);
      checkMentions(body.value.mentions, body.value.body);
      return;
    case 'reaction':
      requireCounter(counter);
      messageId(body.value.message);
      checkText(body.value.emoji, MAX_EMOJI_BYTES);
      return;
    case 'edit':
      requireCounter(counter);
      messageId(body.value.message);
      checkText(body.value.body, MAX_TEXT_BYTES);
      checkMentions(body.value.mentions, body.value.body);
      return;
    case 'delete':
      requireCounter(counter);
      messageId(body.value.message);
      return;
    case 'receipt': {
      const { kind, messages } = body.value;
      if (kind !== Receipt_Kind.DELIVERED && kind !== Receipt_Kind.READ) {
        throw new WireError('range', 'an unknown kind of receipt');
      }
      if (messages.length === 0) throw new WireError('malformed', 'a receipt for nothing');
      checkMessageIds(messages);
      return;
    }
    case 'typing':
      if (counter !== 0) throw new WireError('range', 'typing is never stored and has no counter');
      return;
    case 'contactRequest':
      checkProfile(body.value.profile);
      checkAddresses(body.value.addresses);
      checkAccountName(body.value.accountName);
      checkCharacters(body.value.greeting, MAX_GREETING_CHARACTERS);
      return;
    case 'contactAnswer':
      checkProfile(body.value.profile);
      checkAddresses(body.value.addresses);
      checkAccountName(body.value.accountName);
      return;
    case 'profile':
      checkProfile(body.value);
      return;
    case 'addresses':
      checkAddresses(body.value);
      return;
    case 'syncState':
      accountId(body.value.contact);
      checkProfile(body.value.profile);
      checkAddresses(body.value.addresses);
      checkMessageIds(body.value.read);
      checkAddresses(body.value.granted);
      checkAccountName(body.value.accountName);
      if (body.value.gateway !== '') parseGatewayAddress(body.value.gateway);
      if (body.value.contactHead !== undefined) readChainHead(body.value.contactHead);
      checkDecision(body.value.decision);
      checkEnds(body.value.ends);
      if (body.value.introduced.length > MAX_ADDRESSES) throw new WireError('too_large', 'too many devices');
      body.value.introduced.forEach(deviceId);
      return;
    case 'sessionRefresh':
      return;
    case 'setTimer':
      requireCounter(counter);
      checkTimerSeconds(body.value.seconds);
      return;
    case 'pin':
      requireCounter(counter);
      messageId(body.value.message);
      return;
    case 'conversationSync':
      requireControl(counter);
      checkConversationSettings(body.value.settings);
      checkMessageIds(body.value.hidden);
      if (body.value.timer !== undefined) readConversationTimer(body.value.timer, Infinity);
      return;
    case 'retryRequest':
      requireControl(counter);
      checkRetryRequest(body.value);
      return;
    case 'retryAnswer':
      requireControl(counter);
      checkRetryAnswer(body.value);
      return;
    case 'backfill':
      requireControl(counter);
      accountId(body.value.author);
      deviceId(body.value.device);
      if (body.value.content.length === 0) throw new WireError('malformed', 'nothing is handed on');
      return;
    case 'groupInvitation':
      requireControl(counter);
      checkGroupInvitation(body.value);
      return;
    case 'groupResyncRequest':
      requireControl(counter);
      checkGroupNonce(body.value.request);
      return;
    case 'groupResyncInfo':
      requireControl(counter);
      checkGroupResyncInfo(body.value);
      return;
    case 'groupJoinRequest':
      requireControl(counter);
      conversationId(body.value.group);
      checkGroupNonce(body.value.secret);
      return;
    case 'groupJoinRefusal':
      requireControl(counter);
      conversationId(body.value.group);
      return;
    case 'groupDecision':
      requireControl(counter);
      conversationId(body.value.group);
      safeTime(body.value.decidedAt);
      return;
  }
}

/** An envelope's tag, by which a receiver finds its session. */
const TAG_BYTES = 8;

function checkRetryRequest({ envelopes, messages }: RetryRequest): void {
  if (envelopes.length + messages.length === 0) throw new WireError('malformed', 'nothing is asked for');
  if (envelopes.length > MAX_RETRIES || messages.length > MAX_RETRIES) {
    throw new WireError('too_large', 'too much is asked for');
  }
  for (const { envelope, tag } of envelopes) {
    envelopeId(envelope);
    if (tag.length !== TAG_BYTES) throw new WireError('length', 'a tag has 8 bytes');
  }
  messages.forEach(messageId);
}

function checkRetryAnswer({ found, unavailable }: RetryAnswer): void {
  if (found.length + unavailable.length === 0) throw new WireError('malformed', 'an answer to nothing');
  if (found.length > MAX_RETRIES || unavailable.length > 2 * MAX_RETRIES) {
    throw new WireError('too_large', 'too much is answered');
  }
  for (const { envelope, message } of found) {
    envelopeId(envelope);
    messageId(message);
  }
  // Of either kind; both have the same length.
  unavailable.forEach(messageId);
}

function checkDecision(decision: ContactDecision | undefined): void {
  if (decision === undefined) return;
  if (decision.state < ContactDecision_State.REQUESTED || decision.state > ContactDecision_State.BLOCKED) {
    throw new WireError('range', 'an unknown contact state');
  }
  checkCharacters(decision.nickname, MAX_NAME_CHARACTERS);
  checkCharacters(decision.greeting, MAX_GREETING_CHARACTERS);
  if (decision.verifiedHead.length > 0) statementHash(decision.verifiedHead);
  safeTime(decision.decidedAt);
}

function checkEnds(ends: readonly ConversationEnd[]): void {
  if (ends.length > MAX_CONVERSATION_ENDS) throw new WireError('too_large', 'too many ends of a conversation');
  for (const { message, height } of ends) {
    messageId(message);
    if (height === 0n || height > MAX_HEIGHT) throw new WireError('range', 'a height out of range');
  }
}

function requireCounter(counter: number): void {
  if (counter === 0) throw new WireError('range', 'stored content needs a counter from 1 on');
}

function requireControl(counter: number): void {
  if (counter !== 0) throw new WireError('range', 'what takes no place in a conversation has no counter');
}

function checkMessageIds(ids: readonly Uint8Array[]): void {
  if (ids.length > MAX_RECEIPT_MESSAGES) throw new WireError('too_large', 'too many message ids');
  ids.forEach(messageId);
}

function checkProfile(profile: Profile | undefined): void {
  if (profile === undefined) return;
  checkCharacters(profile.name, MAX_NAME_CHARACTERS);
  if (profile.avatarHash.length !== 0 && profile.avatarHash.length !== 32) {
    throw new WireError('length', 'an avatar hash has 32 bytes');
  }
  safeNumber(profile.revision);
}

function checkAddresses(addresses: Addresses | undefined): void {
  if (addresses === undefined) return;
  if (addresses.addresses.length > MAX_ADDRESSES) throw new WireError('too_large', 'too many addresses');
  safeNumber(addresses.revision);
  for (const { device, gateway, mailbox, capability } of addresses.addresses) {
    deviceId(device);
    mailboxId(mailbox);
    parseGatewayAddress(gateway);
    if (capability.length !== 32) throw new WireError('length', 'a capability has 32 bytes');
  }
}

function checkAccountName(name: string): void {
  if (name !== '') accountName(name);
}
