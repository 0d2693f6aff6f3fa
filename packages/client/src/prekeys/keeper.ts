import type { RecordChange } from '@sotto/engine';
import type { GatewayTransport } from '@sotto/gateway-api';
import { prekeyPlan, readInventory, withMade, without, withUploaded, writeInventory } from '@sotto/vault';
import type { PrekeyPlan, PrekeyStock, VaultWriter, WaitingPrekey } from '@sotto/vault';
import { Chore } from '../core/chore.ts';
import type { Core } from '../core/core.ts';
import { accounts, SELF } from '../store/tables.ts';

const LASTING: ReadonlySet<string> = new Set(['signed', 'last-resort-kem', 'sealing']);

/** Takes prekeys that first messages used up out of the inventory. */
export function noteSpent(write: VaultWriter, changed: readonly RecordChange[]): void {
  const spent = changed.flatMap(({ name, bytes }) => (bytes === null ? (SPENT.exec(name)?.[1] ?? []) : []));
  if (spent.length > 0) writeInventory(write, without(readInventory(write), new Set(spent.map(Number))));
}

const NONE: PrekeyStock = { oneTime: 0, oneTimeKem: 0 };

const SPENT = /^prekey\/(\d+)$/;

/** A plan that is carried out makes the next one empty; more rounds mean that something does not hold. */
const MOST_ROUNDS = 4;

/**
 * Keeps prekeys fresh and in stock: made in one transaction with the inventory, uploaded until the gateway has
 * confirmed, private halves deleted when their time is over.
 */
export class PrekeyKeeper {
  readonly chore: Chore;
  readonly #core: Core;
  readonly #transport: GatewayTransport;
  #stock: PrekeyStock | null = null;

  constructor(core: Core, transport: GatewayTransport) {
    this.#core = core;
    this.#transport = transport;
    this.chore = new Chore(core, (signal) => this.settle(signal));
    core.bells.on('prekeys', () => this.chore.kick());
    transport.onLowPrekeys((stock) => {
      this.#stock = stock;
      core.events.emit({ type: 'prekeys-low', ...stock });
      this.chore.kick();
    });
  }

  /** What the gateway last told. */
  get stock(): PrekeyStock | null {
    return this.#stock;
  }

  /** Carries out what is due. Throws `GatewayApiError`, `EngineError`. */
  async settle(signal: AbortSignal): Promise<void> {
    const rotatedAt = this.#core.ledger.read((read) => readInventory(read).rotatedAt);
    if (this.#stock === null && rotatedAt !== null) this.#stock = await this.#transport.device.prekeyStock({ signal });
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const plan = this.#plan();
      if (plan.make !== null) await this.#make(plan.make);
      if (plan.upload.length > 0) await this.#upload(plan.upload, signal);
      if (plan.remove.length > 0) await this.#remove(plan.remove);
      if (plan.make === null && plan.upload.length === 0 && plan.remove.length === 0) {
        if (plan.nextAt !== null) this.chore.kickAt(plan.nextAt);
        return;
      }
    }
  }

  #plan(): PrekeyPlan {
    return this.#core.ledger.read((read) => {
      const stock = accounts.need(read, SELF).prekeysStale ? NONE : this.#stock;
      return prekeyPlan(readInventory(read), stock, this.#core.clock.now());
    });
  }

  async #make({ lasting, oneTime, firstId }: NonNullable<PrekeyPlan['make']>): Promise<void> {
    const now = this.#core.clock.now();
    await this.#core.engine.perform<'create-prekeys', void>({
      request: { kind: 'create-prekeys', lasting, oneTime, firstId, now },
      records: ['device/keys'],
      commit: ({ write }, made) => {
        writeInventory(write, withMade(readInventory(write), [...made.lasting, ...made.oneTime], now));
      },
    });
  }

  async #upload(waiting: readonly WaitingPrekey[], signal: AbortSignal): Promise<void> {
    const lasting = waiting.filter(({ kind }) => LASTING.has(kind)).map(({ entry }) => entry);
    const oneTime = waiting.filter(({ kind }) => !LASTING.has(kind)).map(({ entry }) => entry);
    const replace = this.#core.own.row().prekeysStale;
    this.#stock = await this.#transport.device.uploadPrekeys({ lasting, oneTime, replace }, { signal });
    const ids = new Set(waiting.map(({ id }) => id));
    this.#core.ledger.commit((tx) => {
      writeInventory(tx.write, withUploaded(readInventory(tx.write), ids));
      if (!replace) return;
      this.#core.own.update(tx, (row) => {
        row.prekeysStale = false;
      });
    });
  }

  async #remove(ids: readonly number[]): Promise<void> {
    await this.#core.engine.perform<'delete-prekeys', void>({
      request: { kind: 'delete-prekeys', ids },
      records: [],
      commit: ({ write }) => writeInventory(write, without(readInventory(write), new Set(ids))),
    });
  }
}
