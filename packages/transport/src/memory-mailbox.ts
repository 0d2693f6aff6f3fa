import { decodeEnvelope, equalBytes, idHex, WireError } from '@sotto/wire';
import type { Clock } from './clock.ts';
import type { Admission, DeliveryOutcome, Incoming, RefusalCode } from './transport.ts';

type QueueName = Incoming['queue'];

/** An envelope that waits. */
export interface Waiting extends Incoming {
  readonly sequence: number;
}

interface Admitted {
  readonly queue: QueueName;
  readonly secret: Uint8Array;
  used: boolean;
}

/** The queue of one device: what a gateway promises, without a gateway. */
export class MemoryMailbox {
  readonly #id: Uint8Array;
  readonly #clock: Clock;
  readonly #messages: number;
  readonly #admitted: Admitted[] = [];
  readonly #seen = new Set<string>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<() => void>();
  #lastSequence = 0;

  constructor(options: { readonly id: Uint8Array; readonly clock: Clock; readonly messages: number }) {
    this.#id = options.id;
    this.#clock = options.clock;
    this.#messages = options.messages;
  }

  admit(queue: QueueName, secret: Uint8Array): void {
    this.#admitted.push({ queue, secret, used: false });
  }

  post(envelope: Uint8Array, admission: Admission): DeliveryOutcome {
    const problem = this.#judge(envelope);
    if (problem !== null) return { kind: 'refused', code: problem };
    const secret = admission.kind === 'capability' ? admission.secret : admission.token;
    const queue = admission.kind === 'capability' ? 'contacts' : 'requests';
    const admitted = this.#admitted.find((known) => known.queue === queue && equalBytes(known.secret, secret));
    if (admitted === undefined) return { kind: 'refused', code: 'capability' };
    const key = idHex(envelope);
    if (this.#seen.has(key)) return { kind: 'accepted', duplicate: true };
    if (queue === 'requests' && admitted.used) return { kind: 'refused', code: 'quota' };
    if (this.#waiting.size >= this.#messages) return { kind: 'refused', code: 'mailbox-full' };
    admitted.used = true;
    this.#seen.add(key);
    this.#lastSequence++;
    const waiting = {
      sequence: this.#lastSequence,
      envelope: new Uint8Array(envelope),
      queue,
      storedAt: this.#clock.now(),
    } as const;
    this.#waiting.set(waiting.sequence, waiting);
    for (const listener of this.#listeners) listener();
    return { kind: 'accepted', duplicate: false };
  }

  /** The oldest that waits after a sequence. */
  after(sequence: number): Waiting | undefined {
    for (const waiting of this.#waiting.values()) if (waiting.sequence > sequence) return waiting;
    return undefined;
  }

  acknowledge(sequence: number): void {
    this.#waiting.delete(sequence);
  }

  onPost(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #judge(bytes: Uint8Array): RefusalCode | null {
    try {
      const { mailbox, expiresAt } = decodeEnvelope(bytes);
      if (!equalBytes(mailbox, this.#id)) return 'capability';
      return expiresAt * 1000 <= this.#clock.now() ? 'expired' : null;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      if (error.code === 'too_large') return 'too-large';
      return error.code === 'unknown_version' || error.code === 'unknown_suite' ? 'unsupported-version' : 'malformed';
    }
  }
}
