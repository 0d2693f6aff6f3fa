import type { Profile } from '../account/types.ts';
import type { AccountRef, ConversationRef, DeviceRef } from '../refs.ts';

/**
 * How this account stands with another.
 * `requested`: asked by us, no answer yet. `incoming`: they asked, we have not answered. `accepted`: both agreed.
 * `declined`: one side said no. `blocked`: we refuse everything from them.
 */
export type ContactState = 'requested' | 'incoming' | 'accepted' | 'declined' | 'blocked';

/** Another account that this one knows. */
export interface Contact {
  readonly account: AccountRef;
  /** The direct conversation with this account. */
  readonly conversation: ConversationRef;
  readonly state: ContactState;
  /** What to show: nickname, else profile name, else account name, else the first characters of the account. */
  readonly name: string;
  /** The name given here, which wins over all others. */
  readonly nickname: string | null;
  /** What they call themselves; null until they have told. */
  readonly profile: Profile | null;
  /** Name at their gateway as they claim it, or as it was used to find them. */
  readonly accountName: string | null;
  /** Their gateway. */
  readonly gateway: string;
  /** First line of an incoming request. */
  readonly greeting: string | null;
  /**
   * `unverified`: safety numbers were never compared. `verified`: they were, and the account's identity has not changed
   * since. `changed`: they were, and the account's devices changed afterwards: compare again.
   */
  readonly verification: 'unverified' | 'verified' | 'changed';
  /**
   * Alarm: Unix milliseconds when two different chains of this account were seen, until `verifyContact`. Null: never.
   */
  readonly forkedAt: number | null;
  /** Unix milliseconds. */
  readonly addedAt: number;
}

/** What a contact link says; checked for form only. The account id in it is what everything is verified against. */
export interface ContactLinkInfo {
  readonly account: AccountRef;
  readonly gateway: string;
  readonly name: string | null;
}

/** How a contact's identity changed: an alarm to show. */
export type IdentityChange =
  | { readonly kind: 'device-added'; readonly device: DeviceRef; readonly name: string }
  | { readonly kind: 'device-revoked'; readonly device: DeviceRef; readonly name: string }
  /** The gateway showed a chain that contradicts the one known. The known one is kept, the other refused. */
  | { readonly kind: 'conflicting-chain' }
  /**
   * A device of the contact names a chain that is not the one its gateway shows here: the gateway, or one of the
   * contact's devices, shows different people different devices.
   */
  | { readonly kind: 'forked-chain' };

/** A safety number of this account and a contact: both sides see the same. */
export interface SafetyNumber {
  /** 60 digits in groups of five. */
  readonly digits: string;
  /** Text of the QR code to show. */
  readonly qr: string;
  /** What the other side's QR code must say. */
  readonly expected: string;
}
