import type { HandlerContext } from '@connectrpc/connect';
import { Refusal } from '@sotto/wire';
import type { ConnectRequest, ConnectResponse } from '@sotto/wire';
import {
  FRAME_BYTES,
  LOW_PREKEYS,
  PAGE_MESSAGES,
  SLOW_CONSUMER_MS,
  STREAM_BUFFER_BYTES,
  STREAM_BUFFER_MESSAGES,
} from '../limits.ts';
import type { MailboxListener } from '../ports/mailboxes.ts';
import type { DeviceRef, PrekeyStock, StoredDelivery } from '../ports/types.ts';
import { malformed } from '../refused.ts';
import { callOf, deviceOf } from './context.ts';
import { frames } from './device-frames.ts';
import { toConnectError } from './errors.ts';
import type { ServiceParts } from './parts.ts';
import { readNumber } from './requests.ts';
import { Signal } from './signal.ts';
import type { MonitoredStream } from './stream-monitor.ts';

/** Credit beyond this is not remembered: more than a mailbox ever needs. */
const MAX_CREDIT = 100_000;
/** Acknowledgements that may wait for their commit before the gateway stops reading. */
const ACKNOWLEDGEMENTS_IN_FLIGHT = 64;
/** Pings that may wait for their answers; more is a flood. */
const PINGS_IN_FLIGHT = 16;
const SEQUENCES = 1000;

/**
 * A device's stream. Deliveries come from memory while the device keeps up, from disk otherwise; nothing is ever
 * skipped, because what does not fit in memory is read back by sequence. Sent only against credit.
 */
export class DeviceStream implements MonitoredStream, MailboxListener {
  readonly #parts: ServiceParts;
  readonly #device: DeviceRef;
  readonly #reset: () => void;
  readonly #output = new Signal();
  readonly #room = new Signal();
  #credit = 0;
  /** Last sequence handed to the stream. */
  #cursor = 0;
  /** What was stored after the cursor and fits in memory, without gaps. */
  #buffer: StoredDelivery[] = [];
  #bufferBytes = 0;
  /** There is, or may be, more on disk than the buffer holds. */
  #behind = true;
  /** A page is being read; what is stored meanwhile may or may not be in it. */
  #reading: { missed: boolean } | undefined;
  #caughtUp = false;
  #acknowledged: number[] = [];
  #acknowledging = 0;
  #pongs: bigint[] = [];
  #low: PrekeyStock | undefined;
  #end: { readonly kind: 'closing'; readonly refusal: Refusal } | { readonly kind: 'ended' } | undefined;
  #error: unknown;
  #writingSince: number | undefined;

  constructor(parts: ServiceParts, context: HandlerContext) {
    this.#parts = parts;
    this.#device = deviceOf(context);
    this.#reset = callOf(context).reset;
  }

