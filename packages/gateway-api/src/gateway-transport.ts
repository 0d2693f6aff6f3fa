import { sleep } from '@sotto/transport';
import type { Delivery, DeliveryOutcome, ReceiveOptions, RefusalCode, Sink, TransportState } from '@sotto/transport';
import { backOff } from './back-off.ts';
import { connectBlobs } from './blob-connection.ts';
import type { BlobConnection } from './blob-types.ts';
import { connectDevice } from './device-connection.ts';
import { GatewayApiError } from './error.ts';
import { toGatewayApiError } from './error-mapping.ts';
import { followLogs } from './log-follower.ts';
import type { FollowOptions, LogFollower, LogSink } from './log-types.ts';
import { ConnectionPool } from './pool.ts';
import type { GatewayTransport, GatewayTransportOptions } from './transport-types.ts';
import type { DeviceConnection, GatewayConnection, PrekeyStock } from './types.ts';

const CONNECTIONS = 8;
/** ms for a post, connecting included. */
const POST_MS = 15_000;
/** ms a stream must have lived for the next back-off to begin anew. */
const STABLE_MS = 10_000;

const REFUSALS: readonly string[] = [
  'malformed',
  'unsupported-version',
  'too-large',
  'not-found',
  'mailbox-full',
  'capability',
  'quota',
  'rate-limited',
  'expired',
  'revoked',
  'unavailable',
] satisfies RefusalCode[];

/** Envelopes through gateways; see `GatewayTransport`. Throws `GatewayApiError` `malformed` for a wrong address. */
export function createGatewayTransport(options: GatewayTransportOptions): GatewayTransport {
  return new Gateways(options);
}

class Gateways implements GatewayTransport {
  readonly kind = 'gateway';
  readonly device: DeviceConnection;
  readonly #options: GatewayTransportOptions;
  readonly #pool: ConnectionPool;
  readonly #blobs = new Map<string, BlobConnection>();
  readonly #closing = new AbortController();
  readonly #stateListeners = new Set<(state: TransportState) => void>();
  readonly #stockListeners = new Set<(stock: PrekeyStock) => void>();
  readonly #followers = new Set<LogFollower>();
  #state: TransportState = { kind: 'offline' };

  constructor(options: GatewayTransportOptions) {
    this.#options = options;
    this.device = connectDevice(options.device);
    this.#pool = new ConnectionPool(options.device.clock, options.connections ?? CONNECTIONS, options.device.network);
  }

  get state(): TransportState {
    return this.#state;
  }

  onState(listener: (state: TransportState) => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  onLowPrekeys(listener: (stock: PrekeyStock) => void): () => void {
    this.#stockListeners.add(listener);
    return () => this.#stockListeners.delete(listener);
  }

  directory(address: string): GatewayConnection {
    return this.#pool.get(address);
  }

  blobs(address: string): BlobConnection {
    const known = this.#blobs.get(address);
    if (known !== undefined) return known;
    // One that transfers nothing holds no sockets: there is nothing to evict.
    const connection = connectBlobs({ address, clock: this.#options.device.clock });
    this.#blobs.set(address, connection);
    return connection;
  }

  followLogs(address: string, sink: LogSink, options: FollowOptions = {}): LogFollower {
    const { clock, network } = this.#options.device;
    const { random } = this.#options;
    const follower = followLogs({
      address,
      clock,
      random,
      sink,
      ...options,
      ...(network === undefined ? {} : { network }),
    });
    this.#followers.add(follower);
    const stop = follower.onState(({ kind }) => {
      if (kind !== 'closed') return;
      stop();
      this.#followers.delete(follower);
    });
    return follower;
  }

  async deliver({ destination, envelope }: Delivery, signal?: AbortSignal): Promise<DeliveryOutcome> {
    if (this.#closing.signal.aborted) return { kind: 'unreachable' };
    const callOptions = { deadlineMs: POST_MS, ...(signal === undefined ? {} : { signal }) };
    try {
      const { duplicate } = await this.#pool.with(destination.gateway, (connection) =>
        connection.post(envelope, destination.admission, callOptions),
      );
      return { kind: 'accepted', duplicate };
    } catch (error) {
      return outcomeOf(toGatewayApiError(error));
    }
  }

  async receive(sink: Sink, { signal, inFlight, onCaughtUp }: ReceiveOptions): Promise<void> {
    const { clock } = this.#options.device;
    const ending = AbortSignal.any([signal, this.#closing.signal]);
    for (let attempt = 1; !ending.aborted; attempt++) {
      this.#become({ kind: 'connecting', attempt });
      const began = clock.now();
      let lived = false;
      try {
        await this.device.stream(
          {
            onArrival: ({ envelope, queue, storedAt }) => sink({ envelope, queue, storedAt }),
            onOpen: () => {
              lived = true;
              this.#become({ kind: 'online' });
            },
            onCaughtUp: () => onCaughtUp?.(),
            onLowPrekeys: (stock) => {
              for (const listener of this.#stockListeners) listener(stock);
            },
          },
          { signal: ending, inFlight },
        );
      } catch (error) {
        const known = toGatewayApiError(error);
        if (!ending.aborted && isFinal(known)) {
          this.#become({ kind: 'offline' });
          throw known;
        }
      }
      if (lived && clock.now() - began >= STABLE_MS) attempt = 0;
      if (ending.aborted) break;
      this.#become({ kind: 'offline' });
      await sleep(clock, backOff(attempt + 1, this.#options.random), ending).catch(() => undefined);
    }
    this.#become({ kind: 'offline' });
  }

  async close(): Promise<void> {
    this.#closing.abort(new GatewayApiError('closed', 'the transport was closed'));
    this.#become({ kind: 'closed' });
    const blobs = [...this.#blobs.values()].map((connection) => connection.close());
    const following = [...this.#followers].map((follower) => follower.close());
    await Promise.all([this.device.close(), this.#pool.close(), ...blobs, ...following]);
  }

  #become(state: TransportState): void {
    if (this.#state.kind === 'closed' || (state.kind === this.#state.kind && state.kind !== 'connecting')) return;
    this.#state = state;
    for (const listener of this.#stateListeners) listener(state);
  }
}

/** Trying again would say the same: the owner of the device has to do something. */
function isFinal({ code }: GatewayApiError): boolean {
  return code === 'revoked' || code === 'unauthenticated' || code === 'closed';
}

function outcomeOf({ code, retryAfterMs }: GatewayApiError): DeliveryOutcome {
  // A request token that the gateway does not know is a way in that does not open, like a capability.
  const refusal = code === 'unauthenticated' ? 'capability' : code === 'forbidden' ? 'malformed' : code;
  if (!isRefusal(refusal)) return { kind: 'unreachable' };
  return { kind: 'refused', code: refusal, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function isRefusal(code: string): code is RefusalCode {
  return REFUSALS.includes(code);
}
