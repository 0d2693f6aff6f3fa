/** How much of an hourly allowance is used. */
export interface Budget {
  /** Unix milliseconds when the hour began. */
  readonly since: number;
  readonly used: number;
}

const HOUR_MS = 3_600_000;

export const freshBudget: Budget = { since: 0, used: 0 };

/**
 * Takes up to `wanted` from an hourly allowance of `most`: what is granted, and what is left. An hour that began in the
 * future (the clock was set back) begins anew, without forgetting what was used in it.
 */
export function spend(
  budget: Budget,
  wanted: number,
  { most, now }: { readonly most: number; readonly now: number },
): { readonly granted: number; readonly budget: Budget } {
  const isOver = now - budget.since >= HOUR_MS;
  const since = isOver ? now : Math.min(budget.since, now);
  const used = isOver ? 0 : budget.used;
  const granted = Math.max(0, Math.min(wanted, most - used));
  return { granted, budget: { since, used: used + granted } };
}
