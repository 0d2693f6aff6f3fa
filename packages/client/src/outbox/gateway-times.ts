import type { GatewayTransport } from '@sotto/gateway-api';
import { GatewayApiError } from '@sotto/gateway-api';
import type { Clock } from '@sotto/transport';
import { roundExpiry } from '@sotto/wire';

/** Gateways take expiries up to an hour beyond what they keep. */
const FAR_MS = 3_600_000;

interface GatewayTime {
  /** What has to be added to the own clock to get the gateway's, ms. */
  readonly aheadMs: number;
  /** How long it keeps messages, ms. */
  readonly keepsMs: number;
}

/**
 * Clocks and retention of gateways that refused an envelope because of its expiry: one of the two clocks is wrong, or
 * the gateway keeps messages for a shorter time than they live here. Others are never asked.
 */
export class GatewayTimes {
  readonly #transport: GatewayTransport;
  readonly #clock: Clock;
  readonly #known = new Map<string, GatewayTime>();

  constructor(transport: GatewayTransport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
  }

  /** Asks a gateway what time it is; without an answer everything stays as it is. */
  async ask(gateway: string, signal: AbortSignal): Promise<void> {
    try {
      const { now, limits } = await this.#transport.directory(gateway).info({ signal });
      this.#known.set(gateway, { aheadMs: now - this.#clock.now(), keepsMs: limits.retentionSeconds * 1000 });
    } catch (cause) {
      if (!(cause instanceof GatewayApiError)) throw cause;
    }
  }

  /** Whether its clock and the own one are so far apart that expiries are refused. */
  differs(gateway: string): boolean {
    return Math.abs(this.#known.get(gateway)?.aheadMs ?? 0) >= FAR_MS;
  }

  /** An envelope's expiry (Unix seconds, by the gateway's clock) for a content that lives until `until` (own clock, ms). */
  expiryAt(gateway: string, until: number): number {
    const known = this.#known.get(gateway);
    if (known === undefined) return roundExpiry(until / 1000);
    const now = this.#clock.now();
    return roundExpiry((now + known.aheadMs + Math.min(until - now, known.keepsMs)) / 1000);
  }
}
