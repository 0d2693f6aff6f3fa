import { create } from '@bufbuild/protobuf';
import { GatewayApiError } from '@sotto/gateway-api';
import type { CapabilityOrder, GatewayTransport } from '@sotto/gateway-api';
import type { VaultReader } from '@sotto/vault';
import { accountId, AddressesSchema, AddressSchema, capabilityHashOf, equalBytes } from '@sotto/wire';
import type { Address, Addresses } from '@sotto/wire';
import type { StoredContact } from '@sotto/wire/stored';
import { Chore } from '../core/chore.ts';
import { sha256 } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import type { Tx } from '../store/ledger.ts';
import { accountRef, deviceOf } from '../store/refs.ts';
import { accounts, contacts, ownDevices, SELF } from '../store/tables.ts';
import { outranks } from './outranks.ts';
import { findContact, putContact } from './rows.ts';

const CAPABILITY_BYTES = 32;
/** Between two reminders: a device that comes and goes all the time does not repeat itself each time. */
const REMIND_AFTER_MS = 600_000;
/** What a gateway takes in one call. */
const MOST_ORDERS = 1000;

/** Own mailboxes that others may be told of: those of active devices that are registered. */
function ownMailboxes(read: VaultReader, core: Core): { readonly device: Uint8Array; readonly mailbox: Uint8Array }[] {
  const { mailbox } = accounts.need(read, SELF);
  const others = core.own.otherDevices().flatMap((ref) => {
    const row = ownDevices.get(read, ref);
    return row === null || row.mailbox.length === 0 ? [] : [{ device: deviceOf(ref), mailbox: row.mailbox }];
  });
  return [{ device: core.self.device, mailbox }, ...others];
}

/**
 * Brings the addresses that a contact is given in step with the own devices: a fresh capability for each new one, those
 * of devices that are gone withdrawn. The caller stores the row and sends the addresses. True: they changed.
 */
export function grant(tx: Tx, core: Core, row: StoredContact): boolean {
  const { gateway } = accounts.need(tx.write, SELF);
  const before = row.granted?.addresses ?? [];
  const addresses = ownMailboxes(tx.write, core).map(({ device, mailbox }): Address => {
    const known = before.find((each) => equalBytes(each.device, device) && equalBytes(each.mailbox, mailbox));
    if (known !== undefined) return known;
    return create(AddressSchema, { device, gateway, mailbox, capability: core.provider.random(CAPABILITY_BYTES) });
  });
  const gone = before.filter((each) => !addresses.includes(each));
  if (gone.length === 0 && addresses.length === before.length) return false;
  withdraw(core, row, gone);
  row.granted = create(AddressesSchema, { addresses, revision: (row.granted?.revision ?? 0n) + 1n });
  tx.ring('grants', null);
  return true;
}

/**
 * What another own device says a contact was given. Of two devices that gave something without knowing of each other the
 * same list stands on both, and what is not on it is closed, whoever opened it. The caller stores the row.
 */
export function followGranted(tx: Tx, core: Core, row: StoredContact, told: Addresses): void {
  const held = row.granted;
  const isOld = !outranks(told, held);
  const [standing, fallen] = isOld ? [held, told] : [told, held];
  const isKept = (one: Address): boolean =>
    standing?.addresses.some((other) => equalBytes(other.capability, one.capability)) === true;
  withdraw(core, row, fallen?.addresses.filter((each) => !isKept(each)) ?? []);
  if (!isOld) {
    row.granted = told;
    // Whoever tells of them has opened them, or will.
    row.grantedOpened = told.revision;
  }
  if (row.revoking.length > 0) tx.ring('grants', null);
}

/** Whether `grant` would change anything. */
export function isGrantDue(read: VaultReader, core: Core, row: StoredContact): boolean {
  const before = row.granted?.addresses ?? [];
  const own = ownMailboxes(read, core);
  const isThere = ({ device, mailbox }: { readonly device: Uint8Array; readonly mailbox: Uint8Array }): boolean =>
    before.some((each) => equalBytes(each.device, device) && equalBytes(each.mailbox, mailbox));
  return own.length !== before.length || !own.every(isThere);
}

/** Has the gateway told once more what this contact may post with. The caller stores the row. */
export function reopen(tx: Tx, row: StoredContact): void {
  row.grantedOpened = 0n;
  tx.ring('grants', null);
}

/** Takes back everything a contact was given: from then on it can no longer post here. */
export function withdrawAll(tx: Tx, core: Core, row: StoredContact): void {
  withdraw(core, row, row.granted?.addresses ?? []);
  row.granted = create(AddressesSchema, { addresses: [], revision: (row.granted?.revision ?? 0n) + 1n });
  tx.ring('grants', null);
}

