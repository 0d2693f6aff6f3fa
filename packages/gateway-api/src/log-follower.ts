import { createClient } from '@connectrpc/connect';
import { sleep } from '@sotto/transport';
import type { TransportState } from '@sotto/transport';
import { GroupLogService, Refusal } from '@sotto/wire';
import type { LogBatch } from '@sotto/wire';
import { backOff } from './back-off.ts';
import { Connection } from './connection.ts';
import { GatewayApiError } from './error.ts';
import { parseAddress } from './gateway-connection.ts';
import { LogReader } from './log-reader.ts';
import { LogStream } from './log-stream.ts';
import type { FollowOptions, LogFollower, LogSink } from './log-types.ts';
import { tlsNetwork } from './tls-network.ts';
import type { GatewayOptions } from './types.ts';

const IN_FLIGHT = 64;
/** ms a stream must have lived for the next back-off to begin anew. */
const STABLE_MS = 10_000;

export interface LogFollowerOptions extends GatewayOptions, FollowOptions {
  readonly sink: LogSink;
  /** Uniform in [0, 1): jitter for back-off. */
  readonly random: () => number;
}

/** Follows logs at a gateway; see `LogFollower`. Throws `GatewayApiError` `malformed` when the address is none. */
export function followLogs(options: LogFollowerOptions): LogFollower {
  return new Follower(options);
}

class Follower implements LogFollower {
  readonly #options: LogFollowerOptions;
  readonly #connection: Connection;
  readonly #client;
  readonly #readers = new Map<string, LogReader>();
  readonly #closing = new AbortController();
  readonly #listeners = new Set<(state: TransportState) => void>();
  readonly #inFlight: number;
  /** Records with the sink or on their way to it, those of logs no longer followed included. */
  #held = 0;
  #stream: LogStream | undefined;
  /** Ends the stream when no log is followed any more. */
  #ending = new AbortController();
  #running: Promise<void> | undefined;
  #state: TransportState = { kind: 'offline' };

  constructor(options: LogFollowerOptions) {
    const { address, clock, network = tlsNetwork } = options;
    this.#options = options;
    this.#inFlight = options.inFlight ?? IN_FLIGHT;
    this.#connection = new Connection(parseAddress(address), clock, network);
    this.#client = createClient(GroupLogService, this.#connection.transport);
  }

  get state(): TransportState {
    return this.#state;
  }

  onState(listener: (state: TransportState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  follow(log: Uint8Array, after: number): void {
    if (this.#closing.signal.aborted) throw new GatewayApiError('closed', 'the follower was closed');
    const key = keyOf(log);
    this.#readers.get(key)?.stop();
    const reader = new LogReader({
      log,
      after,
      sink: this.#options.sink,
      onDone: (records) => this.#done(records),
      onFailure: () => void this.#retry(key, reader),
    });
    this.#readers.set(key, reader);
    this.#stream?.follow(log, after);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  unfollow(log: Uint8Array): void {
    if (!this.#forget(keyOf(log))) return;
    if (this.#readers.size === 0) this.#ending.abort();
    else this.#stream?.unfollow(log);
  }

  async close(): Promise<void> {
    const reason = new GatewayApiError('closed', 'the follower was closed');
    this.#closing.abort(reason);
    const readers = [...this.#readers.values()];
    for (const reader of readers) reader.stop();
    this.#readers.clear();
    this.#connection.close();
    await Promise.all([...readers.map((reader) => reader.idle), this.#running]);
    this.#become({ kind: 'closed' });
  }

  /** Connected while there is a log to follow; again, after a pause, when the connection broke. */
  async #run(): Promise<void> {
    const { clock, random } = this.#options;
    for (let attempt = 1; this.#wanted(); attempt++) {
      this.#become({ kind: 'connecting', attempt });
      const began = clock.now();
      let lived = false;
      try {
        await this.#connect(() => {
          lived = true;
          this.#become({ kind: 'online' });
        });
      } catch {
        // Whatever it was: the logs are still there, and so may the gateway be after a pause.
      }
      this.#become({ kind: 'offline' });
      if (lived && clock.now() - began >= STABLE_MS) attempt = 0;
      if (!this.#wanted()) return;
      await sleep(clock, backOff(attempt + 1, random), this.#closing.signal).catch(() => undefined);
    }
  }

  #wanted(): boolean {
    return this.#readers.size > 0 && !this.#closing.signal.aborted;
  }

  async #connect(onOpen: () => void): Promise<void> {
    this.#ending = new AbortController();
    const stream = new LogStream({
      client: this.#client,
      connection: this.#connection,
      signal: AbortSignal.any([this.#ending.signal, this.#closing.signal]),
      onOpen,
      onBatch: (batch) => this.#take(batch),
    });
    for (const reader of this.#readers.values()) if (!reader.failed) stream.follow(reader.log, reader.received);
    stream.grant(this.#inFlight - this.#held);
    this.#stream = stream;
    try {
      await stream.run();
    } finally {
      this.#stream = undefined;
    }
  }

  #take(batch: LogBatch): void {
    this.#held += batch.records.length;
    const key = keyOf(batch.log);
    const reader = this.#readers.get(key);
    if (reader === undefined) this.#done(batch.records.length);
    else if (batch.refusal === Refusal.UNSPECIFIED) reader.take(batch);
    else {
      this.#forget(key);
      if (this.#readers.size === 0) this.#ending.abort();
      reader.refused(batch.refusal);
    }
  }

  #done(records: number): void {
    this.#held -= records;
    this.#stream?.grant(records);
  }

  #forget(key: string): boolean {
    this.#readers.get(key)?.stop();
    return this.#readers.delete(key);
  }

  async #retry(key: string, reader: LogReader): Promise<void> {
    const { clock, random } = this.#options;
    // What would come meanwhile would have to come again.
    this.#stream?.unfollow(reader.log);
    await sleep(clock, backOff(reader.failures, random), this.#closing.signal).catch(() => undefined);
    if (this.#readers.get(key) !== reader) return;
    reader.again();
    this.#stream?.follow(reader.log, reader.received);
  }

  #become(state: TransportState): void {
    if (this.#state.kind === 'closed' || (state.kind === this.#state.kind && state.kind !== 'connecting')) return;
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }
}

function keyOf(log: Uint8Array): string {
  return Buffer.from(log).toString('latin1');
}
