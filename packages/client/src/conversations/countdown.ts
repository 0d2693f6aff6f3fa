/** A message whose time is running. Times in Unix milliseconds by the own clock. */
export interface Countdown {
  readonly startedAt: number;
  readonly seconds: number;
}

/** When it disappears. */
export function dueAt({ startedAt, seconds }: Countdown): number {
  return startedAt + seconds * 1000;
}

/**
 * The countdown as it goes on at `now`. A clock that was set back to before its start would make it last for as long as
 * it was set back: it starts again instead, so that nothing stays longer than its time after the clock was set.
 */
export function resume(countdown: Countdown, now: number): Countdown {
  return countdown.startedAt > now ? { ...countdown, startedAt: now } : countdown;
}

/**
 * When a countdown starts that began elsewhere: at the time the other device gives, which is believed only as far as it
 * is not in the future.
 */
export function startElsewhere(claimed: number, now: number): number {
  return Math.min(claimed, now);
}
