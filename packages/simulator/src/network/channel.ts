import { Code, ConnectError } from '@connectrpc/connect';
import type { UniversalClientRequest, UniversalClientResponse } from '@connectrpc/connect/protocol';
import type { Channel } from '@sotto/gateway-api';
import type { SocketlessCall, SocketlessGateway } from '@sotto/gateway';
import type { Process } from '../time/process.ts';
import { ByteStream } from './byte-stream.ts';
import { Lane } from './weather.ts';
import type { Way } from './weather.ts';

/** Bytes that one call's answer may have unread at the device, as HTTP/2's windows allow. */
const WINDOW_BYTES = 1024 * 1024;

export interface ChannelEnds {
  readonly way: Way;
  /** The device's program. */
  readonly device: Process;
  readonly gateway: Process;
  readonly service: SocketlessGateway;
  /** What rate limits count by. */
  readonly caller: string;
  readonly binding: Uint8Array;
  /** An instant at which the device may die: it is about to hand bytes over, or has just done so. */
  readonly onSend: () => void;
}

type Respond = (call: SocketlessCall) => ReturnType<ReturnType<SocketlessGateway['connect']>>;

/** One call under way. */
interface Exchange {
  readonly toGateway: ByteStream;
  readonly toDevice: ByteStream;
  /** Aborts the gateway's side. */
  readonly gatewaySide: AbortController;
  /** Tells the device's side, whatever it waits for. */
  readonly failDevice: (error: unknown) => void;
  answered: boolean;
}

/** A simulated connection: the calls of gateway-api on one side, the gateway's own handlers on the other, bytes between. */
export class SimulatedChannel implements Channel {
  readonly channelBinding: Uint8Array;
  readonly #ends: ChannelEnds;
  readonly #respond: Respond;
  readonly #up = new Lane();
  readonly #down = new Lane();
  readonly #exchanges = new Set<Exchange>();
  readonly #listeners: (() => void)[] = [];
  readonly #stopWatching: () => void;
  #broken: unknown = null;
  /** The gateway's side has noticed that it is over. */
  #over = false;

