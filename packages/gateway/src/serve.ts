import { parseGatewayConfig } from './config.ts';
import type { Settings } from './config.ts';
import { startGateway } from './gateway.ts';
import type { Gateway, GatewayOverrides } from './gateway.ts';

export interface ServeOptions {
  /** Environment variables; see `parseGatewayConfig`. */
  readonly settings: Settings;
  /** Stops the gateway in order. */
  readonly signal: AbortSignal;
  /** Called once, when it accepts connections. */
  readonly onReady?: (gateway: Gateway) => void;
  readonly overrides?: GatewayOverrides;
}

/** Runs a gateway until the signal aborts; resolves when it has stopped. Throws `GatewayError` when it cannot start. */
export async function serveGateway({ settings, signal, onReady, overrides }: ServeOptions): Promise<void> {
  const { config, secrets } = parseGatewayConfig(settings);
  const gateway = await startGateway(config, secrets, overrides);
  onReady?.(gateway);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await gateway.close();
}
