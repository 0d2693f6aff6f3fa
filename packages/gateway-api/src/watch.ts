import type { Clock } from '@sotto/transport';
import { GatewayApiError } from './error.ts';
import type { CallOptions } from './types.ts';

/** ms without any movement after which a transfer is given up. */
const STILL_MS = 30_000;

/** Ends a transfer when its caller or the connection's owner says so, or when nothing moves any more. */
export class Watch {
  readonly #clock: Clock;
  readonly #stillMs: number;
  readonly #failed = Promise.withResolvers<never>();
  readonly #tasks: (() => void)[] = [];
  readonly #unlisten: () => void;
  #reason: GatewayApiError | null = null;
  #moved: number;
  #cancel: () => void;

  constructor(clock: Clock, { signal, deadlineMs }: CallOptions, closing: AbortSignal) {
    this.#clock = clock;
    this.#stillMs = deadlineMs ?? STILL_MS;
    this.#moved = clock.now();
    this.#cancel = clock.after(this.#stillMs, () => this.#look());
    this.#failed.promise.catch(() => undefined);
    const onAbort = (): void =>
      this.#fail(new GatewayApiError('aborted', 'the caller gave up', { cause: signal?.reason }));
    const onClose = (): void => this.#fail(closing.reason as GatewayApiError);
    signal?.addEventListener('abort', onAbort, { once: true });
    closing.addEventListener('abort', onClose, { once: true });
    this.#unlisten = () => {
      signal?.removeEventListener('abort', onAbort);
      closing.removeEventListener('abort', onClose);
    };
    if (signal?.aborted === true) onAbort();
    if (closing.aborted) onClose();
  }

  /** Why it ended; null: it has not. */
  get reason(): GatewayApiError | null {
    return this.#reason;
  }

  /** Rejects with the reason. */
  get failed(): Promise<never> {
    return this.#failed.promise;
  }

  /** Runs at the end, or at once when that is over. */
  onFailure(task: () => void): void {
    if (this.#reason !== null) task();
    else this.#tasks.push(task);
  }

  /** Something came or went. Cheap: called for every piece. */
  moved(): void {
    this.#moved = this.#clock.now();
  }

  stop(): void {
    this.#cancel();
    this.#unlisten();
  }

  #look(): void {
    const left = this.#moved + this.#stillMs - this.#clock.now();
    if (left > 0) {
      this.#cancel = this.#clock.after(left, () => this.#look());
      return;
    }
    this.#fail(new GatewayApiError('deadline', 'nothing moves any more'));
  }

  #fail(reason: GatewayApiError): void {
    if (this.#reason !== null) return;
    this.#reason = reason;
    this.stop();
    for (const task of this.#tasks) task();
    this.#failed.reject(reason);
  }
}
