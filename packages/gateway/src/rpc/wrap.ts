import { Refusal } from '@sotto/wire';
import { toConnectError, toRefused } from './errors.ts';
import type { Log } from './parts.ts';

type Implementation = Readonly<Record<string, (request: never, context: never) => unknown>>;

/**
 * The service with every unary method's errors turned into coded ones; what nobody foresaw is logged, without the
 * request. Streams turn their own (they have frames to end with).
 */
export function coded<Service extends object>(service: Service, streams: readonly string[], log: Log): Service {
  const methods = Object.entries(service as Implementation).map(([name, method]) => {
    if (streams.includes(name)) return [name, method];
    const wrapped = async (request: never, context: never): Promise<unknown> => {
      try {
        return await method(request, context);
      } catch (error) {
        logUnforeseen(log, name, error);
        throw toConnectError(error);
      }
    };
    return [name, wrapped];
  });
  return Object.fromEntries(methods) as Service;
}

/** Logs an error that is no refusal: a fault of ours or of the machine. */
export function logUnforeseen(log: Log, method: string, error: unknown): void {
  const refused = toRefused(error);
  if (refused.refusal === Refusal.UNAVAILABLE && refused.cause !== undefined) {
    log.error({ method, error: describe(refused.cause) }, 'a call failed');
  }
}

/** Name, code and place of an error. Never its own properties, which may hold what a caller sent. */
export function describe(error: unknown): { readonly name: string; readonly code?: unknown; readonly at?: string } {
  if (!(error instanceof Error)) return { name: typeof error };
  const frames = error.stack?.split('\n').filter((line) => line.startsWith('    at '));
  return {
    name: error.name,
    ...('code' in error ? { code: error.code } : {}),
    ...(frames?.[0] === undefined ? {} : { at: frames.slice(0, 3).join(' ').trim() }),
  };
}
