import { sendingSession as chooseSession } from '@sotto/engine';
import type { SessionCandidate } from '@sotto/engine';
import { asciiBytes } from '@sotto/wire';

/** A session as far as choosing among them needs it. */
export interface SessionFacts {
  /** Record name; ends in the session's id, which both sides compute alike. */
  readonly name: string;
  /** Unix milliseconds by the clock of the side that started it. */
  readonly startedAt: number;
  /** This side started it. */
  readonly own: boolean;
  /** Another one sends; this one receives until then. 0: not retired. */
  readonly retiredUntil: number;
}

/** How long a session that no longer sends still receives. */
export const RECEIVE_ONLY_MS = 14 * 24 * 3_600_000;

/** Kept with one device. Two that heal every hour need fewer; who begins one with each message fills nobody's vault. */
export const MOST_SESSIONS = 16;

/**
 * The sessions when one is added. Which of them sends both sides have to see alike, whatever came in what order, or the
 * ratchets stop turning (docs/decisions/0002): all that are known are compared, also those that were retired. The oldest
 * of too many are over at once.
 */
export function addSession(sessions: readonly SessionFacts[], added: SessionFacts, now: number): SessionFacts[] {
  const all = [...sessions.filter((session) => session.name !== added.name), added];
  const sending = chooseSession(all.map(candidateOf));
  const others = all.filter(({ name }) => name !== sending?.name).toSorted((a, b) => b.startedAt - a.startedAt);
  const excess = new Set(others.slice(MOST_SESSIONS - 1).map(({ name }) => name));
  return all.map((session) => {
    if (session.name === sending?.name) return { ...session, retiredUntil: 0 };
    if (excess.has(session.name)) return { ...session, retiredUntil: now };
    return session.retiredUntil === 0 ? { ...session, retiredUntil: now + RECEIVE_ONLY_MS } : session;
  });
}

/** Ids compare as their bytes do: they are hexadecimal. */
function candidateOf({ name, startedAt, own }: SessionFacts): SessionCandidate & { readonly name: string } {
  const role = own ? 'initiator' : 'responder';
  return { name, hash: asciiBytes(sessionId(name)), startedAt: Math.floor(startedAt / 1000), role };
}

/** When the newest session began, Unix milliseconds; null: there is none. */
export function newestStart(sessions: readonly SessionFacts[]): number | null {
  return sessions.length === 0 ? null : Math.max(...sessions.map(({ startedAt }) => startedAt));
}

/** The one session that is not retired; null: none. */
export function sendingSession(sessions: readonly SessionFacts[]): SessionFacts | null {
  return sessions.find((session) => session.retiredUntil === 0) ?? null;
}

/** Sessions whose time is over. Their records are deleted. */
export function outlived(sessions: readonly SessionFacts[], now: number): SessionFacts[] {
  return sessions.filter((session) => session.retiredUntil !== 0 && session.retiredUntil <= now);
}

/** The last part of a session's record name. */
function sessionId(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}