  async *run(requests: AsyncIterable<ConnectRequest>): AsyncGenerator<ConnectResponse> {
    const { mailboxes, streams, directory, clock } = this.#parts;
    const forget = streams.add(this);
    const stopListening = mailboxes.listen(this.#device, this);
    void this.#read(requests);
    try {
      // A revocation may have come between the login and the listener.
      const device = await directory.device(this.#device.account, this.#device.device);
      if (device?.revoked !== false) this.closing(Refusal.REVOKED);
      const stock = await directory.prekeyStock(this.#device);
      if (Math.min(stock.oneTime, stock.oneTimeKem) < LOW_PREKEYS) this.#low = stock;
      while (true) {
        const frame = await this.#next();
        if (frame === 'ended') return;
        if (frame === 'nothing') {
          await this.#output.wait();
          continue;
        }
        this.#writingSince = clock.now();
        yield frame;
        this.#writingSince = undefined;
        if (frame.kind.case === 'closing') return;
      }
    } catch (error) {
      throw toConnectError(error);
    } finally {
      stopListening();
      forget();
      this.#end ??= { kind: 'ended' };
      this.#room.wake();
    }
  }

  stored(delivery: StoredDelivery): void {
    const full =
      this.#buffer.length >= STREAM_BUFFER_MESSAGES ||
      this.#bufferBytes + delivery.envelope.length > STREAM_BUFFER_BYTES;
    if (this.#reading !== undefined) {
      this.#reading.missed = true;
    } else if (this.#behind || full) {
      this.#behind = true;
    } else {
      this.#buffer.push(delivery);
      this.#bufferBytes += delivery.envelope.length;
    }
    this.#output.wake();
  }

  prekeysLow(stock: PrekeyStock): void {
    this.#low = stock;
    this.#output.wake();
  }

  closing(refusal: Refusal): void {
    this.#end ??= { kind: 'closing', refusal };
    this.#output.wake();
    this.#room.wake();
  }

  end(refusal: Refusal): void {
    this.closing(refusal);
  }

  check(now: number): void {
    if (this.#writingSince !== undefined && now - this.#writingSince > SLOW_CONSUMER_MS) this.#reset();
  }

  /** The most urgent frame there is. */
  async #next(): Promise<ConnectResponse | 'nothing' | 'ended'> {
    if (this.#acknowledged.length > 0) {
      const sequences = this.#acknowledged;
      this.#acknowledged = [];
      return frames.acknowledged(sequences);
    }
    const pong = this.#pongs.shift();
    if (pong !== undefined) return frames.pong(pong);
    if (this.#error !== undefined) throw this.#error;
    // A device that has hung up still gets what its last acknowledgements did.
    if (this.#end?.kind === 'ended' && this.#acknowledging === 0) return 'ended';
    if (this.#end?.kind === 'closing') return frames.closing(this.#end.refusal);
    if (this.#end === undefined && this.#low !== undefined) {
      const stock = this.#low;
      this.#low = undefined;
      return frames.lowPrekeys(stock);
    }
    return this.#end === undefined ? this.#nextDeliveries() : 'nothing';
  }

  async #nextDeliveries(): Promise<ConnectResponse | 'nothing'> {
    if (this.#buffer.length > 0) return this.#credit > 0 ? this.#take() : 'nothing';
    while (this.#behind && (this.#credit > 0 || !this.#caughtUp)) {
      const credit = this.#credit;
      const reading = { missed: false };
      this.#reading = reading;
      // Without credit just to see whether there is anything.
      const limit = Math.min(Math.max(credit, 1), PAGE_MESSAGES);
      const page = await this.#parts.mailboxes.read(this.#device, this.#cursor, limit, FRAME_BYTES);
      this.#reading = undefined;
      const { deliveries } = page;
      this.#behind = page.more || reading.missed || (credit === 0 && deliveries.length > 0);
      if (deliveries.length > 0 && credit === 0) return 'nothing';
      if (deliveries.length === 0) continue;
      this.#credit -= deliveries.length;
      this.#cursor = deliveries.at(-1)?.sequence ?? this.#cursor;
      return frames.deliveries(deliveries);
    }
    if (this.#caughtUp || this.#behind) return 'nothing';
    this.#caughtUp = true;
    return frames.caughtUp();
  }

  #take(): ConnectResponse {
    let count = 0;
    let bytes = 0;
    for (const { envelope } of this.#buffer) {
      if (count >= this.#credit || (count > 0 && bytes + envelope.length > FRAME_BYTES)) break;
      count++;
      bytes += envelope.length;
    }
    const taken = this.#buffer.splice(0, count);
    this.#bufferBytes -= bytes;
    this.#credit -= count;
    this.#cursor = taken.at(-1)?.sequence ?? this.#cursor;
    return frames.deliveries(taken);
  }

  async #read(requests: AsyncIterable<ConnectRequest>): Promise<void> {
    try {
      for await (const { kind } of requests) {
        if (this.#end !== undefined) return;
        switch (kind.case) {
          case 'credit':
            this.#credit = Math.min(this.#credit + kind.value, MAX_CREDIT);
            break;
          case 'ping':
            if (this.#pongs.length >= PINGS_IN_FLIGHT) throw malformed('too many pings');
            this.#pongs.push(kind.value);
            break;
          case 'acknowledge':
            if (kind.value.sequences.length > SEQUENCES) throw malformed(`at most ${SEQUENCES} sequences in a frame`);
            this.#acknowledge(kind.value.sequences.map(readNumber));
            while (this.#acknowledging >= ACKNOWLEDGEMENTS_IN_FLIGHT) await this.#room.wait();
            break;
          case undefined:
            throw malformed('an empty frame');
        }
        this.#output.wake();
      }
      this.#end ??= { kind: 'ended' };
    } catch (error) {
      if (this.#end === undefined) this.#error = error;
    } finally {
      this.#output.wake();
    }
  }

  #acknowledge(sequences: readonly number[]): void {
    this.#acknowledging++;
    this.#parts.mailboxes
      .acknowledge(this.#device, sequences)
      .then(
        () => this.#acknowledged.push(...sequences),
        (error: unknown) => {
          this.#error = error;
        },
      )
      .finally(() => {
        this.#acknowledging--;
        this.#room.wake();
        this.#output.wake();
      });
  }
}
