import { create } from '@bufbuild/protobuf';
import type { GatewayTransport, KeyPackageStock } from '@sotto/gateway-api';
import type { VaultReader, VaultWriter } from '@sotto/vault';
import { equalBytes } from '@sotto/wire';
import { StoredKeyPackageStockSchema } from '@sotto/wire/stored';
import type { StoredKeyPackage, StoredKeyPackageStock } from '@sotto/wire/stored';
import { Chore } from '../core/chore.ts';
import type { Core } from '../core/core.ts';
import { keyPackageStock, SELF } from '../store/tables.ts';

/** Kept at the gateway; filled up when fewer than the second are left. */
const FULL = 40;
const LOW = 20;
/** Looked at again after this time: nobody tells that they are used up. */
const LOOK_MS = 6 * 3_600_000;
/** A last resort is replaced this long before it cannot be used any more. */
const RENEW_MS = 7 * 86_400_000;

/** Takes a key package that opened a Welcome out of stock. */
export function noteUsed(write: VaultWriter, ref: Uint8Array): void {
  const stock = readStock(write);
  stock.made = stock.made.filter((each) => !equalBytes(each.ref, ref));
  keyPackageStock.put(write, SELF, stock);
}

function readStock(read: VaultReader): StoredKeyPackageStock {
  return keyPackageStock.get(read, SELF) ?? create(StoredKeyPackageStockSchema);
}

/**
 * Keeps key packages at the gateway, so that this device can be added to groups while it is away: made in one
 * transaction with the list of them, uploaded until the gateway has confirmed, private halves deleted in time.
 */
export class KeyPackageKeeper {
  readonly chore: Chore;
  readonly #core: Core;
  readonly #transport: GatewayTransport;

  constructor(core: Core, transport: GatewayTransport) {
    this.#core = core;
    this.#transport = transport;
    this.chore = new Chore(core, (signal) => this.settle(signal));
    core.bells.on('keyPackages', () => this.chore.kick());
  }

  /** Carries out what is due. Throws `GatewayApiError`, `EngineError`. */
  async settle(signal: AbortSignal): Promise<void> {
    const now = this.#core.clock.now();
    await this.#expire(now);
    await this.#upload(signal);
    const stock = await this.#transport.device.keyPackageStock({ signal });
    await this.#make(stock, now);
    await this.#upload(signal);
    this.chore.kickAt(now + LOOK_MS);
  }

  async #make(stock: KeyPackageStock, now: number): Promise<void> {
    const { made } = this.#core.ledger.read(readStock);
    const lastResort = !made.some((each) => each.lastResort && Number(each.expiresAt) - RENEW_MS > now);
    const count = stock.oneTime < LOW ? FULL - stock.oneTime : 0;
    if (count === 0 && !lastResort && stock.lastResort) return;
    await this.#core.engine.perform<'create-key-packages', void>({
      request: {
        kind: 'create-key-packages',
        own: this.#core.own.identity(),
        gateway: this.#core.own.gateway,
        count,
        lastResort: lastResort || !stock.lastResort,
        now,
      },
      records: ['device/keys'],
      commit: ({ write }, { keyPackages }) => {
        const row = readStock(write);
        for (const each of keyPackages) {
          row.lastId++;
          row.made.push({
            $typeName: 'sotto.client.v1.StoredKeyPackage',
            ref: each.ref,
            package: each.keyPackage,
            expiresAt: BigInt(each.expiresAt),
            keptUntil: BigInt(each.keptUntil),
            lastResort: each.lastResort,
            id: row.lastId,
          });
        }
        keyPackageStock.put(write, SELF, row);
      },
    });
  }

  async #upload(signal: AbortSignal): Promise<void> {
    const waiting = this.#core.ledger.read(readStock).made.filter((each) => each.package.length > 0);
    if (waiting.length === 0) return;
    const oneTime = waiting.filter((each) => !each.lastResort).map(order);
    const last = waiting.filter((each) => each.lastResort).at(-1);
    await this.#transport.device.uploadKeyPackages(
      { oneTime, ...(last === undefined ? {} : { lastResort: order(last) }) },
      { signal },
    );
    const ids = new Set(waiting.map(({ id }) => id));
    this.#core.ledger.commit(({ write }) => {
      const row = readStock(write);
      for (const each of row.made) if (ids.has(each.id)) each.package = new Uint8Array(0);
      keyPackageStock.put(write, SELF, row);
    });
  }

  async #expire(now: number): Promise<void> {
    const old = this.#core.ledger.read(readStock).made.filter((each) => Number(each.keptUntil) < now);
    if (old.length === 0) return;
    await this.#core.engine.perform<'delete-key-packages', void>({
      request: { kind: 'delete-key-packages', refs: old.map(({ ref }) => ref) },
      records: [],
      commit: ({ write }) => {
        const row = readStock(write);
        row.made = row.made.filter((each) => !old.some(({ id }) => id === each.id));
        keyPackageStock.put(write, SELF, row);
      },
    });
  }
}

const order = ({ id, expiresAt, package: keyPackage }: StoredKeyPackage) => ({
  id,
  expiresAt: Math.floor(Number(expiresAt) / 1000),
  keyPackage,
});
