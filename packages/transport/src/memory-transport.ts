import { idHex } from '@sotto/wire';
import { sleep } from './clock.ts';
import { MEMORY_GATEWAY } from './memory-air.ts';
import type { MemoryAir } from './memory-air.ts';
import type { MemoryMailbox, Waiting } from './memory-mailbox.ts';
import type { Delivery, DeliveryOutcome, ReceiveOptions, Sink, Transport, TransportState } from './transport.ts';

/** Average wait before a new attempt, ms. */
const RECONNECT_MS = 100;

/** A transport between the mailboxes of a `MemoryNetwork`. */
export class MemoryTransport implements Transport {
  readonly kind = 'memory';
  readonly #air: MemoryAir;
  readonly #mailbox: MemoryMailbox;
  readonly #closing = new AbortController();
  readonly #listeners = new Set<(state: TransportState) => void>();
  #state: TransportState = { kind: 'offline' };

  constructor(air: MemoryAir, mailbox: MemoryMailbox) {
    this.#air = air;
    this.#mailbox = mailbox;
  }

  get state(): TransportState {
    return this.#state;
  }

  onState(listener: (state: TransportState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async deliver({ destination, envelope }: Delivery, signal?: AbortSignal): Promise<DeliveryOutcome> {
    const ending = signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
    const { conditions } = this.#air;
    try {
      if (ending.aborted) return { kind: 'unreachable' };
      await this.#travel(ending);
      if (!this.#air.connected || destination.gateway !== MEMORY_GATEWAY) return { kind: 'unreachable' };
      if (this.#air.random() < conditions.lossBefore) return { kind: 'unreachable' };
      const mailbox = this.#air.mailboxes.get(idHex(destination.mailbox));
      const outcome: DeliveryOutcome =
        mailbox === undefined ? { kind: 'refused', code: 'capability' } : mailbox.post(envelope, destination.admission);
      await this.#travel(ending);
      return this.#air.random() < conditions.lossAfter ? { kind: 'unreachable' } : outcome;
    } catch {
      return { kind: 'unreachable' };
    }
  }

  async receive(sink: Sink, options: ReceiveOptions): Promise<void> {
    const ending = AbortSignal.any([options.signal, this.#closing.signal]);
    for (let attempt = 1; !ending.aborted; attempt++) {
      this.#become({ kind: 'connecting', attempt });
      if (this.#air.connected) {
        this.#become({ kind: 'online' });
        await this.#connection(sink, options, ending);
        attempt = 0;
      }
      this.#become({ kind: 'offline' });
      const wait = this.#air.random() * RECONNECT_MS * 2;
      await sleep(this.#air.clock, wait, ending).catch(() => undefined);
    }
  }

  close(): Promise<void> {
    this.#become({ kind: 'closed' });
    this.#closing.abort();
    return Promise.resolve();
  }

  /** Hands over what waits until the connection breaks or the caller ends it; then waits for the sinks in work. */
  async #connection(sink: Sink, { inFlight, onCaughtUp }: ReceiveOptions, ending: AbortSignal): Promise<void> {
    const inWork = new Set<Promise<void>>();
    let cursor = 0;
    let caughtUp = false;
    let over = ending.aborted;
    let wake = Promise.withResolvers<void>();
    const nudge = (): void => {
      wake.resolve();
      wake = Promise.withResolvers();
    };
    const stop = (): void => {
      over = true;
      nudge();
    };
    ending.addEventListener('abort', stop, { once: true });
    this.#air.onCut.add(stop);
    const forget = this.#mailbox.onPost(nudge);
    while (!isOver()) {
      const next = inWork.size < inFlight ? this.#mailbox.after(cursor) : undefined;
      if (next === undefined) {
        if (!caughtUp && inWork.size === 0) {
          caughtUp = true;
          onCaughtUp?.();
          continue;
        }
        await wake.promise;
        continue;
      }
      cursor = next.sequence;
      const work = this.#handOver(sink, next).finally(() => {
        inWork.delete(work);
        nudge();
      });
      inWork.add(work);
    }
    this.#air.onCut.delete(stop);
    forget();
    ending.removeEventListener('abort', stop);
    await Promise.allSettled(inWork);

    function isOver(): boolean {
      return over;
    }
  }

  async #handOver(sink: Sink, { envelope, queue, storedAt, sequence }: Waiting): Promise<void> {
    await this.#travel();
    try {
      await sink({ envelope, queue, storedAt });
    } catch {
      // It stays, and comes again with the next connection.
      return;
    }
    if (this.#air.random() >= this.#air.conditions.acknowledgementLoss) this.#mailbox.acknowledge(sequence);
  }

  /** One way through the network. */
  async #travel(signal?: AbortSignal): Promise<void> {
    const { delayMs } = this.#air.conditions;
    const ms = typeof delayMs === 'function' ? delayMs() : delayMs;
    if (ms > 0) await sleep(this.#air.clock, ms, signal);
  }

  #become(state: TransportState): void {
    if (this.#state.kind === 'closed' || (state.kind === this.#state.kind && state.kind !== 'connecting')) return;
    this.#state = state;
    for (const listener of this.#listeners) listener(state);
  }
}
