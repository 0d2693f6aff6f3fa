import { create } from '@bufbuild/protobuf';
import type { GatewayTransport } from '@sotto/gateway-api';
import { activeDevice, activeDevices } from '@sotto/identity';
import type { DeviceEntry } from '@sotto/identity';
import { accountId, capabilityHashOf, equalBytes, idHex } from '@sotto/wire';
import type { DeviceId } from '@sotto/wire';
import { StoredOutbound_Audience, StoredOutbound_Until, StoredOwnDeviceSchema } from '@sotto/wire/stored';
import type { StoredContact, StoredOwnDevice } from '@sotto/wire/stored';
import type { Chains } from '../chains/chains.ts';
import { grant, isGrantDue } from '../contacts/grants.ts';
import { putContact, stateOf } from '../contacts/rows.ts';
import { syncContact } from '../contacts/sync.ts';
import { sendAddresses } from '../contacts/tell.ts';
import { composeControl } from '../conversations/compose.ts';
import { tellSettings } from '../conversations/settings-sync.ts';
import { Chore } from '../core/chore.ts';
import { conversationWith, sha256 } from '../core/core.ts';
import type { Core } from '../core/core.ts';
import { enqueue } from '../outbox/rows.ts';
import type { DeviceRef } from '../refs.ts';
import type { Sessions } from '../sessions/sessions.ts';
import type { Tx } from '../store/ledger.ts';
import { deviceOf, deviceRef } from '../store/refs.ts';
import { contacts, conversations, ownDevices } from '../store/tables.ts';
import { publishStatements } from './revoke.ts';
import type { Device } from './types.ts';

const CAPABILITY_BYTES = 32;
/** A device that has not registered yet is looked for again. */
const LOOK_AGAIN_MS = 60_000;

/**
 * The other devices of the own account: finds their mailboxes, opens capabilities to them, tells a new one about
 * contacts, and tells contacts about it.
 */
export class OwnDevices {
  readonly chore: Chore;
  readonly #core: Core;
  readonly #chains: Chains;
  readonly #sessions: Sessions;
  readonly #transport: GatewayTransport;
  /** Since when something waits to be done by one of the own devices. */
  readonly #turns = new Map<string, number>();

