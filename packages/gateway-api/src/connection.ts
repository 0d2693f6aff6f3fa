import type { Transport as ConnectTransport } from '@connectrpc/connect';
import type { UniversalClientRequest, UniversalClientResponse } from '@connectrpc/connect/protocol';
import { createTransport } from '@connectrpc/connect/protocol-connect';
import type { GatewayAddress } from '@sotto/wire';
import type { Clock } from '@sotto/transport';
import { authorityOf } from './authority.ts';
import { untilAborted } from './calls.ts';
import { GatewayApiError } from './error.ts';
import type { Channel, Network } from './network.ts';

/** ms for TCP and TLS. */
const CONNECT_MS = 10_000;
/** ms for the answer of a connection that is in doubt. */
const PONG_MS = 3000;
/** Largest answer: a poll's page, a chain. */
const READ_BYTES = 8 * 1024 * 1024;
/** Largest request: prekeys of a device. Far above what any of them is. */
const WRITE_BYTES = 8 * 1024 * 1024;

/** A connection to one gateway that opens when it is needed and again after it broke. */
export class Connection {
  /** For `createClient`. */
  readonly transport: ConnectTransport;
  readonly clock: Clock;
  readonly #address: GatewayAddress;
  readonly #network: Network;
  readonly #closing = new AbortController();
  #channel: Channel | undefined;
  #opening: Promise<Channel> | undefined;
  #doubted: Channel | undefined;

  constructor(address: GatewayAddress, clock: Clock, network: Network) {
    this.#address = address;
    this.clock = clock;
    this.#network = network;
    this.transport = createTransport({
      baseUrl: authorityOf(address),
      httpClient: (request) => this.#exchange(request),
      useBinaryFormat: true,
      interceptors: [],
      acceptCompression: [],
      sendCompression: null,
      compressMinBytes: 1024,
      readMaxBytes: READ_BYTES,
      writeMaxBytes: WRITE_BYTES,
    });
  }

  /** The channel in use, if there is one. */
  get current(): Channel | undefined {
    return this.#channel;
  }

  /** The channel in use, or a new one; callers share one attempt. */
  async open(): Promise<Channel> {
    if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
    if (this.#channel !== undefined) return this.#channel;
    this.#opening ??= this.#connect().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  /**
   * Asks whether the other side is still there, and drops the connection if nothing comes back: after a change of
   * networks TCP itself takes a quarter of an hour to notice, and until then every call would go nowhere.
   */
  doubt(): void {
    const channel = this.#channel;
    if (channel === undefined || this.#doubted === channel) return;
    this.#doubted = channel;
    const settle = (): void => {
      if (this.#doubted === channel) this.#doubted = undefined;
    };
    const cancel = this.clock.after(PONG_MS, () => {
      settle();
      if (this.#channel === channel) this.#channel = undefined;
      channel.destroy(new GatewayApiError('unreachable', 'the gateway has fallen silent'));
    });
    const asked = channel.ping(() => {
      cancel();
      settle();
    });
    // A channel that takes no more pings is at its end already.
    if (!asked) settle();
  }

  /** Ends everything under way with `closed`. */
  close(): void {
    this.#closing.abort(new GatewayApiError('closed', 'the connection was closed'));
    // With an error: streams of a channel that is destroyed without one may never tell whoever waits for them.
    this.#channel?.destroy(new GatewayApiError('closed', 'the connection was closed'));
    this.#channel = undefined;
  }

  async #exchange(request: UniversalClientRequest): Promise<UniversalClientResponse> {
    const { signal } = request;
    const channel = await (signal === undefined ? this.open() : untilAborted(this.open(), signal));
    return channel.exchange(request);
  }

  async #connect(): Promise<Channel> {
    const deadline = new AbortController();
    const cancel = this.clock.after(CONNECT_MS, () => {
      deadline.abort(new GatewayApiError('unreachable', 'the gateway does not answer'));
    });
    const signal = AbortSignal.any([deadline.signal, this.#closing.signal]);
    try {
      const channel = await this.#network.open(this.#address, { clock: this.clock, signal });
      channel.onEnd(() => {
        if (this.#channel === channel) this.#channel = undefined;
      });
      this.#channel = channel;
      return channel;
    } finally {
      cancel();
    }
  }
}
