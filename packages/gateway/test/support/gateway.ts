import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_LIMITS, DEFAULT_RATES, parseGatewayConfig, startGateway } from '@sotto/gateway';
import type {
  Clock,
  EmbeddedStore,
  Gateway,
  GatewayConfig,
  GatewayOverrides,
  GatewaySecrets,
  Rates,
} from '@sotto/gateway';

import { ManualClock } from './clock.ts';

/** Rates that no test runs into by accident. */
export const NO_RATES: Rates = Object.fromEntries(
  Object.keys(DEFAULT_RATES).map((name) => [name, { burst: 1_000_000, perMs: 0.001 }]),
) as unknown as Rates;

export interface TestGateway extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly store: EmbeddedStore;
  /** Lines of the log. */
  readonly log: string[];
  readonly folder: string;
}

export interface TestGatewayOptions {
  readonly config?: Partial<GatewayConfig>;
  readonly limits?: Partial<GatewayConfig['limits']>;
  readonly secrets?: GatewaySecrets;
  readonly overrides?: GatewayOverrides;
  /** A data folder of before; left alone at the end. */
  readonly folder?: string;
}

/** A real gateway on a loopback port, with its data in a folder that goes with it. */
export async function startTestGateway(options: TestGatewayOptions = {}): Promise<TestGateway> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'sotto-gateway-'));
  const { config, secrets } = parseGatewayConfig({
    SOTTO_GATEWAY_DATA: folder,
    SOTTO_GATEWAY_LISTEN: '127.0.0.1:0',
    SOTTO_GATEWAY_LOG: 'debug',
  });
  const log: string[] = [];
  let store: EmbeddedStore | undefined;
  const gateway = await startGateway(
    { ...config, rates: NO_RATES, limits: { ...DEFAULT_LIMITS, ...options.limits }, ...options.config },
    options.secrets ?? secrets,
    { logTo: { write: (line) => log.push(line) }, onStore: (opened) => (store = opened), ...options.overrides },
  );
  if (store === undefined) throw new Error('no store was opened');
  return {
    gateway,
    store,
    log,
    folder,
    async [Symbol.asyncDispose]() {
      await closeWith(gateway, options.overrides?.clock);
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Stops a gateway; a clock that only a test moves is moved meanwhile. */
async function closeWith(gateway: Gateway, clock: Clock | undefined): Promise<void> {
  const closing = gateway.close();
  const moving = clock instanceof ManualClock ? setInterval(() => clock.advance(500), 5) : undefined;
  await closing;
  clearInterval(moving);
}