  constructor(ends: ChannelEnds) {
    this.#ends = ends;
    this.channelBinding = ends.binding;
    this.#respond = ends.service.connect({
      caller: ends.caller,
      multiplexed: true,
      binding: () => ends.binding,
      close: () => this.#hangUp('the gateway closed the connection'),
    });
    ends.gateway.onEnd(() => this.#hangUp('the gateway is gone'));
    ends.device.onEnd(() => {
      this.#broken ??= new Error('the device is gone');
      ends.way.carry(this.#up, () => this.#endGatewaySide());
    });
    this.#stopWatching = ends.way.onChange(({ kind }) => {
      if (kind !== 'cut') return;
      this.#endGatewaySide();
      this.#breakDeviceSide(unavailable('the connection broke'));
    });
  }

  readonly exchange = async (request: UniversalClientRequest): Promise<UniversalClientResponse> => {
    this.#ends.device.requireAlive();
    if (this.#broken !== null) throw this.#broken;
    return new Promise((resolve, reject) => {
      const exchange = this.#begin(request, resolve, reject);
      request.signal?.addEventListener('abort', () => this.#giveUp(exchange, request.signal?.reason), { once: true });
    });
  };

  ping(onPong: () => void): boolean {
    if (this.#broken !== null) return false;
    this.#toGateway(() => this.#toDevice(onPong));
    return true;
  }

  onEnd(listener: () => void): void {
    this.#listeners.push(listener);
  }

  destroy(error: Error): void {
    if (this.#broken !== null) return;
    this.#breakDeviceSide(error);
    this.#ends.way.carry(this.#up, () => this.#endGatewaySide());
  }

  #begin(
    request: UniversalClientRequest,
    resolve: (response: UniversalClientResponse) => void,
    reject: (error: unknown) => void,
  ): Exchange {
    const window = new Window();
    const toDevice = new ByteStream((chunk) => window.free(chunk.length));
    const exchange: Exchange = {
      toGateway: new ByteStream(),
      toDevice,
      gatewaySide: new AbortController(),
      failDevice: (error) => {
        reject(error);
        toDevice.fail(error);
      },
      answered: false,
    };
    const hasRoom = async (bytes: number): Promise<void> => {
      await window.take(bytes);
      await this.#ends.way.read();
    };
    this.#exchanges.add(exchange);
    this.#toGateway(() => void this.#serve(exchange, request, hasRoom, resolve));
    void this.#sendBody(exchange, request.body);
    return exchange;
  }

  /** The device's program writes its request. */
  async #sendBody(exchange: Exchange, body: AsyncIterable<Uint8Array> | undefined): Promise<void> {
    try {
      for await (const chunk of body ?? []) {
        if (!this.#exchanges.has(exchange)) return;
        this.#ends.onSend();
        this.#toGateway(() => exchange.toGateway.push(chunk));
        this.#ends.onSend();
      }
      this.#toGateway(() => exchange.toGateway.end());
    } catch (error) {
      // It died, or its program gave the request up.
      this.#giveUp(exchange, error);
    }
  }

  /** The gateway's handler runs, and its answer travels back. */
  async #serve(
    exchange: Exchange,
    { url, method, header }: UniversalClientRequest,
    hasRoom: (bytes: number) => Promise<void>,
    resolve: (response: UniversalClientResponse) => void,
  ): Promise<void> {
    const { signal } = exchange.gatewaySide;
    const over = aborted(signal);
    const reset = (): void => {
      exchange.gatewaySide.abort(new ConnectError('reset', Code.Canceled));
      exchange.toGateway.fail(new ConnectError('reset', Code.Canceled));
      this.#finish(exchange, new ConnectError('the gateway reset the call', Code.ResourceExhausted));
    };
    try {
      const request = { httpVersion: '2.0', url, method, header, body: exchange.toGateway, signal };
      const { status, header: head = new Headers(), body = [] } = await this.#respond({ request, reset });
      const { toDevice } = exchange;
      this.#toDevice(() => resolve({ status, header: head, body: toDevice, trailer: new Headers() }));
      for await (const chunk of body as AsyncIterable<Uint8Array>) {
        await Promise.race([hasRoom(chunk.length), over]);
        if (signal.aborted) return;
        // The gateway goes on using its buffers.
        const copy = new Uint8Array(chunk);
        this.#toDevice(() => toDevice.push(copy));
      }
      this.#finish(exchange, null);
    } catch (error) {
      this.#finish(exchange, ConnectError.from(error, Code.Unavailable));
    }
  }

  /** The gateway's side is done; the device hears of it after what was sent before. */
  #finish(exchange: Exchange, error: ConnectError | null): void {
    if (exchange.answered) return;
    exchange.answered = true;
    this.#toDevice(() => {
      this.#exchanges.delete(exchange);
      if (error === null) exchange.toDevice.end();
      else exchange.failDevice(error);
    });
  }

  /** The device's program lost interest. */
  #giveUp(exchange: Exchange, reason: unknown): void {
    if (!this.#exchanges.delete(exchange)) return;
    exchange.failDevice(reason);
    this.#toGateway(() => endCall(exchange));
  }

  #hangUp(text: string): void {
    if (this.#over) return;
    this.#endGatewaySide();
    this.#ends.way.carry(this.#down, () => this.#breakDeviceSide(unavailable(text)));
  }

  #endGatewaySide(): void {
    if (this.#over) return;
    this.#over = true;
    for (const exchange of this.#exchanges) endCall(exchange);
  }

  #breakDeviceSide(error: unknown): void {
    if (this.#broken !== null) return;
    this.#broken = error;
    this.#stopWatching();
    const open = Array.from(this.#exchanges);
    this.#exchanges.clear();
    // Its calls are over on both sides: what the gateway still learns, it learns by the end of the connection.
    this.#ends.way.carry(this.#up, () => open.forEach(endCall));
    for (const exchange of open) exchange.failDevice(error);
    for (const listener of this.#listeners) this.#ends.device.run(listener);
  }

  #toGateway(task: () => void): void {
    this.#ends.way.carry(this.#up, () => {
      if (!this.#over) this.#ends.gateway.run(task);
    });
  }

  #toDevice(task: () => void): void {
    this.#ends.way.carry(this.#down, () => {
      if (this.#broken === null) this.#ends.device.run(task);
    });
  }
}

/** Flow control of one answer. */
class Window {
  #unread = 0;
  #wake: (() => void) | null = null;

  /** Resolves when there is room; what is taken then counts. */
  async take(bytes: number): Promise<void> {
    while (this.#unread > WINDOW_BYTES) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    this.#unread += bytes;
  }

  free(bytes: number): void {
    this.#unread -= bytes;
    this.#wake?.();
  }
}

function endCall(exchange: Exchange): void {
  const gone = new ConnectError('the caller is gone', Code.Canceled);
  exchange.gatewaySide.abort(gone);
  exchange.toGateway.fail(gone);
}

function unavailable(text: string): ConnectError {
  return new ConnectError(text, Code.Unavailable);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
