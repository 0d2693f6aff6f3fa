import { Refusal } from '@sotto/wire';
import type { ConnectRequest } from '@sotto/wire';
import { FRAME_BYTES, LOW_PREKEYS, PAGE_MESSAGES, STREAM_BUFFER_BYTES, STREAM_BUFFER_MESSAGES } from '../limits.ts';
import type { MailboxListener } from '../ports/mailboxes.ts';
import type { DeviceRef, PrekeyStock, StoredDelivery } from '../ports/types.ts';
import { malformed } from '../refused.ts';
import type { DeviceFrame } from './device-frame.ts';
import type { ServiceParts } from './parts.ts';
import { readNumber } from './requests.ts';
import { DONE, WAIT } from './stream-core.ts';
import type { Attention, Step, StreamCore } from './stream-core.ts';

/** Credit beyond this is not remembered: more than a mailbox ever needs. */
const MAX_CREDIT = 100_000;
/** Acknowledgements that may wait for their commit before the gateway stops reading. */
const ACKNOWLEDGEMENTS_IN_FLIGHT = 64;
const SEQUENCES = 1000;
/** ms for which a confirmed acknowledgement waits for a delivery to travel with: nobody acts on it. */
const CONFIRM_MS = 50;

type End = { readonly kind: 'closing'; readonly refusal: Refusal } | { readonly kind: 'ended' };

/**
 * A device's stream. Deliveries come from memory while the device keeps up, from disk otherwise; nothing is ever
 * skipped, because what does not fit in memory is read back by sequence. Sent only against credit.
 */
