import { Refusal } from '@sotto/wire';
import type { Clock } from '../clock.ts';
import type { Rates } from '../limits.ts';
import { RateLimiter } from '../rate-limiter.ts';
import { Refused } from '../refused.ts';

/** One limiter for each rate. */
export class Limiters {
  readonly #limiters: Record<keyof Rates, RateLimiter>;

  constructor(clock: Clock, rates: Rates) {
    this.#limiters = {
      names: new RateLimiter(clock, rates.names),
      lookups: new RateLimiter(clock, rates.lookups),
      tokens: new RateLimiter(clock, rates.tokens),
      tokensPerTarget: new RateLimiter(clock, rates.tokensPerTarget),
      registrations: new RateLimiter(clock, rates.registrations),
      logins: new RateLimiter(clock, rates.logins),
      appends: new RateLimiter(clock, rates.appends),
      logPages: new RateLimiter(clock, rates.logPages),
      changes: new RateLimiter(clock, rates.changes),
      blobs: new RateLimiter(clock, rates.blobs),
    };
  }

  /** Counts one call of `key`. Throws `Refused` `RATE_LIMITED`. */
  count(rate: keyof Rates, key: string): void {
    const retryAfterMs = this.#limiters[rate].take(key);
    if (retryAfterMs > 0) throw new Refused(Refusal.RATE_LIMITED, 'too many calls', { retryAfterMs });
  }
}
