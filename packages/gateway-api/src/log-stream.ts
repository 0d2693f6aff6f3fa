import { create } from '@bufbuild/protobuf';
import type { Client } from '@connectrpc/connect';
import { FollowRequestSchema, Refusal } from '@sotto/wire';
import type { FollowRequest, GroupLogService, LogBatch } from '@sotto/wire';
import type { Line } from './calls.ts';
import { refusalError, toGatewayApiError } from './error-mapping.ts';
import { GatewayApiError } from './error.ts';
import { Signal } from './signal.ts';

/** ms between questions whether the gateway is still there, and for their answer. */
const PING_MS = 30_000;
const PONG_MS = 10_000;
/** ms for a gateway that has announced the end to end the stream. */
const FAREWELL_MS = 2000;
/** Logs in one frame; the gateway's limit. */
const LOGS = 512;

export interface LogStreamParts {
  readonly client: Client<typeof GroupLogService>;
  readonly connection: Line;
  readonly signal: AbortSignal;
  readonly onOpen: () => void;
  readonly onBatch: (batch: LogBatch) => void;
}

type Order = { readonly log: Uint8Array; readonly after: number | null };

/** One stream of followed logs, from its opening to its end. */
export class LogStream {
  readonly #parts: LogStreamParts;
  readonly #output = new Signal();
  readonly #abort = new AbortController();
  /** What is to be followed, and (null) what no longer, in the order of the calls. */
  #orders: Order[] = [];
  #credit = 0;
  #ping = 0n;
  #lastPing = 0n;
  #lastHeard: number;
  #opened = false;
  #over = false;
  #closing: GatewayApiError | undefined;
  #cancelTimer: (() => void) | undefined;

  constructor(parts: LogStreamParts) {
    this.#parts = parts;
    this.#lastHeard = parts.connection.clock.now();
  }

  follow(log: Uint8Array, after: number): void {
    this.#order({ log, after });
  }

  unfollow(log: Uint8Array): void {
    this.#order({ log, after: null });
  }

  /** Lets the gateway send so many entries more. */
  grant(credit: number): void {
    if (credit === 0) return;
    this.#credit += credit;
    this.#output.wake();
  }

  /** Resolves when the signal has ended it, rejects with `GatewayApiError` when it ended otherwise. */
  async run(): Promise<void> {
    const { client, signal, connection } = this.#parts;
    if (signal.aborted) return;
    const onAbort = (): void => this.#abort.abort();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#watch(PING_MS);
    try {
      for await (const frame of client.follow(this.#frames(), { signal: this.#abort.signal })) {
        this.#lastHeard = connection.clock.now();
        this.#open();
        for (const batch of frame.batches) this.#parts.onBatch(batch);
        if (frame.closing !== Refusal.UNSPECIFIED) this.#closed(refusalError(frame.closing));
      }
      if (!signal.aborted) throw this.#closing ?? new GatewayApiError('unreachable', 'the gateway ended the stream');
    } catch (error) {
      if (!signal.aborted) throw this.#abort.signal.aborted ? this.#abort.signal.reason : toGatewayApiError(error);
    } finally {
      this.#over = true;
      this.#cancelTimer?.();
      signal.removeEventListener('abort', onAbort);
      this.#output.wake();
      this.#abort.abort();
    }
  }

  #order(order: Order): void {
    this.#orders.push(order);
    this.#output.wake();
  }

  #open(): void {
    if (this.#opened) return;
    this.#opened = true;
    this.#parts.onOpen();
  }

  async *#frames(): AsyncGenerator<FollowRequest> {
    while (!this.#over) {
      const due = this.#orders.length > 0 || this.#credit > 0 || this.#ping !== 0n;
      if (!due) {
        await this.#output.wait();
        continue;
      }
      const frame = create(FollowRequestSchema, { ...this.#takeOrders(), credit: this.#credit, ping: this.#ping });
      this.#credit = 0;
      this.#ping = 0n;
      yield frame;
    }
  }

  /** In one frame what is no longer followed comes first, so a log is in it once at most. */
  #takeOrders(): { readonly follow: { log: Uint8Array; after: bigint }[]; readonly unfollow: Uint8Array[] } {
    const orders = new Map<string, Order>();
    let taken = 0;
    for (const order of this.#orders) {
      const key = Buffer.from(order.log).toString('latin1');
      if (!orders.has(key) && orders.size >= LOGS) break;
      orders.set(key, order);
      taken++;
    }
    this.#orders = this.#orders.slice(taken);
    const follow: { log: Uint8Array; after: bigint }[] = [];
    const unfollow: Uint8Array[] = [];
    for (const { log, after } of orders.values()) {
      if (after === null) unfollow.push(log);
      else follow.push({ log, after: BigInt(after) });
    }
    return { follow, unfollow };
  }

  /** The gateway is about to end the stream; it is read to its end, or HTTP/2 would keep it. */
  #closed(reason: GatewayApiError): void {
    this.#closing = reason;
    this.#cancelTimer?.();
    this.#cancelTimer = this.#parts.connection.clock.after(FAREWELL_MS, () => this.#abort.abort(reason));
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
