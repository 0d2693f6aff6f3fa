import { messageId, Receipt_Kind } from '@sotto/wire';
import type { Receipt } from '@sotto/wire';
import { markSeen } from '../conversations/read.ts';
import { confirm } from '../outbox/confirm.ts';
import { messageRef } from '../store/refs.ts';
import type { Opened, Taken } from './opened.ts';

/** Receipts are not receipted. */
export function takeReceipt({ tx, core, contact, account, device }: Opened, receipt: Receipt): Taken {
  const read = receipt.kind === Receipt_Kind.READ;
  const messages = receipt.messages.map((id) => messageRef(messageId(id)));
  // Between own devices "read" is about what others wrote: seen on one, seen on all.
  if (contact === null && read) {
    markSeen(tx, core, messages);
    return 'no-receipt';
  }
  for (const message of messages) confirm(tx, core, { message, account, device, kind: read ? 'read' : 'delivered' });
  return 'no-receipt';
}
