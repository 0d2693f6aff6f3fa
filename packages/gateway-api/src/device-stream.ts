import { create } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import { ConnectRequestSchema, Refusal } from '@sotto/wire';
import type { ConnectRequest, ConnectResponse, DeviceService } from '@sotto/wire';
import { arrivalOf, stockOf } from './arrivals.ts';
import type { Line } from './calls.ts';
import { refusalError, toGatewayApiError } from './error-mapping.ts';
import { GatewayApiError } from './error.ts';
import { Signal } from './signal.ts';
import type { Arrival, StreamHandlers, StreamOptions } from './types.ts';

/** ms between questions whether the gateway is still there, and for their answer: how soon a dead network is noticed. */
const PING_MS = 30_000;
const PONG_MS = 10_000;
/** ms for the last acknowledgements when the caller ends the stream. */
const FAREWELL_MS = 2000;
/** ms for which acknowledgements wait for others: each costs both sides a frame, and nobody waits for them. */
const GATHER_MS = 20;
/** Sequences in one frame; the gateway's limit. */
const SEQUENCES = 1000;

export interface DeviceStreamParts {
  readonly client: Client<typeof DeviceService>;
  readonly headers: { readonly authorization: string };
  readonly handlers: StreamHandlers;
  readonly options: StreamOptions;
  readonly connection: Line;
}

/** One delivery stream, from its opening to its end. */
export class DeviceStream {
  readonly #parts: DeviceStreamParts;
  readonly #output = new Signal();
  readonly #abort = new AbortController();
  #credit: number;
  #acknowledge: bigint[] = [];
  #ping = 0n;
  #lastPing = 0n;
  #lastHeard: number;
  #inWork = 0;
  /** Arrivals in work that came before the gateway said that there are no more. */
  #backlog = 0;
  #caughtUp = false;
  #gathering: (() => void) | undefined;
  #gathered = false;
  #opened = false;
  #ending = false;
  #closing: GatewayApiError | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(parts: DeviceStreamParts) {
    this.#parts = parts;
    this.#credit = parts.options.inFlight;
    this.#lastHeard = parts.connection.clock.now();
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
        this.#lastHeard = this.#parts.connection.clock.now();
        if (!this.#opened) this.#parts.handlers.onOpen?.();
        this.#opened = true;
        this.#take(frame);
      }
      if (!signal.aborted) throw this.#closing ?? new GatewayApiError('unreachable', 'the gateway ended the stream');
    } catch (error) {
      if (!signal.aborted) throw this.#abort.signal.aborted ? this.#abort.signal.reason : toGatewayApiError(error);
    } finally {
      this.#cancelTimer?.();
      this.#gathering?.();
      signal.removeEventListener('abort', onAbort);
      this.#ending = true;
      this.#output.wake();
      // A stream left half read would hold the connection open, and a gateway that stops would wait for it.
      this.#abort.abort();
    }
  }

  async *#frames(): AsyncGenerator<ConnectRequest> {
    while (true) {
      if (this.#due()) {
        const acknowledge = this.#acknowledge.splice(0, SEQUENCES);
        const credit = this.#ending ? 0 : this.#credit;
        const frame = create(ConnectRequestSchema, { acknowledge, credit, ping: this.#ping });
        this.#credit = 0;
        this.#ping = 0n;
        this.#gathered = false;
        yield frame;
      } else if (this.#ending && this.#inWork === 0) {
        return;
      } else {
        await this.#output.wait();
      }
    }
  }

  /** Acknowledgements and credit gather a moment, unless they are many or the last. */
  #due(): boolean {
    if (this.#ping !== 0n) return true;
    if (this.#ending) return this.#acknowledge.length > 0;
    const { inFlight } = this.#parts.options;
    const many = this.#credit * 2 >= inFlight || this.#acknowledge.length >= SEQUENCES;
    return this.#credit > 0 ? many || this.#gathered : this.#acknowledge.length > 0;
  }

  #gather(): void {
    this.#gathering ??= this.#parts.connection.clock.after(GATHER_MS, () => {
      this.#gathering = undefined;
      this.#gathered = true;
      this.#output.wake();
    });
  }

  #take(frame: ConnectResponse): void {
    const { handlers } = this.#parts;
    for (const delivery of frame.deliveries) this.#handle(arrivalOf(delivery));
    if (frame.lowPrekeys !== undefined) handlers.onLowPrekeys?.(stockOf(frame.lowPrekeys));
    if (frame.caughtUp) {
      this.#caughtUp = true;
      if (this.#backlog === 0) handlers.onCaughtUp?.();
    }
    if (frame.closing !== Refusal.UNSPECIFIED) this.#closed(refusalError(frame.closing));
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
      if (this.#ending || this.#credit * 2 >= this.#parts.options.inFlight) this.#output.wake();
      else this.#gather();
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

  /** The gateway is about to end the stream; it is read to its end, or HTTP/2 would keep it. */
  #closed(reason: GatewayApiError): void {
    this.#closing = reason;
    this.#cancelTimer?.();
    this.#cancelTimer = this.#parts.connection.clock.after(FAREWELL_MS, () => this.#abort.abort(reason));
  }

  /** Takes no more arrivals, lets those in work finish and be acknowledged, and hangs up; in vain only so long. */
  #farewell(): void {
    this.#ending = true;
    this.#output.wake();
    this.#cancelTimer?.();
    this.#cancelTimer = this.#parts.connection.clock.after(FAREWELL_MS, () => this.#abort.abort());
  }

  /** Asks after a silence whether the gateway is still there. */
  #watch(ms: number): void {
    const { clock } = this.#parts.connection;
    this.#cancelTimer = clock.after(ms, () => {
      const silence = clock.now() - this.#lastHeard;
      if (silence < PING_MS) {
        // A clock that was set back says that it was heard from in the future: that is no reason to wait longer.
        this.#watch(Math.min(PING_MS - silence, PING_MS));
        return;
      }
      this.#lastPing++;
      this.#ping = this.#lastPing;
      this.#output.wake();
      const asked = clock.now();
      this.#cancelTimer = clock.after(PONG_MS, () => {
        if (this.#lastHeard >= asked) {
          this.#watch(PING_MS);
          return;
        }
        this.#parts.connection.doubt();
        this.#abort.abort(new GatewayApiError('unreachable', 'the gateway has fallen silent'));
      });
    });
  }
}
