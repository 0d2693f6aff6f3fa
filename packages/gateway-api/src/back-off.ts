/** First and longest average wait, ms. */
const FIRST_MS = 250;
const LONGEST_MS = 60_000;

/**
 * How long to wait before the n-th attempt (from 1) in a row: doubling, and uniformly spread over the whole interval
 * ("full jitter"), so that devices that lost the same gateway do not come back together. `random` is in [0, 1).
 */
export function backOff(attempt: number, random: () => number): number {
  const ceiling = Math.min(FIRST_MS * 2 ** Math.min(attempt - 1, 20), LONGEST_MS);
  return Math.round(random() * ceiling);
}
