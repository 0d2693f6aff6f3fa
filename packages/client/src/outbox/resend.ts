import { accountId, deviceId, equalBytes, messageId } from '@sotto/wire';
import type { AccountId } from '@sotto/wire';
import { StoredDelivery_State, StoredOutbound_Audience, StoredOutbound_Until } from '@sotto/wire/stored';
import type { StoredDelivery, StoredOutbound } from '@sotto/wire/stored';
import type { Core } from '../core/core.ts';
import type { Tx } from '../store/ledger.ts';
import { deviceRef, messageRef } from '../store/refs.ts';
import { deliveries, outbounds } from '../store/tables.ts';
import type { ReasonCode } from '../trail/reasons.ts';
import { routeTo, routeToStranger } from './route.ts';
import { note, putDelivery, unseal } from './rows.ts';

/** What a gateway accepted and nobody has confirmed is sent once more, whoever it was for. */
export function resendVia(tx: Tx, core: Core, gateway: string, reason: ReasonCode): void {
  resend(tx, core, reason, (row, outbound) => {
    if (row.state !== StoredDelivery_State.ACCEPTED || outbound.until !== StoredOutbound_Until.DELIVERED) return false;
    const account = accountId(row.account);
    const isStranger = outbound.audience === StoredOutbound_Audience.STRANGER;
    const route = isStranger
      ? routeToStranger(tx.write, account)
      : routeTo(tx.write, core, account, deviceId(row.device));
    return route.kind !== 'none' && route.gateway === gateway;
  });
}

/** The same for devices of an account whose mailboxes were replaced: what lay in the old ones may be gone. */
export function resendTo(tx: Tx, core: Core, account: AccountId, devices: readonly Uint8Array[]): void {
  resend(tx, core, 'mailbox-replaced', (row, outbound) => {
    // A request finds the present mailbox by itself.
    if (outbound.audience === StoredOutbound_Audience.STRANGER) return false;
    const isOwed = row.state === StoredDelivery_State.ACCEPTED && outbound.until === StoredOutbound_Until.DELIVERED;
    return isOwed && equalBytes(row.account, account) && devices.some((device) => equalBytes(device, row.device));
  });
}

/** What is sealed and has not been handed over is sealed anew. */
export function resendSealed(tx: Tx, core: Core, reason: ReasonCode): void {
  resend(tx, core, reason, (row) => row.state === StoredDelivery_State.SEALED);
}

function resend(
  tx: Tx,
  core: Core,
  reason: ReasonCode,
  isMeant: (row: StoredDelivery, outbound: StoredOutbound) => boolean,
): void {
  for (const { row } of deliveries.all(tx.write)) {
    const message = messageRef(messageId(row.message));
    const outbound = outbounds.get(tx.write, message);
    if (outbound === null || !isMeant(row, outbound)) continue;
    unseal(row, reason);
    putDelivery(tx, row);
    note(tx, core, message, reason, deviceRef(row.device));
    tx.ring('outbound', message);
  }
}
