import { MessengerError } from '../error.ts';
import type { MessengerEvent, MessengerEventName } from './types.ts';

interface EventStreamOptions {
  /** Null: all. */
  readonly wanted: ReadonlySet<MessengerEventName> | null;
  readonly limit: number;
  readonly signal?: AbortSignal;
  readonly onEnd: (stream: EventStream) => void;
}

interface Waiting {
  readonly resolve: (result: IteratorResult<MessengerEvent, undefined>) => void;
  readonly reject: (error: MessengerError) => void;
}

/** Events between the emitter and one reader, in a bounded buffer. */
export class EventStream implements AsyncIterableIterator<MessengerEvent, undefined> {
  readonly #options: EventStreamOptions;
  readonly #buffer: MessengerEvent[] = [];
  readonly #waiting: Waiting[] = [];
  readonly #onAbort = (): void => this.end();
  #overflowed = false;
  #ended = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    if (options.signal?.aborted === true) this.#ended = true;
    else options.signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  get ended(): boolean {
    return this.#ended;
  }

  push(event: MessengerEvent): void {
    if (this.#ended || this.#options.wanted?.has(event.type) === false) return;
    const reader = this.#waiting.shift();
    if (reader !== undefined) {
      reader.resolve({ done: false, value: event });
    } else if (this.#buffer.length < this.#options.limit) {
      this.#buffer.push(event);
    } else {
      this.#overflowed = true;
      this.end();
    }
  }

  /** No further events; what is buffered can still be read. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#options.onEnd(this);
    for (const reader of this.#waiting.splice(0)) reader.resolve({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<MessengerEvent, undefined>> {
    const event = this.#buffer.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#overflowed) {
      this.#overflowed = false;
      return Promise.reject(new MessengerError('slow_consumer', 'the reader was too slow and missed events'));
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<MessengerEvent, undefined>> {
    this.#buffer.length = 0;
    this.#overflowed = false;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
