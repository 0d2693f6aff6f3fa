import type { Refusal } from '@sotto/wire';
import type { Admission, DeviceRef, PostOutcome, PrekeyStock, StoredDelivery } from './types.ts';

/** Queues of devices. What a promise of this port says is on disk when it resolves. */
export interface Mailboxes {
  post(post: Post): Promise<PostOutcome>;
  /** The oldest live messages after a sequence: at most `limit`, and no further one once there are `bytes` of them. */
  read(device: DeviceRef, afterSequence: number, limit: number, bytes: number): Promise<DeliveryPage>;
  /** Removes messages; unknown sequences are ignored. */
  acknowledge(device: DeviceRef, sequences: readonly number[]): Promise<void>;
  /** Listens to one mailbox, in place of the listener before, which is told `REPLACED`. Returns the way to stop. */
  listen(device: DeviceRef, listener: MailboxListener): () => void;
}

export interface DeliveryPage {
  readonly deliveries: readonly StoredDelivery[];
  /** There are more after the last one. */
  readonly more: boolean;
}

/** An envelope after the checks that need no storage. */
export interface Post {
  readonly mailbox: Uint8Array;
  readonly envelope: Uint8Array;
  /** EnvelopeId, 32 bytes. */
  readonly id: Uint8Array;
  /** Unix seconds. */
  readonly expiresAt: number;
  readonly admission: Admission;
}

/** Called in the process that serves the mailbox's stream, after the commit of what it tells. */
export interface MailboxListener {
  stored(delivery: StoredDelivery): void;
  prekeysLow(stock: PrekeyStock): void;
  /** The stream must end. */
  closing(refusal: Refusal): void;
}
