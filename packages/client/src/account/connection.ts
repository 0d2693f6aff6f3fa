import { GatewayApiError } from '@sotto/gateway-api';
import type { GatewayApiErrorCode, GatewayTransport } from '@sotto/gateway-api';
import type { Incoming, TransportState } from '@sotto/transport';
import { sleep } from '@sotto/transport';
import { backoffMs } from '../outbox/backoff.ts';
import { Alarm } from '../core/alarm.ts';
import type { Core } from '../core/core.ts';
import type { Standing } from './standing.ts';
import type { ConnectionState } from './types.ts';

export interface ConnectionParts {
  readonly core: Core;
  readonly transport: GatewayTransport;
  /** `waited`: it was at the gateway before this device was connected. */
  readonly sink: (incoming: Incoming, waited: boolean) => Promise<void>;
  readonly standing: Standing;
  /** The own gateway can be reached (again), and nothing stands against sending. */
  readonly onOnline: () => void;
  /** This device was revoked. */
  readonly onRevoked: () => void;
}

/** Receiving, for as long as the messenger is open, and telling how that stands. */
export class Connection {
  readonly #parts: ConnectionParts;
  #state: ConnectionState = 'offline';
  #received = 0;
  /** What comes now had been waiting at the gateway. */
  #isCatchingUp = true;
  /** Ends the present round of receiving, so that the next one brings what stayed at the gateway. */
  #round = new AbortController();
  #failures = 0;
  #rounds = 0;
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
        const code = cause instanceof GatewayApiError ? cause.code : null;
        const turn = code === null ? code : await this.#judge(code, signal);
        if (turn === 'revoked') {
          onRevoked();
          return;
        }
        if (turn === 'registered') {
          failures = 0;
          continue;
        }
        core.background.report(cause);
      }
      if (this.#round.signal.aborted) continue;
      const { retryBaseMs: baseMs, retryMostMs: mostMs } = core.settings;
      const wait = backoffMs(failures, { baseMs, mostMs, random: core.random() });
      await sleep(core.clock, wait, signal).catch(() => undefined);
    }
  }

  async #judge(code: GatewayApiErrorCode, signal: AbortSignal): Promise<'registered' | 'refused' | 'revoked'> {
    const { standing } = this.#parts;
    try {
      if (code === 'revoked') return await standing.hearRevoked(signal);
      return code === 'unauthenticated' ? await standing.comeBack(signal) : 'refused';
    } catch (cause) {
      this.#parts.core.background.report(cause);
      return 'refused';
    }
  }

  async #sink(incoming: Incoming): Promise<void> {
    try {
      await this.#parts.sink(incoming, this.#isCatchingUp);
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
    this.#parts.core.clearance.open();
  }

  #become(state: TransportState): void {
    const { core, standing } = this.#parts;
    if (state.kind === this.#state || core.background.closing) return;
    const before = this.#state;
    this.#state = state.kind;
    core.events.emit({ type: 'connection-changed', state: state.kind });
    const peer = { kind: 'gateway', address: core.own.gateway } as const;
    if (state.kind === 'online') {
      this.#received = 0;
      this.#isCatchingUp = true;
      core.events.emit({ type: 'peer-connected', ...peer });
      core.events.emit({ type: 'offline-sync-started', address: peer.address });
      core.clearance.shut();
      const round = ++this.#rounds;
      core.background.start((signal) => this.#greet(round, signal));
      return;
    }
    standing.witness.offline();
    // Other gateways may be in reach while the own one is not: nothing waits for it for ever.
    if (state.kind === 'offline') core.clearance.open();
    if (before === 'online') core.events.emit({ type: 'peer-disconnected', ...peer });
  }

  /** Before anything is sent: is this vault still the one that was here last, and the gateway the one it was? */
  async #greet(round: number, signal: AbortSignal): Promise<void> {
    const { core, standing, onOnline } = this.#parts;
    try {
      await standing.check(signal);
    } catch (cause) {
      if (signal.aborted) return;
      // A connection that has broken says so itself; else it is told, and nothing is held up by it.
      core.background.report(cause);
    }
    if (signal.aborted || round !== this.#rounds || this.#state !== 'online') return;
    core.clearance.open();
    onOnline();
  }

  #caughtUp(): void {
    this.#isCatchingUp = false;
    const { core } = this.#parts;
    if (core.background.closing) return;
    core.events.emit({ type: 'offline-sync-finished', address: core.own.gateway, received: this.#received });
  }
}
