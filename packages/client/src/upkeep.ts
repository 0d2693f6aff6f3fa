import type { Vault } from '@sotto/vault';
import { Alarm } from './core/alarm.ts';
import type { Core } from './core/core.ts';
import { sweepSent } from './healing/sent-log.ts';
import { sweepMarks } from './inbox/marks.ts';
import type { Sessions } from './sessions/sessions.ts';

/** Between slices, so that messages come first. */
const SLICE_PAUSE_MS = 250;
const HOUR_MS = 3_600_000;

/** What is to be done now and then: old marks and sessions go, the vault's keys and search segments are renewed in small slices. */
export class Upkeep {
  readonly #core: Core;
  readonly #vault: Vault;
  readonly #sessions: Sessions;
  readonly #alarm: Alarm;
  #sweptAt = 0;

  constructor(core: Core, vault: Vault, sessions: Sessions) {
    this.#core = core;
    this.#vault = vault;
    this.#sessions = sessions;
    this.#alarm = new Alarm(core, () => this.#slice());
  }

  open(): void {
    this.#alarm.set(this.#core.clock.now() + SLICE_PAUSE_MS);
  }

  close(): void {
    this.#alarm.clear();
  }

  #slice(): void {
    const { background, clock, ledger } = this.#core;
    if (background.closing) return;
    const now = clock.now();
    let more = false;
    try {
      if (now - this.#sweptAt >= 24 * HOUR_MS) {
        ledger.commit((tx) => sweepMarks(tx, now));
        while (ledger.commit((tx) => sweepSent(tx, now)));
        this.#sweptAt = now;
        // Parked envelopes whose time is over go; the others are tried once more.
        this.#core.bells.ring('parked', null);
        // Chains that were not looked at for a day are.
        this.#core.bells.ring('chain', this.#core.self.accountRef);
        background.start(() => this.#sessions.tidy());
      }
      more = this.#vault.maintain();
    } catch (cause) {
      background.report(cause);
    }
    this.#alarm.set(now + (more ? SLICE_PAUSE_MS : HOUR_MS));
  }
}
