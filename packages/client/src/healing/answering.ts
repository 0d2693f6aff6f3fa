/** What is known here of something that a device asks for. */
export interface AskedFor {
  /** The asking device was meant for it when it was sent. */
  readonly wasRecipient: boolean;
  /** Its content is still here, and was neither taken back nor given up. */
  readonly isKept: boolean;
  /** How often this device was given it again, and when last (Unix ms). */
  readonly resent: number;
  readonly resentAt: number;
}

/** `again`: given once more. `later`: it was just given, or often enough. `never`: deleted, expired, or not for the asker. */
export type Verdict = 'again' | 'later' | 'never';

/** One message is given to one device so many times again. */
export const MOST_RESENDS = 5;
/** Between two of them at least, doubling. */
const RESEND_PAUSE_MS = 30_000;

/** Judges one thing asked for; null: it is not known here. */
export function judgeAsked(asked: AskedFor | null, now: number): Verdict {
  if (asked === null || !asked.wasRecipient || !asked.isKept) return 'never';
  if (asked.resent === 0) return 'again';
  if (asked.resent >= MOST_RESENDS) return 'later';
  const pause = RESEND_PAUSE_MS * 2 ** (asked.resent - 1);
  // The clock was set back: what was last is not in the future.
  return now >= asked.resentAt && now - asked.resentAt < pause ? 'later' : 'again';
}
