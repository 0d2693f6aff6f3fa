import { MessengerError } from '../error.ts';
import type {
  EventSource,
  MessengerEvent,
  MessengerEventName,
  MessengerEvents,
  NextOptions,
  StreamOptions,
} from './types.ts';
import { EventStream } from './stream.ts';

type Listener = (event: MessengerEvent) => void | Promise<void>;

const DEFAULT_BUFFER = 1000;

/** The giving side of `EventSource`. */
export class Emitter implements EventSource {
  readonly #listeners = new Map<MessengerEventName, Set<Listener>>();
  readonly #streams = new Set<EventStream>();
  #closed = false;

  /** Tells everyone. Never throws: a failing listener becomes a `problem` event, one that fails at that is dropped. */
  emit(event: MessengerEvent): void {
    if (this.#closed) return;
    for (const stream of this.#streams) stream.push(event);
    for (const listener of this.#listeners.get(event.type) ?? []) this.#call(listener, event);
  }

  /** Emits `closed`, then ends every stream and rejects every wait. */
  close(why: MessengerEvents['closed']['why']): void {
    this.emit({ type: 'closed', why });
    this.#closed = true;
    for (const stream of this.#streams) stream.end();
    this.#streams.clear();
    this.#listeners.clear();
  }

  on<Name extends MessengerEventName>(
    name: Name,
    listener: (event: MessengerEvents[Name]) => void | Promise<void>,
  ): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    // The same function may listen twice: each call of `on` has an entry of its own.
    const entry: Listener = (event) => listener(event as unknown as MessengerEvents[Name]);
    listeners.add(entry);
    return () => listeners.delete(entry);
  }

  async next<Name extends MessengerEventName>(
    name: Name,
    options: NextOptions<Name> = {},
  ): Promise<MessengerEvents[Name]> {
    const { signal } = options;
    const stream = this.stream([name], signal === undefined ? {} : { signal });
    for await (const event of stream) {
      const matching = event as unknown as MessengerEvents[Name];
      if (options.where === undefined || options.where(matching)) return matching;
    }
    if (signal?.aborted === true) throw new MessengerError('aborted', 'the wait was aborted');
    throw new MessengerError('closed', 'the messenger was closed');
  }

  stream<Name extends MessengerEventName>(
    names: readonly Name[] = [],
    options: StreamOptions = {},
  ): AsyncIterableIterator<Extract<MessengerEvent, { readonly type: Name }>> {
    const wanted = names.length === 0 ? null : new Set<MessengerEventName>(names);
    const stream = new EventStream({
      wanted,
      limit: options.buffer ?? DEFAULT_BUFFER,
      onEnd: (ended) => this.#streams.delete(ended),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    if (this.#closed) stream.end();
    else if (!stream.ended) this.#streams.add(stream);
    return stream as unknown as AsyncIterableIterator<Extract<MessengerEvent, { readonly type: Name }>>;
  }

  #call(listener: Listener, event: MessengerEvent): void {
    try {
      const result = listener(event);
      if (result instanceof Promise) result.catch((cause: unknown) => this.#failed(event, cause));
    } catch (cause) {
      this.#failed(event, cause);
    }
  }

  #failed(event: MessengerEvent, cause: unknown): void {
    if (event.type === 'problem') return;
    this.emit({
      type: 'problem',
      error: new MessengerError('listener_failed', 'an event listener failed', { cause }),
    });
  }
}
