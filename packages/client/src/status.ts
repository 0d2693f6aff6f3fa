import type { ConnectionState } from './account/types.ts';
import type { Incident } from './incidents.ts';
import type { ReasonCode } from './trail/reasons.ts';

/** How a messenger is doing, in numbers. */
export interface Status {
  readonly connection: ConnectionState;
  /** False: the account's first registration has not succeeded yet. */
  readonly registered: boolean;
  readonly contacts: number;
  readonly requests: number;
  /** Contacts of whom two different chains were seen (`Contact.forkedAt`). */
  readonly forkedContacts: number;
  /** Messages waiting, by the reason for which they wait. */
  readonly outbox: ReadonlyMap<ReasonCode, number>;
  /** Sessions with devices of contacts and own devices. */
  readonly sessions: number;
  /** Envelopes that could not be opened and are kept for a while, by reason. */
  readonly parked: ReadonlyMap<ReasonCode, number>;
  /** One-time prekeys at the gateway when last heard; null: not yet. */
  readonly prekeys: { readonly oneTime: number; readonly oneTimeKem: number } | null;
  /** Unix milliseconds when the lasting prekeys were last rotated; null: never. */
  readonly prekeysRotatedAt: number | null;
  /** What went wrong once and was dealt with, the latest first. */
  readonly incidents: readonly Incident[];
}
