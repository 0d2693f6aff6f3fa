import type { VaultReader } from '@sotto/vault';
import { accountId, deviceId, messageId } from '@sotto/wire';
import { StoredDelivery_State, StoredMessage_State, StoredOutbound_Audience } from '@sotto/wire/stored';
import type { StoredOutbound } from '@sotto/wire/stored';
import type { Chains } from '../chains/chains.ts';
import { findContact } from '../contacts/rows.ts';
import type { Core } from '../core/core.ts';
import type { DeviceRef, MessageRef } from '../refs.ts';
import type { Tx } from '../store/ledger.ts';
import { deviceOf, deviceRef } from '../store/refs.ts';
import { outbounds } from '../store/tables.ts';
import type { ReasonCode } from '../trail/reasons.ts';
import { gateOf } from './gate.ts';
import { planDeliveries } from './plan.ts';
import type { Audience } from './plan.ts';
import { deliveriesOf, newDelivery, note, putDelivery, removeOutbound, setState, settle } from './rows.ts';

const audiences: ReadonlyMap<StoredOutbound_Audience, Audience> = new Map([
  [StoredOutbound_Audience.ALL, 'all'],
  [StoredOutbound_Audience.RECIPIENT, 'recipient'],
  [StoredOutbound_Audience.OWN, 'own'],
  [StoredOutbound_Audience.STRANGER, 'stranger'],
  [StoredOutbound_Audience.DEVICE, 'device'],
]);

/** Brings a content's deliveries in step with who its recipient's devices are and whether it may leave. */
export class Planner {
  readonly #core: Core;
  readonly #chains: Chains;

  constructor(core: Core, chains: Chains) {
    this.#core = core;
    this.#chains = chains;
  }

  /** In a transaction that changes more than this. */
  planIn(tx: Tx, message: MessageRef): void {
    for (const step of this.#steps(tx.write, message)) step(tx);
  }

  plan(message: MessageRef): void {
    // Most of the time there is nothing to change; then nothing is committed.
    const steps = this.#core.ledger.read((read) => this.#steps(read, message));
    if (steps.length > 0) this.#core.ledger.commit((tx) => this.planIn(tx, message));
  }

  #steps(read: VaultReader, message: MessageRef): ((tx: Tx) => void)[] {
    const outbound = outbounds.get(read, message);
    // What goes through a group's log has no deliveries (groups/).
    if (outbound === null || outbound.audience === StoredOutbound_Audience.GROUP) return [];
    const gate = gateOf(read, outbound);
    if (gate.kind === 'shut') return this.#wait(outbound, message, gate.reason);
    if (gate.kind === 'never') return [(tx) => this.#never(tx, message, gate.reason)];

    const ways = deliveriesOf(read, message);
    const plan = planDeliveries({
      audience: audiences.get(outbound.audience) ?? 'all',
      device: outbound.device.length === 0 ? null : deviceRef(outbound.device),
      recipientDevices: this.#recipientDevices(read, outbound),
      ownDevices: this.#core.own.otherDevices(),
      chosen: ways.map((way) => deviceRef(way.device)),
      reached: outbound.reached,
    });
    const dropped = ways.filter((way) => plan.drop.includes(deviceRef(way.device)) && isOpen(way.state));
    const steps: ((tx: Tx) => void)[] = [];
    if (plan.obstacle !== null) steps.push(...this.#wait(outbound, message, plan.obstacle));
    for (const way of dropped) {
      steps.push((tx) => {
        way.state = StoredDelivery_State.FAILED;
        way.envelope = new Uint8Array(0);
        way.reason = 'device-revoked' satisfies ReasonCode;
        putDelivery(tx, way);
        note(tx, this.#core, message, 'device-revoked', deviceRef(way.device));
      });
    }
    for (const device of plan.add) steps.push((tx) => this.#add(tx, outbound, device));
    const complete = plan.obstacle === null && !outbound.planned;
    if (complete) {
      steps.push((tx) => {
        outbound.planned = true;
        outbounds.put(tx.write, message, outbound);
      });
    }
    // With a new delivery it is not settled; without one it may be, as when its last device was revoked.
    const mayBeSettled = steps.length > 0 && plan.obstacle === null && plan.add.length === 0;
    if (mayBeSettled) steps.push((tx) => void settle(tx, this.#core, message));
    return steps;
  }

  #recipientDevices(read: VaultReader, outbound: StoredOutbound): readonly DeviceRef[] | null {
    if (outbound.recipient.length === 0) return [];
    const contact = findContact(read, accountId(outbound.recipient));
    return contact === null ? null : this.#chains.activeDevices(contact);
  }

  #add(tx: Tx, outbound: StoredOutbound, device: DeviceRef): void {
    const own = this.#core.own.otherDevices().includes(device);
    const account = own ? this.#core.self.account : accountId(outbound.recipient);
    putDelivery(tx, newDelivery(messageId(outbound.id), account, deviceId(deviceOf(device))));
  }

  #wait(outbound: StoredOutbound, message: MessageRef, reason: ReasonCode): ((tx: Tx) => void)[] {
    if (outbound.reason === reason) return [];
    return [
      (tx) => {
        outbound.reason = reason;
        outbounds.put(tx.write, message, outbound);
        note(tx, this.#core, message, reason);
      },
    ];
  }

  #never(tx: Tx, message: MessageRef, reason: ReasonCode): void {
    note(tx, this.#core, message, reason);
    setState(tx, this.#core, message, StoredMessage_State.FAILED);
    removeOutbound(tx, message);
  }
}

const isOpen = (state: StoredDelivery_State): boolean =>
  state === StoredDelivery_State.WAITING ||
  state === StoredDelivery_State.SEALED ||
  state === StoredDelivery_State.ACCEPTED;
