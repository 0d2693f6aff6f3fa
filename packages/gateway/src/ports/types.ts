import type { PrekeyKind, Refusal } from '@sotto/wire';

/** A registered device as the adapters know it. `no` is the adapter's own number and leaves the process never. */
export interface DeviceRef {
  readonly no: number;
  readonly account: Uint8Array;
  readonly device: Uint8Array;
  readonly mailbox: Uint8Array;
  /** Ed25519 key certified in the account's chain, 32 bytes. */
  readonly ed25519: Uint8Array;
  readonly revoked: boolean;
}

export interface PrekeyStock {
  readonly oneTime: number;
  readonly oneTimeKem: number;
}

export interface PrekeyRecord {
  readonly kind: PrekeyKind;
  readonly id: number;
  /** Unix seconds. */
  readonly expiresAt: number;
  /** Serialised ProvenPrekey. */
  readonly bytes: Uint8Array;
}

/** What lets a caller fetch a bundle or post, after the checks that need no storage. */
export type Admission =
  | { readonly kind: 'capability'; readonly hash: Uint8Array }
  | {
      readonly kind: 'request-token';
      /** 16 bytes. */
      readonly id: Uint8Array;
      readonly account: Uint8Array;
      /** Unix seconds. */
      readonly expiresAt: number;
    };

export type QueueName = 'contacts' | 'requests';

export interface StoredDelivery {
  readonly sequence: number;
  readonly envelope: Uint8Array;
  readonly queue: QueueName;
  /** Unix ms. */
  readonly storedAt: number;
}

/** Not an exception: refusing a post is ordinary, and happens at full rate. */
export type PostOutcome =
  | { readonly kind: 'stored' }
  | { readonly kind: 'duplicate' }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly retryAfterMs: number };
