import type { ConversationRef, MessageRef, Messenger } from '@sotto/client';
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

  /** A message was stored for its sender. */
  wrote(message: MessageRef, group: ConversationRef): void {
    for (const [device, groups] of this.#inside) {
      if (!groups.has(group)) continue;
      const owed = this.#owed.get(device) ?? new Map<MessageRef, ConversationRef>();
      this.#owed.set(device, owed.set(message, group));
    }
  }

  owedTo(device: DeviceNode, group: ConversationRef): readonly MessageRef[] {
    return Array.from(this.#owed.get(device.name) ?? []).flatMap(([message, where]) =>
      where === group ? [message] : [],
    );
  }
}
