import { randomBytes } from 'node:crypto';
import { nativeProvider } from '@sotto/crypto';
import { createSocketlessGateway, DEFAULT_LIMITS, DEFAULT_RATES, openEmbeddedStore } from '@sotto/gateway';
import type { EmbeddedStore, SocketlessGateway } from '@sotto/gateway';
import type { Channel, Network } from '@sotto/gateway-api';
import type { Clock } from '@sotto/transport';

const provider = nativeProvider();

/** Logs of groups as a real gateway keeps them, in memory: one set of rules. */
export class MemoryLogs {
  readonly #clock: Clock;
  #opened: { readonly store: EmbeddedStore; readonly gateway: SocketlessGateway } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whatever accounts there are, this one is one of them. */
  async create(account: Uint8Array, log: Uint8Array, epochKey: Uint8Array): Promise<void> {
    const { directory, groupLogs } = this.#open().store;
    if ((await directory.chain(account, 0)) === null) {
      await directory.writeChain({ account, expected: 0, added: [{ sequence: 0, bytes: randomBytes(8) }], active: [] });
    }
    await groupLogs.create(account, log, epochKey);
  }

  /** Connections of one device; `reachable` throws when it has none. */
  network(caller: string, reachable: () => void): Network {
    return {
      open: () => {
        reachable();
        return Promise.resolve(this.#channel(caller, reachable));
      },
    };
  }

  /** Everything that a log keeps, in its order. */
  async entries(log: Uint8Array): Promise<readonly { readonly position: number; readonly entry: Uint8Array }[]> {
    const page = await this.#open().store.groupLogs.read(log, 0, 10_000, Infinity);
    return page?.records ?? [];
  }

  close(): void {
    this.#opened?.gateway.stop();
    this.#opened?.store.close();
    this.#opened = undefined;
  }

  #open() {
    const limits = { ...DEFAULT_LIMITS, memoryBytes: Infinity };
    this.#opened ??= (() => {
      const store = openEmbeddedStore({
        file: ':memory:',
        clock: this.#clock,
        limits,
        provider,
        onFailure: (error) => {
          throw error;
        },
      });
      const gateway = createSocketlessGateway({
        provider,
        clock: this.#clock,
        store,
        identity: new Uint8Array(32),
        limits,
        rates: DEFAULT_RATES,
        registration: { kind: 'open' },
        registrationCodes: [],
      });
      return { store, gateway };
    })();
    return this.#opened;
  }

  #channel(caller: string, reachable: () => void): Channel {
    const ended: (() => void)[] = [];
    const destroyed = new AbortController();
    const end = (): void => {
      for (const listener of ended) listener();
    };
    const channelBinding = randomBytes(32);
    const call = this.#open().gateway.connect({
      caller,
      multiplexed: true,
      binding: () => channelBinding,
      close: end,
    });
    return {
      channelBinding,
      async exchange(request) {
        reachable();
        const signal = AbortSignal.any([destroyed.signal, ...(request.signal === undefined ? [] : [request.signal])]);
        const served = { ...request, httpVersion: '2.0', signal, body: request.body ?? empty() };
        const response = await call({ request: served, reset: end });
        const body = response.body === undefined || 'byteLength' in response.body ? empty() : response.body;
        return {
          status: response.status,
          header: response.header ?? new Headers(),
          trailer: response.trailer ?? new Headers(),
          body: untilAborted(whileReachable(body, reachable, end), signal),
        };
      },
      ping: (onPong) => {
        queueMicrotask(onPong);
        return true;
      },
      onEnd: (listener) => void ended.push(listener),
      destroy: (error) => {
        destroyed.abort(error);
        end();
      },
    };
  }
}

async function* empty(): AsyncGenerator<Uint8Array> {}

async function* whileReachable(
  body: AsyncIterable<Uint8Array>,
  reachable: () => void,
  end: () => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    try {
      reachable();
    } catch (error) {
      end();
      throw error;
    }
    yield chunk;
  }
}

/** What is waited for ends with the connection, as it does over a socket. */
async function* untilAborted(body: AsyncIterable<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const over = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
  over.catch(() => undefined);
  const chunks = body[Symbol.asyncIterator]();
  for (;;) {
    signal.throwIfAborted();
    const chunk = await Promise.race([chunks.next(), over]);
    if (chunk.done === true) return;
    yield chunk.value;
  }
}
