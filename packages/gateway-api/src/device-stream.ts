import { create } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import { ConnectRequestSchema } from '@sotto/wire';
import type { ConnectRequest, ConnectResponse, DeviceService } from '@sotto/wire';
import type { Clock } from '@sotto/transport';
import { arrivalOf, stockOf } from './arrivals.ts';
import { refusalError, toGatewayApiError } from './error-mapping.ts';
import { GatewayApiError } from './error.ts';
import { Signal } from './signal.ts';
import type { Arrival, StreamHandlers, StreamOptions } from './types.ts';

/** ms between questions whether the gateway is still there, and for their answer: how soon a dead network is noticed. */
const PING_MS = 30_000;
const PONG_MS = 10_000;
/** ms for the last acknowledgements when the caller ends the stream. */
const FAREWELL_MS = 2000;
/** Sequences in one frame; the gateway's limit. */
const SEQUENCES = 1000;

export interface DeviceStreamParts {
  readonly client: Client<typeof DeviceService>;
  readonly headers: { readonly authorization: string };
  readonly handlers: StreamHandlers;
  readonly options: StreamOptions;
  readonly clock: Clock;
}

/** One delivery stream, from its opening to its end. */
export class DeviceStream {
  readonly #parts: DeviceStreamParts;
  readonly #output = new Signal();
  readonly #abort = new AbortController();
  #credit: number;
  #acknowledge: bigint[] = [];
  #ping: bigint | undefined;
  #lastPing = 0n;
  #lastHeard: number;
  #inWork = 0;
  /** Arrivals in work that came before the gateway said that there are no more. */
  #backlog = 0;
  #caughtUp = false;
  #opened = false;
  #ending = false;
  #cancelTimer: (() => void) | undefined;

  constructor(parts: DeviceStreamParts) {
    this.#parts = parts;
    this.#credit = parts.options.inFlight;
    this.#lastHeard = parts.clock.now();
  }

  /** Resolves when the caller has ended it, rejects with `GatewayApiError` when it ended otherwise. */
  async run(): Promise<void> {
    const { client, headers, options } = this.#parts;
    const { signal } = options;
    if (signal.aborted) return;
    const onAbort = (): void => this.#farewell();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#watch(PING_MS);
    try {
      for await (const frame of client.connect(this.#frames(), { headers, signal: this.#abort.signal })) {
        this.#lastHeard = this.#parts.clock.now();
        if (!this.#opened) this.#parts.handlers.onOpen?.();
        this.#opened = true;
        this.#take(frame);
      }
      if (!signal.aborted) throw new GatewayApiError('unreachable', 'the gateway ended the stream');
    } catch (error) {
      if (!signal.aborted) throw this.#abort.signal.aborted ? this.#abort.signal.reason : toGatewayApiError(error);
    } finally {
      this.#cancelTimer?.();
      signal.removeEventListener('abort', onAbort);
      this.#ending = true;
      this.#output.wake();
    }
  }

  async *#frames(): AsyncGenerator<ConnectRequest> {
    while (true) {
      if (this.#acknowledge.length > 0) {
        const sequences = this.#acknowledge.splice(0, SEQUENCES);
        yield create(ConnectRequestSchema, { kind: { case: 'acknowledge', value: { sequences } } });
      } else if (this.#ping !== undefined) {
        const value = this.#ping;
        this.#ping = undefined;
        yield create(ConnectRequestSchema, { kind: { case: 'ping', value } });
      } else if (this.#ending && this.#inWork === 0) {
        return;
      } else if (!this.#ending && this.#credit > 0) {
        const value = this.#credit;
        this.#credit = 0;
        yield create(ConnectRequestSchema, { kind: { case: 'credit', value } });
      } else {
        await this.#output.wait();
      }
    }
  }

  #take({ kind }: ConnectResponse): void {
    const { handlers } = this.#parts;
    switch (kind.case) {
      case 'deliveries':
        for (const delivery of kind.value.deliveries) this.#handle(arrivalOf(delivery));
        break;
      case 'caughtUp':
        this.#caughtUp = true;
        if (this.#backlog === 0) handlers.onCaughtUp?.();
        break;
      case 'acknowledged':
      case 'pong':
        // Heard, and that is all they are for here: what is not acknowledged comes again.
        break;
      case 'lowPrekeys':
        handlers.onLowPrekeys?.(stockOf(kind.value));
        break;
      case 'closing':
        throw refusalError(kind.value);
      case undefined:
        // A frame of a newer gateway; what matters comes in frames we know.
        break;
    }
  }

  #handle(arrival: Arrival): void {
    if (this.#ending) return;
    const { handlers } = this.#parts;
    const backlog = !this.#caughtUp;
    this.#inWork++;
    if (backlog) this.#backlog++;
    const done = (): void => {
      this.#inWork--;
      this.#credit++;
      if (backlog) {
        this.#backlog--;
        if (this.#caughtUp && this.#backlog === 0) handlers.onCaughtUp?.();
      }
      this.#output.wake();
    };
    handlers.onArrival(arrival).then(
      () => {
        this.#acknowledge.push(BigInt(arrival.sequence));
        done();
      },
      // It stays in the mailbox and comes again with the next stream.
      done,
    );
  }

  /** Takes no more arrivals, lets those in work finish and be acknowledged, and hangs up; in vain only so long. */
  #farewell(): void {
    this.#ending = true;
    this.#output.wake();
    this.#cancelTimer?.();
    this.#cancelTimer = this.#parts.clock.after(FAREWELL_MS, () => this.#abort.abort());
  }

  /** Asks after a silence whether the gateway is still there. */
  #watch(ms: number): void {
    const { clock } = this.#parts;
    this.#cancelTimer = clock.after(ms, () => {
      const silence = clock.now() - this.#lastHeard;
      if (silence < PING_MS) {
        this.#watch(PING_MS - silence);
        return;
      }
      this.#lastPing++;
      this.#ping = this.#lastPing;
      this.#output.wake();
      const asked = clock.now();
      this.#cancelTimer = clock.after(PONG_MS, () => {
        if (this.#lastHeard >= asked) this.#watch(PING_MS);
        else this.#abort.abort(new GatewayApiError('unreachable', 'the gateway has fallen silent'));
      });
    });
  }
}
