import type { AccountId, Content, DeviceId, MessageId } from '@sotto/wire';
import type { StoredContact } from '@sotto/wire/stored';
import type { Chains } from '../chains/chains.ts';
import type { Core } from '../core/core.ts';
import type { Tx } from '../store/ledger.ts';
import type { ReasonCode } from '../trail/reasons.ts';
import type { Note } from '../trail/store.ts';

/** A decrypted content and who it comes from, authenticated, in the transaction that stores what it does. */
export interface Opened {
  readonly tx: Tx;
  readonly core: Core;
  readonly chains: Chains;
  readonly account: AccountId;
  readonly device: DeviceId;
  readonly content: Content;
  readonly bytes: Uint8Array;
  readonly id: MessageId;
  /** The sender's row; null: another device of the own account. Handlers that change it store it. */
  readonly contact: StoredContact | null;
  /** False: the row is new, made for this content. */
  readonly known: boolean;
  /** What kept it from coming in at once. */
  readonly delays: readonly Note[];
  /** Posted by a stranger; else with a capability that some own device gave away. */
  readonly request: boolean;
}

/** Thrown while a content is taken in: nothing of it is kept. */
export class NotTaken extends Error {
  override readonly name = 'NotTaken';
  readonly reason: ReasonCode;
  /** It may be taken later: keep the envelope. */
  readonly park: boolean;
  /** The account whose chain as known is contradicted by what its own device sent. */
  readonly contradicts: AccountId | null;

  constructor(reason: ReasonCode, park = false, contradicts: AccountId | null = null) {
    super(`a content was not taken: ${reason}`);
    this.reason = reason;
    this.park = park;
    this.contradicts = contradicts;
  }
}

/** What a handler says about the delivery receipt. */
export type Taken = 'receipt' | 'no-receipt';
