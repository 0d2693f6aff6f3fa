const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** After the first question; what is not answered in all that time has no one who could. */
const PAUSES = [MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR, 48 * HOUR] as const;

/** When to ask for something again after `attempts` questions (from 1), Unix ms; null: not any more. */
export function nextQuestion(attempts: number, now: number, random: number): number | null {
  const pause = PAUSES[attempts - 1];
  return pause === undefined ? null : later(now, pause, random);
}

/**
 * When to ask a device for anything again after it has left `unanswered` questions (from 1) without an answer, Unix ms:
 * where answers do not come through, what is damaged on the way must not lead to a question each.
 */
export function nextTurn(unanswered: number, now: number, random: number): number {
  return later(now, PAUSES[Math.min(unanswered, PAUSES.length) - 1] ?? MINUTE, random);
}

/** Up to a quarter more, so that devices which lost the same do not ask together. */
function later(now: number, pause: number, random: number): number {
  return Math.ceil(now + pause + (pause / 4) * random);
}

/** Longest time between two questions with its jitter: what lies further ahead was set by another clock. */
export const MOST_PAUSE_MS = (48 * HOUR * 5) / 4;

export interface ResetFacts {
  /** Questions asked before. */
  readonly attempts: number;
  /** The session can be read no more at all. */
  readonly isLost: boolean;
  /** It was sealed in the session that sends today. */
  readonly isCurrent: boolean;
  /** When this side last replaced the session to heal, Unix ms; null: never. */
  readonly resetAt: number | null;
  readonly now: number;
  readonly sessionResetMs: number;
}

/**
 * Whether the question goes along with a new session. One envelope may be damaged by whoever carried it: only when the
 * answer does not come either, or nothing can come at all, the session is taken for broken. At most one in
 * `sessionResetMs`, so that nobody can use up the other side's prekeys by breaking envelopes.
 */
export function wantsReset(facts: ResetFacts): boolean {
  if (!facts.isCurrent || (!facts.isLost && facts.attempts === 0)) return false;
  const { resetAt, now, sessionResetMs } = facts;
  // A reset in the future: the clock was set back.
  return resetAt === null || resetAt > now || now - resetAt >= sessionResetMs;
}

/** Of several who can be asked, the one whose turn it is: each in sequence, from the first on again. */
export function turnOf<T>(candidates: readonly T[], attempts: number): T | null {
  return candidates[attempts % Math.max(candidates.length, 1)] ?? null;
}
