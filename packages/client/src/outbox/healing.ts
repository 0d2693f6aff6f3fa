/** A message that its recipient's gateway has and its recipient has not confirmed. */
export interface Unconfirmed {
  /** Unix milliseconds. */
  readonly acceptedAt: number;
  /** When its device was first heard from after that; null: not since. */
  readonly heardAt: number | null;
  /** How often it was sent anew. */
  readonly heals: number;
  /** It was sealed in the session that sends today. */
  readonly inCurrentSession: boolean;
}

export interface HealingFacts {
  readonly now: number;
  /** When this side last replaced the session to heal; null: never. */
  readonly resetAt: number | null;
  readonly healAfterMs: number;
  readonly healAfterSeenMs: number;
  readonly sessionResetMs: number;
}

export type HealingDecision =
  | { readonly kind: 'wait'; readonly until: number }
  /** Send again in the session that has since replaced the one it was sealed in. */
  | { readonly kind: 'resend' }
  /** Start a new session, then send again. */
  | { readonly kind: 'reset-and-resend' };

/** Doubling beyond this says nothing more within a message's lifetime. */
const MOST_DOUBLINGS = 6;

/**
 * Sender-driven healing: a session is taken for broken when a device that was heard from (or had a day's time) has not
 * confirmed a message. Each further try waits twice as long. At most one reset in `sessionResetMs`, so that two devices
 * that do not understand each other cannot use up each other's prekeys.
 */
export function decideHealing(message: Unconfirmed, facts: HealingFacts): HealingDecision {
  const factor = 2 ** Math.min(message.heals, MOST_DOUBLINGS);
  const byAge = message.acceptedAt + facts.healAfterMs * factor;
  const byEar = message.heardAt === null ? Infinity : message.heardAt + facts.healAfterSeenMs * factor;
  const deadline = Math.min(byAge, byEar);
  // Accepted in the far future: the clock was set back, and by it the deadline might never come.
  const isAbsurd = message.acceptedAt - facts.now > facts.healAfterMs;
  if (facts.now < deadline && !isAbsurd) return { kind: 'wait', until: deadline };
  if (!message.inCurrentSession) return { kind: 'resend' };
  const last = facts.resetAt === null || facts.resetAt - facts.now > facts.sessionResetMs ? -Infinity : facts.resetAt;
  const allowed = last + facts.sessionResetMs;
  return facts.now < allowed ? { kind: 'wait', until: allowed } : { kind: 'reset-and-resend' };
}
