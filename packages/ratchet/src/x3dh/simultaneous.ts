import { compareBytes } from '@sotto/wire';

/** A session that no longer sends still receives for this long, ms. */
export const SUPERSEDED_SESSION_MS = 14 * 86_400_000;

/** Two sessions started by different sides within this time of each other were started at once, seconds. */
const AT_ONCE_SECONDS = 600;

/** Clocks of honest devices differ by less, ms. */
const CLOCK_SKEW_MS = 86_400_000;

/** A session that claims to start so far ahead (Unix seconds; `now` in ms) would win over every later one: refused. */
export function isFuture(startedAt: number, now: number): boolean {
  return startedAt * 1000 > now + CLOCK_SKEW_MS;
}

/**
 * The start of a new session, Unix seconds; `now` in ms. Whoever begins one although it knows of another has a reason: the
 * new one has to win on both sides, also against a clock that is behind and within the time in which a hash decides.
 */
export function startOf(now: number, replaced: number | null): number {
  const started = Math.floor(now / 1000);
  return replaced === null ? started : Math.max(started, replaced + AT_ONCE_SECONDS + 1);
}

/** What decides between sessions of the same two devices; the same on both sides. */
export interface SessionCandidate {
  /** 32 bytes */
  readonly hash: Uint8Array;
  /** Unix seconds, by the initiator's clock and authenticated by it. */
  readonly startedAt: number;
  /** Whether this side began it. */
  readonly role: 'initiator' | 'responder';
}

/**
 * The session to send on, of all between two devices: the one started last; if the other side started one at about the
 * same time, the one with the lower hash. Both sides come to the same answer once they know the same sessions.
 * Null without sessions.
 */
export function sendingSession<Candidate extends SessionCandidate>(sessions: readonly Candidate[]): Candidate | null {
  const own = latest(sessions.filter(({ role }) => role === 'initiator'));
  const theirs = latest(sessions.filter(({ role }) => role === 'responder'));
  if (own === null || theirs === null) return own ?? theirs;
  const atOnce = Math.abs(own.startedAt - theirs.startedAt) <= AT_ONCE_SECONDS;
  return (atOnce ? compareBytes(own.hash, theirs.hash) < 0 : own.startedAt > theirs.startedAt) ? own : theirs;
}

function latest<Candidate extends SessionCandidate>(sessions: readonly Candidate[]): Candidate | null {
  let best: Candidate | null = null;
  for (const session of sessions) {
    const later =
      best === null ||
      session.startedAt > best.startedAt ||
      (session.startedAt === best.startedAt && compareBytes(session.hash, best.hash) < 0);
    if (later) best = session;
  }
  return best;
}
