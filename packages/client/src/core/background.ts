import { GatewayApiError } from '@sotto/gateway-api';
import type { GatewayApiErrorCode } from '@sotto/gateway-api';
import { VaultError } from '@sotto/vault';
import { MessengerError } from '../error.ts';
import type { MessengerErrorCode } from '../error.ts';
import type { Emitter } from '../events/emitter.ts';

/** Work that nobody awaits: it ends with the messenger, and its failures become `problem` events. */
export class Background {
  readonly #controller = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #events: Emitter;

  constructor(events: Emitter) {
    this.#events = events;
  }

  /** Aborts when the messenger closes. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Aborts with it or with the caller's signal. */
  until({ signal }: { readonly signal?: AbortSignal }): AbortSignal {
    return signal === undefined ? this.signal : AbortSignal.any([signal, this.signal]);
  }

  get closing(): boolean {
    return this.#controller.signal.aborted;
  }

  /** Starts `task` unless the messenger is closing. */
  start(task: (signal: AbortSignal) => Promise<void>): void {
    if (this.closing) return;
    const running = task(this.signal)
      .catch((cause: unknown) => this.report(cause))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Tells of a failure that does not reach any caller. What closing causes is none. */
  report(cause: unknown): void {
    if (this.closing) return;
    this.#events.emit({ type: 'problem', error: asMessengerError(cause) });
  }

  /** Aborts everything and waits until it has ended. */
  async close(): Promise<void> {
    this.#controller.abort(new MessengerError('closed', 'the messenger was closed'));
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}

/** Whatever failed, as users of the SDK know it. */
export function asMessengerError(cause: unknown): MessengerError {
  if (cause instanceof MessengerError) return cause;
  if (cause instanceof GatewayApiError) return fromGateway(cause);
  if (cause instanceof VaultError && cause.code !== 'misuse') {
    return new MessengerError('storage', `the vault failed: ${cause.code}`, { cause });
  }
  return new MessengerError('internal', 'something failed that should not', { cause });
}

/** A gateway's refusal as callers of the SDK see it. */
export function fromGateway(cause: GatewayApiError): MessengerError {
  const [code, text] = meanings[cause.code] ?? ['refused', `the gateway refused: ${cause.code}`];
  return new MessengerError(code, text, { cause });
}

const away = ['unreachable', 'the gateway could not be reached'] as const;

const meanings: { readonly [Code in GatewayApiErrorCode]?: readonly [MessengerErrorCode, string] } = {
  unreachable: away,
  deadline: away,
  unavailable: away,
  aborted: ['aborted', 'the call was aborted'],
  closed: ['closed', 'the messenger was closed'],
  revoked: ['revoked', 'this device was revoked'],
  'wrong-gateway': ['untrusted', 'the gateway is not the one its address names'],
};
