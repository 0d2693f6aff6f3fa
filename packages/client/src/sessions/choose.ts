/** A session as far as choosing among them needs it. */
export interface SessionFacts {
  /** Record name; ends in the session's id, which both sides compute alike. */
  readonly name: string;
  /** Unix milliseconds by the clock of the side that started it. */
  readonly startedAt: number;
  /** This side started it. */
  readonly own: boolean;
  /** Something was received in it: the other side has it too. */
  readonly confirmed: boolean;
  /** Another one sends; this one receives until then. 0: not retired. */
  readonly retiredUntil: number;
}

/** How long a session that no longer sends still receives. */
export const RECEIVE_ONLY_MS = 14 * 24 * 3_600_000;

/**
 * The session that sends, when one is added. A new session replaces the old: whoever starts one has a reason. But when
 * both sides start at once, each would leave for the session the other is leaving; so between an own session that the
 * other side has not answered and one just received, the lower id sends at both sides. And of two that the other side
 * started, the later one counts, whichever arrives first.
 */
export function addSession(sessions: readonly SessionFacts[], added: SessionFacts, now: number): SessionFacts[] {
  const current = sendingSession(sessions);
  const crossed = current !== null && !added.own && current.own && !current.confirmed;
  const overtaken = current !== null && !added.own && !current.own && added.startedAt < current.startedAt;
  const keeps = overtaken || (crossed && sessionId(current.name) < sessionId(added.name));
  const retiredUntil = now + RECEIVE_ONLY_MS;
  const others = sessions.filter((session) => session.name !== added.name);
  if (keeps) return [...others, { ...added, retiredUntil }];
  const retired = others.map((session) => (session.retiredUntil === 0 ? { ...session, retiredUntil } : session));
  return [...retired, { ...added, retiredUntil: 0 }];
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
export function sessionId(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}
