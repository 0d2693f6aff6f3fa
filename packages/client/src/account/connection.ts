import { GatewayApiError } from '@sotto/gateway-api';
import type { GatewayTransport } from '@sotto/gateway-api';
import type { Incoming, TransportState } from '@sotto/transport';
import { sleep } from '@sotto/transport';
import { backoffMs } from '../outbox/backoff.ts';
import { Alarm } from '../core/alarm.ts';
import type { Core } from '../core/core.ts';
import type { ConnectionState } from './types.ts';

export interface ConnectionParts {
  readonly core: Core;
  readonly transport: GatewayTransport;
  readonly sink: (incoming: Incoming) => Promise<void>;
  /** The own gateway can be reached (again). */
  readonly onOnline: () => void;
  /** The gateway says that this device was revoked. */
  readonly onRevoked: () => void;
}

/** Receiving, for as long as the messenger is open, and telling how that stands. */
export class Connection {
  readonly #parts: ConnectionParts;
  #state: ConnectionState = 'offline';
  #received = 0;
  /** Ends the present round of receiving, so that the next one brings what stayed at the gateway. */
  #round = new AbortController();
  #failures = 0;
  readonly #again: Alarm;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.#again = new Alarm(parts.core, () => this.#round.abort());
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Starts receiving; ends when the messenger closes. */
  open(): void {
    const { core, transport } = this.#parts;
    transport.onState((state) => this.#become(state));
    core.background.start((signal) => this.#receive(signal));
  }

  async #receive(signal: AbortSignal): Promise<void> {
    const { core, transport, onRevoked } = this.#parts;
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        this.#round = new AbortController();
        await transport.receive((incoming) => this.#sink(incoming), {
          signal: AbortSignal.any([signal, this.#round.signal]),
          inFlight: core.settings.inFlight,
          onCaughtUp: () => this.#caughtUp(),
        });
      } catch (cause) {
        if (signal.aborted) return;
        if (cause instanceof GatewayApiError && cause.code === 'revoked') {
          onRevoked();
          return;
        }
        core.background.report(cause);
      }
      if (this.#round.signal.aborted) continue;
      const { retryBaseMs: baseMs, retryMostMs: mostMs } = core.settings;
      const wait = backoffMs(failures, { baseMs, mostMs, random: core.random() });
      await sleep(core.clock, wait, signal).catch(() => undefined);
    }
  }

  async #sink(incoming: Incoming): Promise<void> {
    try {
      await this.#parts.sink(incoming);
    } catch (cause) {
      // It stays at the gateway and comes again.
      this.#parts.core.background.report(cause);
      this.#askAgain();
      throw cause;
    }
    this.#failures = 0;
    this.#received++;
  }

  /** A gateway hands over each envelope once in a connection: without another one, what failed would stay there. */
  #askAgain(): void {
    const { core } = this.#parts;
    if (core.background.closing) return;
    this.#failures++;
    const { retryBaseMs: baseMs, retryMostMs: mostMs } = core.settings;
    this.#again.set(core.clock.now() + backoffMs(this.#failures, { baseMs, mostMs, random: core.random() }));
  }

  close(): void {
    this.#again.clear();
  }

  #become(state: TransportState): void {
    const { core, onOnline } = this.#parts;
    if (state.kind === this.#state || core.background.closing) return;
    const before = this.#state;
    this.#state = state.kind;
    core.events.emit({ type: 'connection-changed', state: state.kind });
    const peer = { kind: 'gateway', address: core.own.gateway } as const;
    if (state.kind === 'online') {
      this.#received = 0;
      core.events.emit({ type: 'peer-connected', ...peer });
      core.events.emit({ type: 'offline-sync-started', address: peer.address });
      onOnline();
    } else if (before === 'online') {
      core.events.emit({ type: 'peer-disconnected', ...peer });
    }
  }

  #caughtUp(): void {
    const { core } = this.#parts;
    if (core.background.closing) return;
    core.events.emit({ type: 'offline-sync-finished', address: core.own.gateway, received: this.#received });
  }
}
