import { Agent } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Clock } from '@sotto/transport';
import type { GatewayAddress } from '@sotto/wire';
import { GatewayApiError } from './error.ts';
import { openTls } from './tls.ts';

/** Transfers at once to one gateway; more wait for their turn. */
const SOCKETS = 4;
/** ms an idle connection is kept for the next transfer. */
const IDLE_MS = 10_000;
/** ms for TCP and TLS. */
const CONNECT_MS = 10_000;

/**
 * HTTP/1.1 connections to the gateway that an address pins, and to no other. Not HTTP/2: bulk bytes gain nothing from
 * its frames, and here each transfer has the whole connection for itself.
 */
export class PinnedAgent extends Agent {
  readonly #address: GatewayAddress;
  readonly #clock: Clock;
  readonly #closing = new AbortController();

  constructor(address: GatewayAddress, clock: Clock) {
    super({ keepAlive: true, maxSockets: SOCKETS, maxFreeSockets: 1, timeout: IDLE_MS });
    this.#address = address;
    this.#clock = clock;
  }

  /** For node:http. */
  override createConnection(_: object, connected: (error: Error | null, socket: Duplex) => void): undefined {
    const deadline = new AbortController();
    const cancel = this.#clock.after(CONNECT_MS, () => {
      deadline.abort(new GatewayApiError('unreachable', 'the gateway does not answer'));
    });
    const signal = AbortSignal.any([deadline.signal, this.#closing.signal]);
    openTls(this.#address, () => this.#clock.now(), signal, 'http/1.1')
      .finally(cancel)
      .then(
        (socket) => connected(null, socket),
        // node:http wants a socket beside an error only in its types.
        (error: unknown) => connected(error as Error, undefined as unknown as Duplex),
      );
  }

  /** Ends connections being made and idle ones; those in use end with their requests. */
  override destroy(): void {
    this.#closing.abort(new GatewayApiError('closed', 'the connection was closed'));
    super.destroy();
  }
}
