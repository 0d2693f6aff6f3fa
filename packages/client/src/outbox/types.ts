import type { ConversationRef, DeviceRef, MessageRef } from '../refs.ts';
import type { ReasonCode } from '../trail/reasons.ts';

export interface WaitOptions {
  /** Rejects with `aborted`. */
  readonly signal?: AbortSignal;
}

/**
 * A message that `send` has stored. Each wait resolves only when its state is true, at once if it is already, and also
 * across `close` and `open` (`messenger.sent(id)`). Waits reject with `MessengerError`: `expired`, `undeliverable`,
 * `closed`, `aborted`. Not waiting is fine: nothing depends on it.
 */
export interface SentMessage {
  readonly id: MessageRef;
  readonly conversation: ConversationRef;
  /** At least one device of the recipient has it in its mailbox: the recipient's gateway says it is on disk. */
  accepted(options?: WaitOptions): Promise<void>;
  /** At least one device of the recipient has decrypted and stored it, and said so under end-to-end encryption. */
  delivered(options?: WaitOptions): Promise<void>;
  /** The recipient says that a person saw it. May never come: they can switch read receipts off. */
  read(options?: WaitOptions): Promise<void>;
}

/** How far a message has come on its way to one device. */
export type DeliveryState = 'waiting' | 'sealed' | 'accepted' | 'delivered' | 'failed';

/** A message in the outbox: it stays until each device has it, or until it expires. */
export interface OutboxEntry {
  readonly message: MessageRef;
  /** Null for messages of the account itself (addresses, profile), which belong to no conversation. */
  readonly conversation: ConversationRef | null;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** Unix milliseconds; then it is shown as expired. */
  readonly expiresAt: number;
  /** Why it is still here. */
  readonly reason: ReasonCode;
  readonly deliveries: readonly Delivery[];
}

export interface Delivery {
  readonly device: DeviceRef;
  readonly state: DeliveryState;
  readonly reason: ReasonCode;
  readonly attempts: number;
  /** Unix milliseconds of the next try; null: waits for an event, not for a time. */
  readonly nextAttemptAt: number | null;
}
