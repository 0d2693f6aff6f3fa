import { decodeContent, equalBytes, WireError } from '@sotto/wire';
import type { Content } from '@sotto/wire';
import type { StoredContact } from '@sotto/wire/stored';
import { contentId, conversationWith } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { stateOf } from '../contacts/rows.ts';
import { accountRef, conversationRef } from '../store/refs.ts';
import { takeRetryAnswer } from '../healing/take-answer.ts';
import { takeBackfill } from '../healing/take-backfill.ts';
import { takeRetryRequest } from '../healing/take-request.ts';
import { NotTaken } from './opened.ts';
import type { Opened, Taken } from './opened.ts';
import { takeAddressChange, takeAnswer, takeProfileChange, takeRequest } from './take-contact.ts';
import { takeConversationSync } from './take-conversation-sync.ts';
import { takeJoinRefusal, takeJoinRequest } from '../groups/join-request.ts';
import { takeGroupDecision, takeGroupInvitation, takeResyncInfo, takeResyncRequest } from './take-group.ts';
import { takeMessage } from './take-message.ts';
import { takeOwnProfile } from './take-own-profile.ts';
import { takeReceipt } from './take-receipt.ts';
import { takeSync } from './take-sync.ts';

/** Throws `NotTaken`. */
export function readContent(bytes: Uint8Array): Content {
  try {
    return decodeContent(bytes);
  } catch (cause) {
    if (cause instanceof WireError) throw new NotTaken('invalid-content');
    throw cause;
  }
}

export function openedId(core: Core, { device, bytes }: Pick<Opened, 'device' | 'bytes'>): Opened['id'] {
  return contentId(core, device, bytes);
}

/** Does what a content says, as far as its sender may say it. Throws `NotTaken`. */
export function take(opened: Opened): Taken {
  return opened.contact === null ? takeOwn(opened) : takeOthers(opened, opened.contact);
}

/** From another device of the own account. */
function takeOwn(opened: Opened): Taken {
  const { body } = opened.content;
  switch (body.kind) {
    case 'text':
    case 'reaction':
    case 'edit':
    case 'delete':
    case 'setTimer':
    case 'pin':
    case 'unknown':
      return takeMessage(opened);
    case 'receipt':
      return takeReceipt(opened, body.value);
    case 'syncState':
      return takeSync(opened, body.value);
    case 'conversationSync':
      return takeConversationSync(opened, body.value);
    case 'retryRequest':
      return takeRetryRequest(opened, body.value);
    case 'retryAnswer':
      return takeRetryAnswer(opened, body.value);
    case 'backfill':
      return takeBackfill(opened, body.value, takeMessage);
    case 'profile':
      return takeOwnProfile(opened, body.value);
    case 'sessionRefresh':
      opened.tx.ring('devices', null);
      return 'receipt';
    case 'typing':
      return 'no-receipt';
    case 'groupInvitation':
      return takeGroupInvitation(opened, body.value);
    case 'groupResyncRequest':
      return takeResyncRequest(opened, body.value);
    case 'groupResyncInfo':
      return takeResyncInfo(opened, body.value);
    case 'groupDecision':
      return takeGroupDecision(opened, body.value);
    case 'groupJoinRequest':
    case 'groupJoinRefusal':
    case 'contactRequest':
    case 'contactAnswer':
    case 'addresses':
      throw new NotTaken('invalid-content');
  }
}

function takeOthers(opened: Opened, contact: StoredContact): Taken {
  const { body } = opened.content;
  if (body.kind === 'contactRequest') return takeRequest(opened, contact, body.value);
  // Who may post here is a contact of another own device, which has not told of it yet.
  if (!opened.known) throw new NotTaken('not-a-contact', !opened.request);
  if (body.kind === 'contactAnswer') return takeAnswer(opened, contact, body.value);
  const state = stateOf(contact);
  // They, or another own device, may have accepted, and that news comes after this.
  if (state === 'requested' || state === 'incoming') throw new NotTaken('waiting-acceptance', !opened.request);
  if (state !== 'accepted') throw new NotTaken('not-a-contact');
  switch (body.kind) {
    case 'text':
    case 'reaction':
    case 'edit':
    case 'delete':
    case 'setTimer':
    case 'pin':
    case 'unknown':
      return takeMessage(opened);
    case 'receipt':
      return takeReceipt(opened, body.value);
    case 'profile':
      return takeProfileChange(opened, contact, body.value);
    case 'addresses':
      return takeAddressChange(opened, contact, body.value);
    case 'retryRequest':
      return takeRetryRequest(opened, body.value);
    case 'retryAnswer':
      return takeRetryAnswer(opened, body.value);
    case 'backfill':
      return takeBackfill(opened, body.value, takeMessage);
    case 'typing':
      return takeTyping(opened, contact, body.value.active);
    case 'sessionRefresh':
      return 'receipt';
    case 'groupInvitation':
      return takeGroupInvitation(opened, body.value);
    case 'groupResyncRequest':
      return takeResyncRequest(opened, body.value);
    case 'groupResyncInfo':
      return takeResyncInfo(opened, body.value);
    case 'groupJoinRequest':
      takeJoinRequest(opened.tx, opened.core, opened.account, body.value);
      return 'receipt';
    case 'groupJoinRefusal':
      takeJoinRefusal(opened.tx, opened.core, opened.account, body.value.group);
      return 'receipt';
    case 'groupDecision':
    case 'syncState':
    case 'conversationSync':
      throw new NotTaken('invalid-content');
  }
}

function takeTyping({ tx, core, content, account }: Opened, contact: StoredContact, active: boolean): Taken {
  if (!equalBytes(content.conversation, conversationWith(core, account))) throw new NotTaken('invalid-content');
  const conversation = conversationRef(content.conversation);
  tx.emit({ type: 'typing', conversation, account: accountRef(contact.account), active });
  return 'no-receipt';
}
