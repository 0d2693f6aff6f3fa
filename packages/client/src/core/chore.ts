import { GatewayApiError } from '@sotto/gateway-api';
import { backoffMs } from '../outbox/backoff.ts';
import { Alarm } from './alarm.ts';
import type { Core } from './core.ts';

/**
 * Work towards a state: asked for as often as one likes, done by one run at a time, and repeated with back-off until a
 * run succeeds. The task looks at the store for what there is to do, so nothing needs to be remembered.
 */
export class Chore {
  readonly #core: Pick<Core, 'clock' | 'random' | 'settings' | 'background'>;
  readonly #task: (signal: AbortSignal) => Promise<void>;
  readonly #alarm: Alarm;
  #running = false;
  #again = false;
  #failures = 0;

  constructor(
    core: Pick<Core, 'clock' | 'random' | 'settings' | 'background'>,
    task: (signal: AbortSignal) => Promise<void>,
  ) {
    this.#core = core;
    this.#task = task;
    this.#alarm = new Alarm(core, () => this.kick());
  }

  /** Runs the task soon; once more after the present run, if there is one. */
  kick(): void {
    if (this.#core.background.closing) return;
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    this.#alarm.clear();
    this.#core.background.start((signal) => this.#run(signal));
  }

  /** Runs the task at `at` (Unix ms) if nothing asks for it before. */
  kickAt(at: number): void {
    this.#alarm.set(at);
  }

  close(): void {
    this.#alarm.clear();
  }

  async #run(signal: AbortSignal): Promise<void> {
    try {
      do {
        this.#again = false;
        await this.#task(signal);
      } while (this.#again && !signal.aborted);
      this.#failures = 0;
    } catch (cause) {
      if (signal.aborted) return;
      this.#failures++;
      const { retryBaseMs: baseMs, retryMostMs: mostMs } = this.#core.settings;
      this.#alarm.set(
        this.#core.clock.now() + backoffMs(this.#failures, { baseMs, mostMs, random: this.#core.random() }),
      );
      // Being offline is no news to anybody.
      if (!(cause instanceof GatewayApiError && OFFLINE.has(cause.code))) this.#core.background.report(cause);
    } finally {
      this.#running = false;
    }
  }
}

const OFFLINE: ReadonlySet<string> = new Set(['unreachable', 'deadline', 'closed', 'aborted']);
