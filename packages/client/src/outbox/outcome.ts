import type { DeliveryOutcome, RefusalCode } from '@sotto/transport';
import type { ReasonCode } from '../trail/reasons.ts';

/** What follows from handing an envelope over. */
export type Consequence =
  | { readonly kind: 'accepted' }
  /** The same bytes again, later. */
  | { readonly kind: 'retry'; readonly reason: ReasonCode; readonly retryAfterMs?: number }
  /** A new envelope under a new message key: this one can never be accepted. */
  | { readonly kind: 'seal-anew'; readonly reason: ReasonCode }
  /** Waits as it is until there is news of its account. */
  | { readonly kind: 'await-news'; readonly reason: ReasonCode }
  /** Only a new address can help; the same bytes are no use at another mailbox. */
  | { readonly kind: 'await-address'; readonly reason: ReasonCode }
  | { readonly kind: 'give-up'; readonly reason: ReasonCode };

const refusals: Record<RefusalCode, Exclude<Consequence, { kind: 'accepted' }>> = {
  'mailbox-full': { kind: 'retry', reason: 'mailbox-full' },
  quota: { kind: 'retry', reason: 'quota-used-up' },
  'rate-limited': { kind: 'retry', reason: 'rate-limited' },
  unavailable: { kind: 'retry', reason: 'gateway-unavailable' },
  capability: { kind: 'await-address', reason: 'address-refused' },
  'not-found': { kind: 'await-address', reason: 'mailbox-gone' },
  revoked: { kind: 'await-address', reason: 'mailbox-gone' },
  expired: { kind: 'seal-anew', reason: 'envelope-expired' },
  'too-large': { kind: 'give-up', reason: 'too-large' },
  'unsupported-version': { kind: 'give-up', reason: 'version-refused' },
  malformed: { kind: 'give-up', reason: 'envelope-refused' },
};

/** Reads a delivery's outcome. Refusals keep the message and say why; only hopeless ones end it. */
export function consequenceOf(outcome: DeliveryOutcome): Consequence {
  if (outcome.kind === 'accepted') return { kind: 'accepted' };
  if (outcome.kind === 'unreachable') return { kind: 'retry', reason: 'waiting-connection' };
  const consequence = refusals[outcome.code];
  if (consequence.kind !== 'retry' || outcome.retryAfterMs === undefined) return consequence;
  return { ...consequence, retryAfterMs: outcome.retryAfterMs };
}
