import type { ReasonCode } from '../trail/reasons.ts';

/** Whom a content goes to. */
export type Audience = 'all' | 'recipient' | 'own' | 'stranger' | 'device';

/** What decides which devices a content still has to reach. Devices are named by any stable text. */
export interface PlanFacts<Device extends string> {
  readonly audience: Audience;
  /** The one device of audience `device`. */
  readonly device: Device | null;
  /** Active devices of the recipient; null: its chain is not known yet. */
  readonly recipientDevices: readonly Device[] | null;
  /** Active other devices of the own account. */
  readonly ownDevices: readonly Device[];
  /** Devices that were chosen before, in any state. */
  readonly chosen: readonly Device[];
  /** At least one device of the recipient has it. */
  readonly reached: boolean;
}

export interface Plan<Device extends string> {
  readonly add: readonly Device[];
  /** Chosen devices that are no longer active. */
  readonly drop: readonly Device[];
  /** Why nothing can be sent to the recipient for now; null: it can. */
  readonly obstacle: ReasonCode | null;
}

/**
 * Which devices a content goes to: chosen when it is first handed over, and again until the recipient has it anywhere.
 * A device added after that starts with newer messages.
 */
export function planDeliveries<Device extends string>(facts: PlanFacts<Device>): Plan<Device> {
  const recipients = facts.recipientDevices ?? [];
  const wanted = new Set<Device>();
  const toRecipient = facts.audience === 'all' || facts.audience === 'recipient' || facts.audience === 'stranger';
  if (toRecipient) for (const device of recipients) wanted.add(device);
  if (facts.audience === 'all' || facts.audience === 'own') for (const device of facts.ownDevices) wanted.add(device);
  if (facts.audience === 'device' && facts.device !== null) {
    if (recipients.includes(facts.device) || facts.ownDevices.includes(facts.device)) wanted.add(facts.device);
  }
  const settled = facts.reached && facts.chosen.length > 0;
  const add = settled ? [] : [...wanted].filter((device) => !facts.chosen.includes(device));
  const drop = facts.chosen.filter((device) => !wanted.has(device));
  const obstacle = !toRecipient
    ? null
    : facts.recipientDevices === null
      ? 'waiting-identity'
      : recipients.length === 0
        ? 'no-device'
        : null;
  return { add, drop, obstacle };
}