export class DeviceStream implements StreamCore<ConnectRequest, DeviceFrame>, MailboxListener {
  readonly #parts: ServiceParts;
  readonly #device: DeviceRef;
  #attention: Attention | undefined;
  #stopListening: (() => void) | undefined;
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
  #cancelConfirm: (() => void) | undefined;
  #confirmNow = false;
  #pong = 0;
  #low: PrekeyStock | null = null;
  #end: End | undefined;
  /** The closing frame has been handed over. */
  #closed = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(parts: ServiceParts, device: DeviceRef) {
    this.#parts = parts;
    this.#device = device;
  }

  get saturated(): boolean {
    return this.#end === undefined && this.#acknowledging >= ACKNOWLEDGEMENTS_IN_FLIGHT;
  }

  attach(attention: Attention): void {
    this.#attention = attention;
    this.#stopListening = this.#parts.mailboxes.listen(this.#device, this);
    this.#lookAround().catch((error: unknown) => this.#fail(error));
  }

  receive({ credit, acknowledge, ping }: ConnectRequest): void {
    if (this.#end !== undefined) return;
    if (acknowledge.length > SEQUENCES) throw malformed(`at most ${SEQUENCES} sequences in a frame`);
    this.#credit = Math.min(this.#credit + credit, MAX_CREDIT);
    // Several pings before an answer are answered by the last one: a flood of them costs one number.
    if (ping !== 0n) this.#pong = readNumber(ping);
    if (acknowledge.length > 0) this.#acknowledge(acknowledge.map(readNumber));
    this.#attention?.output();
  }

  ended(): void {
    this.#end ??= { kind: 'ended' };
    this.#attention?.output();
  }

  close(): void {
    this.#end ??= { kind: 'ended' };
    this.#stopListening?.();
    this.#cancelConfirm?.();
    this.#buffer = [];
  }

  /** A device that has nothing to say is welcome to stay. */
  check(): void {}

  end(refusal: Refusal): void {
    this.closing(refusal);
  }

  stored(delivery: StoredDelivery): void {
    if (this.#reading !== undefined) {
      this.#reading.missed = true;
    } else if (this.#behind || this.#credit === 0 || this.#isFull(delivery)) {
      this.#behind = true;
    } else {
      const waits = this.#buffer.length > 0;
      // The envelope is a view of what a socket brought: one that waits must not hold on to all of that.
      this.#buffer.push(waits ? { ...delivery, envelope: new Uint8Array(delivery.envelope) } : delivery);
      this.#bufferBytes += delivery.envelope.length;
    }
    this.#attention?.output();
  }

  prekeysLow(stock: PrekeyStock): void {
    this.#low = stock;
    this.#attention?.output();
  }

  closing(refusal: Refusal): void {
    this.#end ??= { kind: 'closing', refusal };
    this.#attention?.output();
  }

  /** Everything there is to say, in one frame. */
  next(): Step<DeviceFrame> | Promise<Step<DeviceFrame>> {
    if (this.#failure !== undefined && this.#acknowledging === 0) throw this.#failure.error;
    if (this.#closed) return DONE;
    if (this.#end !== undefined) return this.#frame([]);
    if (this.#buffer.length > 0) return this.#frame(this.#take());
    return this.#shouldRead() ? this.#readPage().then((page) => this.#frame(page)) : this.#frame([]);
  }

  #frame(deliveries: readonly StoredDelivery[]): Step<DeviceFrame> {
    const end = this.#end;
    const closing = end?.kind === 'closing' && this.#acknowledging === 0 ? end.refusal : Refusal.UNSPECIFIED;
    const caughtUp = end === undefined && !this.#caughtUp && !this.#behind && this.#buffer.length === 0;
    const worthAFrame =
      deliveries.length > 0 ||
      caughtUp ||
      closing !== Refusal.UNSPECIFIED ||
      this.#pong !== 0 ||
      this.#low !== null ||
      (this.#acknowledged.length > 0 && (this.#confirmNow || end !== undefined));
    if (!worthAFrame) return end?.kind === 'ended' && this.#acknowledging === 0 ? DONE : WAIT;
    const frame = {
      deliveries,
      acknowledged: this.#acknowledged,
      caughtUp,
      pong: this.#pong,
      low: this.#low,
      closing,
    };
    if (caughtUp) this.#caughtUp = true;
    if (closing !== Refusal.UNSPECIFIED) this.#closed = true;
    this.#acknowledged = [];
    this.#confirmNow = false;
    this.#cancelConfirm?.();
    this.#cancelConfirm = undefined;
    this.#pong = 0;
    this.#low = null;
    return { kind: 'frame', frame };
  }

  /** Without credit just to see, once, whether there is anything. */
  #shouldRead(): boolean {
    return this.#behind && (this.#credit > 0 || !this.#caughtUp);
  }

  async #readPage(): Promise<readonly StoredDelivery[]> {
    while (this.#shouldRead()) {
      const credit = this.#credit;
      const reading = { missed: false };
      this.#reading = reading;
      const limit = Math.min(Math.max(credit, 1), PAGE_MESSAGES);
      const page = await this.#parts.mailboxes.read(this.#device, this.#cursor, limit, FRAME_BYTES);
      this.#reading = undefined;
      const { deliveries } = page;
      this.#behind = page.more || reading.missed || (credit === 0 && deliveries.length > 0);
      if (deliveries.length === 0) continue;
      if (credit === 0) return [];
      this.#credit -= deliveries.length;
      this.#cursor = deliveries.at(-1)?.sequence ?? this.#cursor;
      return deliveries;
    }
    return [];
  }

  #isFull({ envelope }: StoredDelivery): boolean {
    return (
      this.#buffer.length >= STREAM_BUFFER_MESSAGES ||
      (this.#buffer.length > 0 && this.#bufferBytes + envelope.length > STREAM_BUFFER_BYTES)
    );
  }

  #take(): readonly StoredDelivery[] {
    let count = 0;
    let bytes = 0;
    for (const { envelope } of this.#buffer) {
      if (count >= this.#credit || (count > 0 && bytes + envelope.length > FRAME_BYTES)) break;
      count++;
      bytes += envelope.length;
    }
    const all = count === this.#buffer.length;
    const taken = all ? this.#buffer : this.#buffer.splice(0, count);
    if (all) this.#buffer = [];
    this.#bufferBytes -= bytes;
    this.#credit -= count;
    this.#cursor = taken.at(-1)?.sequence ?? this.#cursor;
    return taken;
  }

  /** A revocation may have come between the login and the listener. */
  async #lookAround(): Promise<void> {
    const { directory } = this.#parts;
    const device = await directory.device(this.#device.account, this.#device.device);
    if (device?.revoked !== false) this.closing(Refusal.REVOKED);
    const stock = await directory.prekeyStock(this.#device);
    if (Math.min(stock.oneTime, stock.oneTimeKem) < LOW_PREKEYS) this.prekeysLow(stock);
  }

  #acknowledge(sequences: readonly number[]): void {
    this.#acknowledging++;
    this.#parts.mailboxes.acknowledge(this.#device, sequences).then(
      () => {
        this.#acknowledging--;
        for (const sequence of sequences) this.#acknowledged.push(sequence);
        this.#cancelConfirm ??= this.#parts.clock.after(CONFIRM_MS, () => {
          this.#confirmNow = true;
          this.#attention?.output();
        });
        this.#attention?.room();
        if (this.#end !== undefined) this.#attention?.output();
      },
      (error: unknown) => {
        this.#acknowledging--;
        this.#fail(error);
      },
    );
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#attention?.room();
    this.#attention?.output();
  }
}
