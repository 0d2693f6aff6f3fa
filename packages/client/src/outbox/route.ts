import { accountId, equalBytes } from '@sotto/wire';
import type { AccountId, DeviceId } from '@sotto/wire';
import type { Admission } from '@sotto/transport';
import type { VaultReader } from '@sotto/vault';
import { findContact } from '../contacts/rows.ts';
import type { Core } from '../core/core.ts';
import { deviceRef } from '../store/refs.ts';
import { ownDevices } from '../store/tables.ts';
import type { ReasonCode } from '../trail/reasons.ts';

/** How a device can be reached. */
export type Route =
  | {
      readonly kind: 'address';
      readonly gateway: string;
      readonly mailbox: Uint8Array;
      readonly admission: Admission;
    }
  /** Anyone's device: with a token from its gateway, which tells the mailbox along with the bundle. */
  | { readonly kind: 'stranger'; readonly gateway: string }
  | { readonly kind: 'none'; readonly reason: ReasonCode };

/** Where a device of a contact or of the own account receives, as known here. */
export function routeTo(read: VaultReader, core: Core, account: AccountId, device: DeviceId): Route {
  if (equalBytes(account, core.self.account)) {
    const row = ownDevices.get(read, deviceRef(device));
    if (row === null || row.mailbox.length === 0 || !row.opened) return { kind: 'none', reason: 'waiting-address' };
    const { gateway } = core.own;
    return {
      kind: 'address',
      gateway,
      mailbox: row.mailbox,
      admission: { kind: 'capability', secret: row.capability },
    };
  }
  const contact = findContact(read, accountId(account));
  const address = contact?.addresses?.addresses.find((each) => equalBytes(each.device, device));
  if (address === undefined) return { kind: 'none', reason: 'waiting-address' };
  const { gateway, mailbox, capability } = address;
  return { kind: 'address', gateway, mailbox, admission: { kind: 'capability', secret: capability } };
}

/** Where an account is asked to become a contact. */
export function routeToStranger(read: VaultReader, account: AccountId): Route {
  const contact = findContact(read, account);
  if (contact === null) return { kind: 'none', reason: 'waiting-address' };
  return { kind: 'stranger', gateway: contact.gateway };
}
