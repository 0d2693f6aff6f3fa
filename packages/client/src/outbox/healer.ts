import { accountId, deviceId } from '@sotto/wire';
import { StoredDelivery_State } from '@sotto/wire/stored';
import { Alarm } from '../core/alarm.ts';
import type { Core } from '../core/core.ts';
import type { AccountRef, MessageRef } from '../refs.ts';
import { currentSession } from '../sessions/rows.ts';
import type { Sessions } from '../sessions/sessions.ts';
import { deliveries, peerDevices } from '../store/tables.ts';
import { decideHealing } from './healing.ts';
import type { HealingDecision } from './healing.ts';
import type { Way } from './memo.ts';
import { deliveryKey, note, putDelivery, unseal } from './rows.ts';

interface Watched {
  readonly way: Way;
  readonly acceptedAt: number;
  /** When its device was first heard from after that; not stored: after a restart the longer deadline holds. */
  heardAt: number | null;
}

/** Watches what was accepted and not confirmed, and sends it anew in a new session when its time has come. */
export class Healer {
  readonly #core: Core;
  readonly #sessions: Sessions;
  readonly #resend: (way: Way) => void;
  readonly #watched = new Map<string, Watched>();
  readonly #alarm: Alarm;

  constructor(core: Core, sessions: Sessions, resend: (way: Way) => void) {
    this.#core = core;
    this.#sessions = sessions;
    this.#resend = resend;
    this.#alarm = new Alarm(core, () => this.check());
  }

  watch(way: Way): void {
    const key = deliveryKey(way.message, way.device);
    if (way.acceptedAt === null) {
      this.#watched.delete(key);
      return;
    }
    const known = this.#watched.get(key);
    if (known?.acceptedAt === way.acceptedAt) return;
    const watched = { way, acceptedAt: way.acceptedAt, heardAt: null };
    this.#watched.set(key, watched);
    const decision = this.#decide(watched);
    this.#alarm.set(decision.kind === 'wait' ? decision.until : this.#core.clock.now());
  }

  forget(message: MessageRef): void {
    for (const [key, { way }] of this.#watched) if (way.message === message) this.#watched.delete(key);
  }

  /** A device sent something: it was there, so it should have had the time to confirm. */
  heard(account: AccountRef, device: string): void {
    const now = this.#core.clock.now();
    for (const watched of this.#watched.values()) {
      if (watched.way.account !== account || watched.way.device !== device || watched.heardAt !== null) continue;
      watched.heardAt = now;
      const decision = this.#decide(watched);
      if (decision.kind === 'wait') this.#alarm.set(decision.until);
    }
  }

  check(): void {
    if (this.#core.background.closing) return;
    for (const watched of Array.from(this.#watched.values())) {
      const decision = this.#decide(watched);
      if (decision.kind === 'wait') this.#alarm.set(decision.until);
      else this.#heal(watched.way, decision.kind === 'reset-and-resend');
    }
  }

  close(): void {
    this.#alarm.clear();
  }

  #decide({ way, acceptedAt, heardAt }: Watched): HealingDecision {
    const { clock, settings, ledger } = this.#core;
    const { current, resetAt } = ledger.read((read) => ({
      current: currentSession(read, way.device),
      resetAt: Number(peerDevices.get(read, way.device)?.resetAt ?? 0n),
    }));
    return decideHealing(
      { acceptedAt, heardAt, heals: way.heals, inCurrentSession: current === way.session },
      { ...settings, now: clock.now(), resetAt: resetAt === 0 ? null : resetAt },
    );
  }

  #heal(way: Way, reset: boolean): void {
    const key = deliveryKey(way.message, way.device);
    this.#watched.delete(key);
    const healed = this.#core.ledger.commit((tx) => {
      const row = deliveries.get(tx.write, key);
      if (row === null || row.state !== StoredDelivery_State.ACCEPTED) return false;
      if (reset) this.#sessions.retire(tx, accountId(row.account), deviceId(row.device));
      unseal(row, 'healing');
      row.heals++;
      putDelivery(tx, row);
      note(tx, this.#core, way.message, 'healing', way.device);
      return true;
    });
    if (healed) this.#resend(way);
  }
}
