import type { Connection } from './connection.ts';
import { toGatewayApiError } from './error-mapping.ts';

/**
 * Runs a unary call, once more if it failed on a connection that was open before: the gateway may have been closing it
 * for idleness just then. Every unary call may be repeated without harm.
 */
export async function retryingStale<T>(connection: Connection, call: () => Promise<T>): Promise<T> {
  const before = connection.current;
  try {
    return await call();
  } catch (error) {
    const stale = before !== undefined && connection.current !== before;
    if (!stale || toGatewayApiError(error).code !== 'unreachable') throw error;
    return call();
  }
}
