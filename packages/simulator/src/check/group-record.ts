import type { AccountRef, ConversationRef, MessageRef, Messenger } from '@sotto/client';
import type { DeviceNode } from '../device/device-node.ts';

/** A change of a group that somebody asked for. */
export interface Asked {
  readonly device: DeviceNode;
  readonly messenger: Messenger;
  readonly group: ConversationRef;
}

/** What is known of groups outside the system under test: who was in when something was written. */
export class GroupRecord {
  readonly ids = new Set<ConversationRef>();
  /** Changes asked for whose outcome nobody was told; those of messengers that are gone are nobody's. */
  readonly #undecided = new Set<Asked>();
  /** By device and group: it has been in it since. */
  readonly #inside = new Map<string, Set<ConversationRef>>();
  /** Places in the sequence of what is recorded here. */
  readonly #joinedAt = new Map<string, number>();
  readonly #written = new Map<MessageRef, { readonly at: number; readonly accounts: ReadonlySet<AccountRef> }>();
  #tick = 0;
  /** What every device that was in when it was written has to have, unless it was out in between. */
  readonly #owed = new Map<string, Map<MessageRef, ConversationRef>>();

  /** A change was stored for whoever asked for it. */
  asked(asked: Asked, decided: Promise<unknown>): void {
    this.#undecided.add(asked);
    const settle = (): void => void this.#undecided.delete(asked);
    decided.then(settle, settle);
  }

  undecided(): readonly Asked[] {
    return Array.from(this.#undecided).filter(({ device, messenger }) => device.messenger === messenger);
  }

  joined(device: DeviceNode, group: ConversationRef): void {
    this.ids.add(group);
    this.#joinedAt.set(`${device.name} ${group}`, ++this.#tick);
    const groups = this.#inside.get(device.name) ?? new Set();
    // Whoever had to be brought back in may lack what was written meanwhile.
    if (groups.has(group)) this.out(device, group);
    this.#inside.set(device.name, groups.add(group));
  }

  /** It left, was removed, or has to be brought back in. */
  out(device: DeviceNode, group: ConversationRef): void {
    this.#inside.get(device.name)?.delete(group);
    const owed = this.#owed.get(device.name);
    for (const [message, where] of owed ?? []) if (where === group) owed?.delete(message);
  }

  /** A message was stored for its sender, who saw these accounts in the group. */
  wrote(message: MessageRef, group: ConversationRef, accounts: readonly AccountRef[]): void {
    this.#written.set(message, { at: ++this.#tick, accounts: new Set(accounts) });
    for (const [device, groups] of this.#inside) {
      if (!groups.has(group)) continue;
      const owed = this.#owed.get(device) ?? new Map<MessageRef, ConversationRef>();
      this.#owed.set(device, owed.set(message, group));
    }
  }

  /** Whether a device has no business knowing a message: it was out when that was written, and has not come back since. */
  isSecretFrom(device: DeviceNode, account: AccountRef, group: ConversationRef, message: MessageRef): boolean {
    const written = this.#written.get(message);
    if (written === undefined || written.accounts.has(account)) return false;
    return (this.#joinedAt.get(`${device.name} ${group}`) ?? 0) < written.at;
  }

  owedTo(device: DeviceNode, group: ConversationRef): readonly MessageRef[] {
    return Array.from(this.#owed.get(device.name) ?? []).flatMap(([message, where]) =>
      where === group ? [message] : [],
    );
  }
}
