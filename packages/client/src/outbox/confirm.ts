import { accountId, equalBytes } from '@sotto/wire';
import type { AccountId, ConversationId, DeviceId } from '@sotto/wire';
import { StoredDelivery_State, StoredMessage_State } from '@sotto/wire/stored';
import type { StoredDelivery } from '@sotto/wire/stored';
import { noteReceipt } from '../conversations/members.ts';
import { conversationWith } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import type { MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { deviceRef } from '../store/refs.ts';
import { deliveries, groupPosts, messages, outbounds } from '../store/tables.ts';
import { noteDown } from '../trail/store.ts';
import { deliveriesOf, deliveryKey, putDelivery, setState, settle } from './rows.ts';

export interface Confirmation {
  readonly message: MessageRef;
  /** Who confirms, authenticated. */
  readonly account: AccountId;
  readonly device: DeviceId;
  readonly kind: 'delivered' | 'read';
  /** It came through the log of this group, from one of its members. */
  readonly group?: ConversationId;
}

/** A receipt came. What it says counts only for messages that were meant for the account it comes from. */
export function confirm(tx: Tx, core: Core, confirmation: Confirmation): void {
  const { message, account, device, kind } = confirmation;
  const stored = deliveries.get(tx.write, deliveryKey(message, deviceRef(device)));
  const way = stored !== null && equalBytes(stored.account, account) ? stored : null;
  const toRecipient = isRecipient(tx, core, confirmation);
  if (way === null && !toRecipient) return;
  if (!mayHave(tx, message, account, way)) return;
  if (way !== null && way.state !== StoredDelivery_State.DELIVERED) {
    way.state = StoredDelivery_State.DELIVERED;
    way.envelope = new Uint8Array(0);
    way.reason = 'delivered';
    putDelivery(tx, way);
  }
  if (toRecipient) {
    const outbound = outbounds.get(tx.write, message);
    if (outbound !== null && !outbound.reached) {
      outbound.reached = true;
      outbounds.put(tx.write, message, outbound);
    }
    if (messages.get(tx.write, message) !== null) {
      noteDown(tx, message, core.clock.now(), { code: kind, device: deviceRef(device) });
    }
    setState(tx, core, message, kind === 'read' ? StoredMessage_State.READ : StoredMessage_State.DELIVERED);
    noteReceipt(tx, core, confirmation);
  }
  settle(tx, core, message);
  tx.emit({ type: 'outbox-changed', message, reason: kind });
  tx.ring('outbound', message);
}

/** Nobody has what never left: neither this device, nor, where it was not sent to this one, any of its account. */
function mayHave(tx: Tx, message: MessageRef, account: AccountId, way: StoredDelivery | null): boolean {
  if (way !== null) return hasLeft(way);
  if (outbounds.get(tx.write, message) === null) return true;
  if (groupPosts.find(tx.write, 'message', message).some(({ row }) => row.post.length > 0)) return true;
  return deliveriesOf(tx.write, message).some((row) => equalBytes(row.account, account) && hasLeft(row));
}

/** It may have: what is sealed may have been handed over just before a crash. */
function hasLeft({ state, attempts, heals }: StoredDelivery): boolean {
  return state !== StoredDelivery_State.WAITING || attempts > 0 || heals > 0;
}

function isRecipient(tx: Tx, core: Core, { message, account, group }: Confirmation): boolean {
  if (equalBytes(account, core.self.account)) return false;
  const row = messages.get(tx.write, message);
  if (row !== null) {
    return (
      equalBytes(row.author, core.self.account) &&
      equalBytes(row.conversation, group ?? conversationWith(core, account))
    );
  }
  if (group !== undefined) return false;
  const outbound = outbounds.get(tx.write, message);
  return outbound !== null && equalBytes(outbound.recipient, accountId(account));
}