function withdraw(core: Core, row: StoredContact, addresses: readonly Address[]): void {
  const hashes = addresses.map((each) => capabilityHashOf(each.capability, (...parts) => sha256(core, ...parts)));
  const fresh = hashes.filter((hash) => !row.revoking.some((known) => equalBytes(known, hash)));
  row.revoking = [...row.revoking, ...fresh];
}

/** Opens and closes capabilities at the gateway until it knows what contacts were given and what was taken back. */
export class Grants {
  readonly chore: Chore;
  readonly #core: Core;
  readonly #transport: GatewayTransport;
  /** The gateway may have been restored from an old copy since it was last told. */
  #isReminderDue = false;
  #remindedAt = -Infinity;

  constructor(core: Core, transport: GatewayTransport) {
    this.#core = core;
    this.#transport = transport;
    this.chore = new Chore(core, (signal) => this.#settle(signal));
    core.bells.on('grants', () => this.chore.kick());
  }

  /** The gateway can be reached again. */
  online(): void {
    this.#isReminderDue = true;
    this.chore.kick();
  }

  async #settle(signal: AbortSignal): Promise<void> {
    const rows = this.#core.ledger.read((read) => contacts.all(read).map((entry) => entry.row));
    for (const row of rows) {
      await this.#open(row, signal);
      await this.#close(row, signal);
    }
    await this.#remind(signal);
  }

  /** Names every capability that is in force once more; those that the gateway knows stay as they are. */
  async #remind(signal: AbortSignal): Promise<void> {
    if (!this.#isReminderDue) return;
    const now = this.#core.clock.now();
    const next = this.#remindedAt + REMIND_AFTER_MS;
    if (now < next && now >= this.#remindedAt) {
      this.chore.kickAt(next);
      return;
    }
    this.#isReminderDue = false;
    this.#remindedAt = now;
    const orders = this.#core.ledger.read((read) => this.#inForce(read));
    try {
      for (let i = 0; i < orders.length; i += MOST_ORDERS) {
        await this.#transport.device.createCapabilities(orders.slice(i, i + MOST_ORDERS), { signal });
      }
    } catch (cause) {
      this.#isReminderDue = true;
      this.#remindedAt = -Infinity;
      throw cause;
    }
  }

  #inForce(read: VaultReader): CapabilityOrder[] {
    const own = ownMailboxes(read, this.#core);
    const granted = contacts
      .all(read)
      .filter(({ row }) => row.granted !== undefined && row.granted.revision <= row.grantedOpened)
      .flatMap(({ row }) => row.granted?.addresses ?? []);
    const siblings = ownDevices.all(read).flatMap(({ row }) => (row.opened ? [row] : []));
    return [...granted, ...siblings]
      .filter(({ mailbox }) => own.some((each) => equalBytes(each.mailbox, mailbox)))
      .map(({ capability, mailbox }) => this.#order(capability, mailbox));
  }

  #order(capability: Uint8Array, mailbox: Uint8Array): CapabilityOrder {
    return { hash: capabilityHashOf(capability, (...parts) => sha256(this.#core, ...parts)), mailbox };
  }

  async #open(row: StoredContact, signal: AbortSignal): Promise<void> {
    const { granted } = row;
    if (granted === undefined || granted.revision <= row.grantedOpened) return;
    const orders = granted.addresses.map(({ capability, mailbox }) => this.#order(capability, mailbox));
    if (!(await this.#tell(orders, signal))) {
      // A mailbox that is gone: once the own devices have been looked at, other addresses take the place of these.
      this.#core.bells.ring('devices', null);
      return;
    }
    this.#change(row, (now) => {
      if (now.grantedOpened < granted.revision) now.grantedOpened = granted.revision;
    });
  }

  /** False: a mailbox is not one of the own account's any more. It keeps no others from being opened. */
  async #tell(orders: readonly CapabilityOrder[], signal: AbortSignal): Promise<boolean> {
    if (orders.length === 0) return true;
    try {
      await this.#transport.device.createCapabilities(orders, { signal });
      return true;
    } catch (cause) {
      if (!(cause instanceof GatewayApiError && cause.code === 'forbidden')) throw cause;
      if (orders.length > 1) for (const order of orders) await this.#tell([order], signal);
      return false;
    }
  }

  async #close(row: StoredContact, signal: AbortSignal): Promise<void> {
    if (row.revoking.length === 0) return;
    await this.#transport.device.revokeCapabilities(row.revoking, { signal });
    this.#change(row, (now) => {
      now.revoking = now.revoking.filter((hash) => !row.revoking.some((done) => equalBytes(done, hash)));
    });
  }

  #change(row: StoredContact, change: (now: StoredContact) => void): void {
    this.#core.ledger.commit((tx) => {
      const now = findContact(tx.write, accountId(row.account));
      if (now === null) return;
      change(now);
      putContact(tx, this.#core, now);
      tx.ring('account', accountRef(row.account));
    });
  }
}
