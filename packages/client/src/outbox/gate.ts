import type { VaultReader } from '@sotto/vault';
import { accountId } from '@sotto/wire';
import { StoredOutbound_Audience } from '@sotto/wire/stored';
import type { StoredOutbound } from '@sotto/wire/stored';
import { findContact, stateOf } from '../contacts/rows.ts';
import type { ReasonCode } from '../trail/reasons.ts';

/** Whether a content may leave now, as far as its recipient is concerned. */
export type Gate =
  | { readonly kind: 'open' }
  | { readonly kind: 'shut'; readonly reason: ReasonCode }
  /** It never will: a message fails, anything else is dropped. */
  | { readonly kind: 'never'; readonly reason: ReasonCode };

export function gateOf(read: VaultReader, outbound: StoredOutbound): Gate {
  if (outbound.recipient.length === 0) return { kind: 'open' };
  const contact = findContact(read, accountId(outbound.recipient));
  // Own devices hear of contacts later than messages to them do.
  if (contact === null) return { kind: 'shut', reason: 'waiting-identity' };
  const state = stateOf(contact);
  if (state === 'blocked') return { kind: 'never', reason: 'contact-blocked' };
  // Accepted ones are asked again when both sides' addresses are gone (contacts/reintroduce.ts).
  const asks = state === 'requested' || state === 'accepted';
  if (outbound.audience === StoredOutbound_Audience.STRANGER && !asks) {
    return { kind: 'never', reason: state === 'declined' ? 'contact-declined' : 'accepted' };
  }
  if (outbound.afterUpload) return { kind: 'shut', reason: 'waiting-upload' };
  if (outbound.afterGrant > contact.grantedOpened) return { kind: 'shut', reason: 'waiting-connection' };
  if (!outbound.afterAcceptance || state === 'accepted') return { kind: 'open' };
  if (state === 'declined') return { kind: 'never', reason: 'contact-declined' };
  return { kind: 'shut', reason: 'waiting-acceptance' };
}
