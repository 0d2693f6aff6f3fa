export interface BackoffOptions {
  readonly baseMs: number;
  readonly mostMs: number;
  /** Uniform in [0, 1). */
  readonly random: number;
  /** What the other side asked for; it is waited for at least. */
  readonly retryAfterMs?: number;
}

/** A day: whoever asks for more is asked again then. */
const MOST_ASKED_MS = 86_400_000;

/**
 * Milliseconds before the next try after `attempts` failed ones (from 1): doubling from the base up to the most, half
 * of it random, so that many senders do not come back together.
 */
export function backoffMs(attempts: number, options: BackoffOptions): number {
  const full = Math.min(options.baseMs * 2 ** Math.min(Math.max(attempts - 1, 0), 30), options.mostMs);
  const wait = full / 2 + (full / 2) * options.random;
  return Math.ceil(Math.max(wait, Math.min(options.retryAfterMs ?? 0, MOST_ASKED_MS)));
}
