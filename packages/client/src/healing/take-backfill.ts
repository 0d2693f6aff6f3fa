import { accountId, decodeContent, deviceId, equalBytes, idHex, WireError } from '@sotto/wire';
import type { AccountId, Backfill, Content, DeviceId } from '@sotto/wire';
import { StoredMessage_State } from '@sotto/wire/stored';
import type { StoredContact } from '@sotto/wire/stored';
import { findContact, stateOf } from '../contacts/rows.ts';
import { contentId, conversationWith } from '../core/core.ts';
import { NotTaken } from '../inbox/opened.ts';
import type { Opened, Taken } from '../inbox/opened.ts';
import { owe } from '../inbox/receipts.ts';
import { setState } from '../outbox/rows.ts';
import { messageRef } from '../store/refs.ts';
import { wanteds } from '../store/tables.ts';

/**
 * A message handed on by a device that did not write it. Believed of own devices, and of the author's account; taken
 * only if it is the very content that an authenticated message named as its parent and that was asked for.
 */
export function takeBackfill(opened: Opened, backfill: Backfill, takeMessage: (opened: Opened) => Taken): Taken {
  const { tx, core } = opened;
  const author = accountId(backfill.author);
  const device = deviceId(backfill.device);
  if (opened.contact !== null && !equalBytes(author, opened.account)) throw new NotTaken('invalid-content');
  const id = contentId(core, device, backfill.content);
  const ref = messageRef(id);
  const isWanted = wanteds.get(tx.write, ref) !== null || wanteds.find(tx.write, 'message', ref).length > 0;
  // It has come meanwhile, or nobody asked.
  if (!isWanted) return 'no-receipt';
  const content = readHandedOn(backfill.content);
  const contact = equalBytes(author, core.self.account) ? null : authorOf(opened, author);
  if (!isDeviceOf(opened, contact, device)) throw new NotTaken('invalid-sender');
  if (contact !== null && !equalBytes(content.conversation, conversationWith(core, author))) {
    throw new NotTaken('invalid-content');
  }
  const taken = takeMessage({ ...opened, account: author, device, content, bytes: backfill.content, id, contact });
  if (contact === null) setState(tx, core, ref, StoredMessage_State.ACCEPTED);
  else if (taken === 'receipt') owe(tx, author, 'delivered', [id]);
  return 'no-receipt';
}

function authorOf({ tx }: Opened, author: AccountId): StoredContact {
  const contact = findContact(tx.write, author);
  if (contact === null || stateOf(contact) !== 'accepted') throw new NotTaken('not-a-contact');
  return contact;
}

/** By its chain as known here, active or not: what it wrote when it was active was taken by who hands it on. */
function isDeviceOf({ core, chains }: Opened, contact: StoredContact | null, device: DeviceId): boolean {
  const view = contact === null ? core.own.view : chains.view(contact);
  return view?.devices.has(idHex(device)) === true;
}

/** Only messages are handed on, never what changes addresses, contacts or anything else. */
function readHandedOn(bytes: Uint8Array): Content {
  let content: Content;
  try {
    content = decodeContent(bytes);
  } catch (cause) {
    if (cause instanceof WireError) throw new NotTaken('invalid-content');
    throw cause;
  }
  if (content.counter === 0) throw new NotTaken('invalid-content');
  return content;
}
