import type { ConnectionState } from '../account/types.ts';
import type { ContactState } from '../contacts/types.ts';
import type { MessageState } from '../conversations/types.ts';
import type { MessengerErrorCode } from '../error.ts';
import type { Incident } from '../incidents.ts';
import type { DeliveryState } from '../outbox/types.ts';
import type { ReasonCode } from '../trail/reasons.ts';

/**
 * What supporters need, and nothing that people wrote, are called or can be found by: no texts, names, nicknames, ids,
 * addresses, keys. Ids are replaced by short hashes under a salt of the conversation, so that the bundles of both sides
 * can be laid beside each other line by line (same `name`: same thing), while a third person learns nothing. What is left
 * is times, numbers and closed codes: when how many messages were exchanged, and what became of each. JSON as it is.
 */
export interface Diagnostics {
  readonly format: 'sotto-diagnostics';
  readonly version: 1;
  /** Unix milliseconds by this device's clock; so are all times. */
  readonly createdAt: number;
  readonly connection: ConnectionState;
  readonly registered: boolean;
  /** `rule`: a function of the application. */
  readonly settings: Readonly<Record<string, number | boolean | readonly number[] | 'rule' | 'unlimited'>>;
  readonly sessions: number;
  readonly prekeys: { readonly oneTime: number; readonly oneTimeKem: number } | null;
  readonly prekeysRotatedAt: number | null;
  /** Devices of the own account. */
  readonly ownDevices: { readonly active: number; readonly revoked: number };
  readonly incidents: readonly Incident[];
  readonly outbox: Readonly<Record<string, number>>;
  readonly parked: Readonly<Record<string, number>>;
  /** What failed in the background since the messenger was opened, the latest last. */
  readonly problems: readonly DiagnosedProblem[];
  /** Those with the latest activity. */
  readonly conversations: readonly DiagnosedConversation[];
  /** Conversations left out. */
  readonly omitted: number;
}

export interface DiagnosedProblem {
  readonly at: number;
  readonly code: MessengerErrorCode;
  /** Code of what caused it, where that has one. */
  readonly cause: string | null;
}

export interface DiagnosedConversation {
  readonly name: string;
  readonly kind: 'direct' | 'group';
  /** How this side stands with the contact; null: a group. */
  readonly state: ContactState | null;
  /** Both sides receive at one gateway; null: not known, or a group. */
  readonly sameGateway: boolean | null;
  readonly devices: readonly DiagnosedDevice[];
  readonly unread: number;
  readonly timerSeconds: number;
  /** Highest place in the order, and the messages without successors. */
  readonly highest: number;
  readonly ends: readonly string[];
  /** Messages that others name and that are not here. */
  readonly missing: readonly string[];
  /** Those with a line, in order, the latest last. */
  readonly messages: readonly DiagnosedMessage[];
  /** What could not be opened or has not come, and is being asked for. */
  readonly wanted: readonly DiagnosedWanted[];
  /** Envelopes kept that could not be opened, whoever sent them: the other side finds its own among them. */
  readonly parked: readonly { readonly name: string; readonly reason: ReasonCode; readonly at: number }[];
}

export interface DiagnosedDevice {
  readonly name: string;
  readonly own: boolean;
  readonly sessions: number;
  /** When this side last began a new session to heal; null: never. */
  readonly resetAt: number | null;
  /** Questions to it without an answer. */
  readonly unanswered: number;
}

export interface DiagnosedMessage {
  readonly name: string;
  readonly device: string;
  readonly own: boolean;
  readonly kind: 'message' | 'deleted' | 'placeholder';
  readonly counter: number;
  readonly height: number;
  readonly state: MessageState;
  readonly storedAt: number;
  /** Envelopes that carried it: from here, by the device they were for; to here. */
  readonly envelopes: readonly { readonly name: string; readonly device: string | null }[];
  readonly steps: readonly { readonly at: number; readonly code: ReasonCode; readonly device: string | null }[];
  readonly omitted: number;
  /** Deliveries that are under way. */
  readonly deliveries: readonly {
    readonly device: string;
    readonly state: DeliveryState;
    readonly reason: ReasonCode;
    readonly attempts: number;
    readonly heals: number;
  }[];
}

export interface DiagnosedWanted {
  readonly name: string;
  readonly kind: 'envelope' | 'message';
  readonly from: string;
  readonly reason: ReasonCode;
  readonly since: number;
  readonly attempts: number;
  readonly nextAt: number | null;
}

export interface DiagnosticsOptions {
  /** What both sides agree on (the number of a ticket): only bundles with the same one can be compared. */
  readonly caseCode?: string;
  /** Messages of each conversation, default 100, at most 1000. */
  readonly messages?: number;
}