  constructor(core: Core, chains: Chains, sessions: Sessions, transport: GatewayTransport) {
    this.#core = core;
    this.#chains = chains;
    this.#sessions = sessions;
    this.#transport = transport;
    this.chore = new Chore(core, (signal) => this.#settle(signal));
    core.bells.on('devices', () => this.chore.kick());
  }

  async #settle(signal: AbortSignal): Promise<void> {
    await publishStatements(this.#core, this.#transport, signal);
    await this.#endRevoked();
    this.#core.events.emit({ type: 'devices-changed', devices: listDevices(this.#core) });
    if (this.#core.own.otherDevices().length > 0) await this.#reach(signal);
    this.#regrant();
    this.#introduce();
  }

  async #endRevoked(): Promise<void> {
    const stored = this.#core.ledger.read((read) => ownDevices.all(read));
    for (const { key, row } of stored) {
      if (activeDevice(this.#core.own.view, row.device as DeviceId) !== null) continue;
      await this.#sessions.endAll(key as DeviceRef);
      this.#core.ledger.commit((tx) => ownDevices.delete(tx.write, key));
    }
  }

  /** Finds mailboxes and opens a capability of this device's own to each. */
  async #reach(signal: AbortSignal): Promise<void> {
    const known = await this.#transport.device.mailboxes({ signal });
    const rows = this.#core.ledger.commit((tx) =>
      this.#core.own.otherDevices().map((ref): StoredOwnDevice => {
        const device = deviceOf(ref);
        const row = ownDevices.get(tx.write, ref) ?? create(StoredOwnDeviceSchema, { device });
        const mailbox = known.find((each) => equalBytes(each.device, device))?.mailbox;
        if (mailbox === undefined) {
          // Not registered yet, or the gateway has forgotten it and it will register again.
          row.mailbox = new Uint8Array(0);
          row.opened = false;
        } else if (!equalBytes(mailbox, row.mailbox)) {
          row.mailbox = mailbox;
          row.capability = this.#core.provider.random(CAPABILITY_BYTES);
          row.opened = false;
          row.introduced = false;
        }
        ownDevices.put(tx.write, ref, row);
        return row;
      }),
    );
    const closed = rows.filter((row) => row.mailbox.length > 0 && !row.opened);
    if (closed.length > 0) {
      const orders = closed.map(({ capability, mailbox }) => ({
        hash: capabilityHashOf(capability, (...parts) => sha256(this.#core, ...parts)),
        mailbox,
      }));
      await this.#transport.device.createCapabilities(orders, { signal });
      this.#core.ledger.commit((tx) => {
        for (const row of closed) ownDevices.put(tx.write, deviceRef(row.device), { ...row, opened: true });
        tx.ring('account', this.#core.self.accountRef);
      });
    }
    if (rows.some((row) => row.mailbox.length === 0)) this.chore.kickAt(this.#core.clock.now() + LOOK_AGAIN_MS);
  }

  /** Contacts are told of every own mailbox, and of none that is gone. */
  #regrant(): void {
    const { ledger } = this.#core;
    const isDue = ledger.read((read) =>
      contacts.all(read).some(({ row }) => isTold(row) && isGrantDue(read, this.#core, row)),
    );
    if (!isDue) this.#turns.delete(REGRANT);
    if (!isDue || !this.#isTurn(REGRANT, activeDevices(this.#core.own.view))) return;
    ledger.commit((tx) => {
      for (const { row } of contacts.all(tx.write)) {
        if (!isTold(row) || !grant(tx, this.#core, row)) continue;
        putContact(tx, this.#core, row);
        sendAddresses(tx, this.#core, row);
        syncContact(tx, this.#core, this.#chains, row);
      }
    });
  }

  /** A new device learns from a senior one which contacts there are; if this is the new one, it says that it is there. */
  #introduce(): void {
    const stored = this.#core.ledger.read((read) => ownDevices.all(read));
    for (const { key, row } of stored) {
      if (row.introduced || !row.opened) continue;
      const device = deviceOf(key as DeviceRef);
      const seniors = this.#seniorsOf(device);
      const isSenior = seniors.some(({ certificate }) => equalBytes(certificate.device, this.#core.self.device));
      if (isSenior && !this.#isTurn(key, seniors)) continue;
      this.#core.ledger.commit((tx) => {
        ownDevices.put(tx.write, key, { ...row, introduced: true });
        if (isSenior) this.#tellOf(tx, device);
        else sayHello(tx, this.#core, device);
      });
    }
  }

  #tellOf(tx: Tx, device: DeviceId): void {
    for (const contact of contacts.all(tx.write)) syncContact(tx, this.#core, this.#chains, contact.row, device);
    for (const { row: kept } of conversations.all(tx.write)) tellSettings(tx, this.#core, kept, device);
    if (this.#core.own.otherDevices().length > 1) sayIntroduced(tx, this.#core, device);
  }

  /**
   * Whether it is this device's turn to do what one does for all: the most senior at once, each further one a while
   * later, if it is still to be done then.
   */
  #isTurn(what: string, candidates: readonly DeviceEntry[]): boolean {
    const { clock, settings, self } = this.#core;
    const rank = candidates.findIndex(({ certificate }) => equalBytes(certificate.device, self.device));
    const since = this.#turns.get(what) ?? clock.now();
    this.#turns.set(what, since);
    const at = since + Math.max(rank, 0) * settings.turnMs;
    if (clock.now() < at) {
      this.chore.kickAt(at);
      return false;
    }
    this.#turns.delete(what);
    return true;
  }

  /** Active devices that were there before it, oldest first. */
  #seniorsOf(device: DeviceId): DeviceEntry[] {
    const { devices } = this.#core.own.view;
    const since = devices.get(idHex(device))?.certifiedBy.sequence ?? 0;
    return activeDevices(this.#core.own.view).filter(({ certifiedBy }) => certifiedBy.sequence < since);
  }
}

/** What turns are kept by, besides the devices to be introduced. */
const REGRANT = 'regrant';

function isTold(row: StoredContact): boolean {
  const state = stateOf(row);
  return row.granted !== undefined && (state === 'accepted' || state === 'requested');
}

/** Lets the other own devices know that a new one needs no introduction any more. */
function sayIntroduced(tx: Tx, core: Core, device: DeviceId): void {
  const conversation = conversationWith(core, accountId(core.self.account));
  const value = { contact: core.self.account, introduced: [device] };
  const { id, bytes } = composeControl(core, conversation, { kind: 'syncState', value });
  enqueue(tx, core, {
    id,
    bytes,
    conversation: null,
    recipient: null,
    audience: StoredOutbound_Audience.OWN,
    until: StoredOutbound_Until.DELIVERED,
    urgent: false,
  });
}

/** Lets an own device know that this one is registered and can be reached. */
function sayHello(tx: Tx, core: Core, device: DeviceId): void {
  const conversation = conversationWith(core, accountId(core.self.account));
  const { id, bytes } = composeControl(core, conversation, { kind: 'sessionRefresh', value: {} });
  enqueue(tx, core, {
    id,
    bytes,
    conversation: null,
    recipient: null,
    audience: StoredOutbound_Audience.DEVICE,
    device,
    until: StoredOutbound_Until.DELIVERED,
    urgent: false,
  });
}

/** Devices of the own account, oldest first. */
export function listDevices(core: Core): Device[] {
  return [...core.own.view.devices.values()].map(({ certificate, state }) => ({
    device: deviceRef(certificate.device),
    name: certificate.name,
    state: state.kind,
    addedAt: certificate.createdAt,
    self: equalBytes(certificate.device, core.self.device),
  }));
}
