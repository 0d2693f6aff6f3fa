import type { VaultReader } from '@sotto/vault';
import { decodeContent } from '@sotto/wire';
import type { StoredMessage } from '@sotto/wire/stored';
import { Alarm } from '../core/alarm.ts';
import type { Core } from '../core/core.ts';
import { messageRef } from '../store/refs.ts';
import { messages } from '../store/tables.ts';
import { noteDown } from '../trail/store.ts';
import { tellNew } from './tell.ts';
import { HELD, writeMessage } from './placing.ts';

/**
 * Lets go of messages that were held back: when the earlier ones have come, or when their moment is over, and then they
 * are shown after a gap.
 */
export class HeldMessages {
  readonly #core: Core;
  readonly #alarm: Alarm;

  constructor(core: Core) {
    this.#core = core;
    this.#alarm = new Alarm(core, () => this.check());
    core.bells.on('held', () => this.check());
  }

  check(): void {
    if (this.#core.background.closing) return;
    const held = this.#core.ledger.read((read) => messages.find(read, 'held', HELD).map((entry) => entry.row));
    const now = this.#core.clock.now();
    // A message may wait for one that is let go in the same round: repeat until nothing moves.
    for (let moved = true; moved;) {
      moved = false;
      for (const row of held.filter((each) => each.heldUntil > 0n)) {
        const waits = this.#core.ledger.read((read) => awaits(read, row, held));
        if (waits && this.#isHeld(row, now)) continue;
        this.#release(row, waits);
        moved = true;
      }
    }
    for (const row of held) if (row.heldUntil > 0n) this.#alarm.set(Number(row.heldUntil));
  }

  close(): void {
    this.#alarm.clear();
  }

  /** For longer than it may be held: the clock was set back meanwhile. */
  #isHeld({ heldUntil }: StoredMessage, now: number): boolean {
    return Number(heldUntil) > now && Number(heldUntil) - now <= this.#core.settings.holdBackMs;
  }

  #release(row: StoredMessage, gap: boolean): void {
    row.heldUntil = 0n;
    this.#core.ledger.commit((tx) => {
      noteDown(tx, messageRef(row.id), this.#core.clock.now(), { code: gap ? 'gap' : 'released' });
      writeMessage(tx, row);
      tellNew(tx, this.#core, row);
    });
  }
}

/** Whether an earlier message is missing, or is itself held back. */
function awaits(read: VaultReader, row: StoredMessage, held: readonly StoredMessage[]): boolean {
  if (row.content.length === 0) return false;
  const waiting = new Set(held.filter((each) => each.heldUntil > 0n).map((each) => messageRef(each.id)));
  return decodeContent(row.content).parents.some((parent) => {
    const ref = messageRef(parent);
    return waiting.has(ref) || messages.get(read, ref) === null;
  });
}
