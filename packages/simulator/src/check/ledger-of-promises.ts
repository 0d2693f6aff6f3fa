import type { AccountRef, ConversationRef, Message, MessageRef } from '@sotto/client';
import type { DeviceNode } from '../device/device-node.ts';
import { Violation } from './violation.ts';

/** A text that `send` said is stored. */
export interface Promised {
  readonly id: MessageRef;
  readonly conversation: ConversationRef;
  readonly author: AccountRef;
  readonly device: string;
  readonly text: string;
  /** What its author's device had shown last when it was written. */
  readonly seen: readonly MessageRef[];
}

const SEEN = 4;

/** What was promised to people, and what each device has shown: kept outside the system under test. */
export class Promises {
  readonly texts = new Map<MessageRef, Promised>();
  /** By device, then conversation: texts in the sequence in which they appeared there. */
  readonly #shown = new Map<string, Map<ConversationRef, MessageRef[]>>();
  readonly #received = new Map<string, Set<MessageRef>>();
  readonly #authors = new Map<MessageRef, AccountRef>();

  /** Everything that anybody was seen to write. */
  get written(): number {
    return this.#authors.size;
  }

  /** What a device shows of a conversation, oldest first. */
  shown(device: DeviceNode, conversation: ConversationRef): readonly MessageRef[] {
    return this.#shown.get(device.name)?.get(conversation) ?? [];
  }

  /** Null: not known here. */
  authorOf(message: MessageRef): AccountRef | null {
    return this.#authors.get(message) ?? null;
  }

  lastSeen(device: DeviceNode, conversation: ConversationRef): readonly MessageRef[] {
    return this.shown(device, conversation).slice(-SEEN);
  }

  promise(promised: Promised, device: DeviceNode): void {
    this.texts.set(promised.id, promised);
    this.#show(device, promised.conversation, promised.id, promised.author);
  }

  /** Throws `Violation` `delivered-once`. */
  received(device: DeviceNode, { id, conversation, author }: Message): void {
    const before = this.#received.get(device.name) ?? new Set();
    if (before.has(id)) throw new Violation('delivered-once', `${device.name} received ${id.slice(0, 8)} twice`);
    this.#received.set(device.name, before.add(id));
    this.#show(device, conversation, id, author);
  }

  /** Written on this or another own device. */
  sentHere(device: DeviceNode, { id, conversation, author }: Message): void {
    this.#show(device, conversation, id, author);
  }

  #show(device: DeviceNode, conversation: ConversationRef, id: MessageRef, author: AccountRef): void {
    const all = this.#shown.get(device.name) ?? new Map<ConversationRef, MessageRef[]>();
    this.#shown.set(device.name, all);
    const shown = all.get(conversation) ?? [];
    all.set(conversation, shown);
    if (!shown.includes(id)) shown.push(id);
    this.#authors.set(id, author);
  }
}
