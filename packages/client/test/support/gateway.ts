import { rmSync } from 'node:fs';
import { DEFAULT_LIMITS, DEFAULT_RATES, parseGatewayConfig, startGateway } from '@sotto/gateway';
import type { Gateway, GatewayConfig, Rates } from '@sotto/gateway';
import { testFolder } from './folders.ts';

/** Rates that no test runs into by accident. */
const noRates = Object.fromEntries(
  Object.keys(DEFAULT_RATES).map((name) => [name, { burst: 1_000_000, perMs: 0.001 }]),
) as unknown as Rates;

export interface TestGateway extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly address: string;
  readonly folder: string;
}

/** A real gateway on a loopback port; its data folder goes with it unless it was given. */
export async function startTestGateway(
  options: { limits?: Partial<GatewayConfig['limits']>; folder?: string; port?: number } = {},
): Promise<TestGateway> {
  const folder = options.folder ?? testFolder('gateway');
  const { config, secrets } = parseGatewayConfig({
    SOTTO_GATEWAY_DATA: folder,
    SOTTO_GATEWAY_LISTEN: `127.0.0.1:${options.port ?? 0}`,
    SOTTO_GATEWAY_LOG: 'error',
  });
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const gateway = await startGateway({ ...config, rates: noRates, limits }, secrets);
  return {
    gateway,
    address: gateway.address,
    folder,
    async [Symbol.asyncDispose]() {
      await gateway.close();
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}
