import type { Clock } from '@sotto/transport';
import { connectGateway } from './gateway-connection.ts';
import type { Network } from './network.ts';
import type { GatewayConnection, GatewayOptions } from './types.ts';

interface Pooled {
  readonly connection: GatewayConnection;
  inUse: number;
}

/** Anonymous connections by gateway address; at most `limit` idle ones, the least recently used goes first. */
export class ConnectionPool {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #network: Network | undefined;
  /** In the order of last use. */
  readonly #pooled = new Map<string, Pooled>();

  constructor(clock: Clock, limit: number, network?: Network) {
    this.#clock = clock;
    this.#limit = limit;
    this.#network = network;
  }

  /** Throws `GatewayApiError` `malformed`. */
  get(address: string): GatewayConnection {
    return this.#touch(address).connection;
  }

  /** Runs `use` with a connection that is not closed meanwhile. */
  async with<T>(address: string, use: (connection: GatewayConnection) => Promise<T>): Promise<T> {
    const pooled = this.#touch(address);
    pooled.inUse++;
    try {
      return await use(pooled.connection);
    } finally {
      pooled.inUse--;
    }
  }

  async close(): Promise<void> {
    const all = [...this.#pooled.values()];
    this.#pooled.clear();
    await Promise.all(all.map(({ connection }) => connection.close()));
  }

  #touch(address: string): Pooled {
    const known = this.#pooled.get(address);
    const pooled = known ?? { connection: connectGateway(this.#optionsFor(address)), inUse: 0 };
    this.#pooled.delete(address);
    this.#pooled.set(address, pooled);
    if (known === undefined) this.#evict(address);
    return pooled;
  }

  #optionsFor(address: string): GatewayOptions {
    const network = this.#network === undefined ? {} : { network: this.#network };
    return { address, clock: this.#clock, ...network };
  }

  #evict(except: string): void {
    for (const [address, pooled] of this.#pooled) {
      if (this.#pooled.size <= this.#limit) return;
      if (pooled.inUse > 0 || address === except) continue;
      this.#pooled.delete(address);
      void pooled.connection.close();
    }
  }
}
