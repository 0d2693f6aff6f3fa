import type { PrekeyName } from './kinds.ts';
import { PREKEYS } from './kinds.ts';

const DAY_MS = 86_400_000;

/** Lasting prekeys are replaced after this time, ms. */
export const PREKEY_ROTATION_MS = 7 * DAY_MS;

/** Private lasting prekeys are kept this long, ms, and so are the hashes of the initial messages that used them. */
const KEPT_LASTING_MS = 30 * DAY_MS;

/**
 * One-time keys wait at the gateway until someone takes them, which for a person with few contacts may be long; each is
 * deleted with its use.
 */
const KEPT_ONE_TIME_MS = 99 * DAY_MS;

/** Between the last use of a public key and the loss of its private half: an envelope's 7 days and two of clock skew. */
const TRAVEL_MS = 9 * DAY_MS;

/** When a prekey should no longer be used, and when its private half is deleted; Unix seconds. */
export function prekeyLifetime(
  name: PrekeyName,
  now: number,
): { readonly expiresAt: number; readonly keptUntil: number } {
  const kept = now + (PREKEYS[name].lasting ? KEPT_LASTING_MS : KEPT_ONE_TIME_MS);
  return { expiresAt: Math.floor((kept - TRAVEL_MS) / 1000), keptUntil: Math.floor(kept / 1000) };
}
