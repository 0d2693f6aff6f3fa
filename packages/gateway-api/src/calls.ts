import type { Clock } from '@sotto/transport';
import { GatewayApiError } from './error.ts';
import { toGatewayApiError } from './error-mapping.ts';
import type { CallOptions } from './types.ts';

/** ms a call may take unless its options say otherwise. */
const DEFAULT_DEADLINE_MS = 10_000;

/** Where a call goes. */
export interface Line {
  readonly clock: Clock;
  /** No answer came in time: perhaps nobody is there any more. */
  doubt(): void;
}

/** Runs `call` under its options; whatever goes wrong becomes a `GatewayApiError`. */
export async function limited<T>(
  line: Line,
  options: CallOptions | undefined,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const cancelDeadline = line.clock.after(options?.deadlineMs ?? DEFAULT_DEADLINE_MS, () => {
    line.doubt();
    controller.abort(new GatewayApiError('deadline', 'the gateway did not answer in time'));
  });
  const outer = options?.signal;
  const onAbort = (): void => {
    controller.abort(new GatewayApiError('aborted', 'the caller gave up', { cause: outer?.reason }));
  };
  outer?.addEventListener('abort', onAbort, { once: true });
  if (outer?.aborted === true) onAbort();
  try {
    return await untilAborted(call(controller.signal), controller.signal);
  } catch (error) {
    // What Connect makes of an abort is less telling than why it was aborted.
    throw toGatewayApiError(controller.signal.aborted ? controller.signal.reason : error);
  } finally {
    cancelDeadline();
    outer?.removeEventListener('abort', onAbort);
  }
}

/** Does not wait for a call that takes its time to notice that it was aborted. */
export function untilAborted<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    result.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
