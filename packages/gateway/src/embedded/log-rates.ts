import type { Clock } from '../clock.ts';
import {
  COMMITS_PER_EPOCH_ADDRESS_HOUR,
  COMMITS_PER_EPOCH_HOUR,
  COMMITS_PER_LOG_HOUR,
  LATE_COMMITS_PER_LOG_HOUR,
} from '../limits.ts';
import { RateLimiter } from '../rate-limiter.ts';
import type { Epoch } from './log-state.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/**
 * How often logs and epochs take entries. In memory: a restart forgives. What is refused here counts where it was
 * allowed before; that only ever happens to who is at a limit anyway.
 */
export class LogRates {
  readonly #inEpoch: RateLimiter;
  readonly #inLog: RateLimiter;
  readonly #commits: RateLimiter;
  readonly #commitsOfAddress: RateLimiter;
  readonly #commitsInLog: RateLimiter;
  readonly #lateCommits: RateLimiter;

  constructor(clock: Clock, entriesPerMinute: number) {
    const hourly = (burst: number) => new RateLimiter(clock, { burst, perMs: HOUR_MS / burst });
    const minutely = (burst: number) => new RateLimiter(clock, { burst, perMs: MINUTE_MS / burst });
    this.#inEpoch = minutely(entriesPerMinute);
    this.#inLog = minutely(entriesPerMinute * 2);
    this.#commits = hourly(COMMITS_PER_EPOCH_HOUR);
    this.#commitsOfAddress = hourly(COMMITS_PER_EPOCH_ADDRESS_HOUR);
    this.#commitsInLog = hourly(COMMITS_PER_LOG_HOUR);
    this.#lateCommits = hourly(LATE_COMMITS_PER_LOG_HOUR);
  }

  /** 0, or the milliseconds to wait. */
  takeEntry({ no, logNo }: Epoch): number {
    return this.#inEpoch.take(String(no)) || this.#inLog.take(String(logNo));
  }

  /** 0, or the milliseconds to wait; beside `takeEntry`. */
  takeCommit({ no, logNo }: Epoch, caller: string, late: boolean): number {
    return (
      this.#commitsOfAddress.take(`${no} ${caller}`) ||
      (late ? this.#lateCommits.take(String(logNo)) : 0) ||
      this.#commits.take(String(no)) ||
      this.#commitsInLog.take(String(logNo))
    );
  }
}
