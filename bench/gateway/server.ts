/** A gateway in a process of its own, for the benchmark: tells its address, then its usage whenever it is asked. */
import { DEFAULT_LIMITS, DEFAULT_RATES, parseGatewayConfig, startGateway } from '@sotto/gateway';
import type { Rates } from '@sotto/gateway';
import type { ServerAnswer } from './protocol.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: server.ts FOLDER');

// The load comes from one address, which no gateway in service would let do this.
const unlimited = Object.fromEntries(Object.keys(DEFAULT_RATES).map((name) => [name, { burst: 1e9, perMs: 1e-6 }]));
const { config, secrets } = parseGatewayConfig({
  SOTTO_GATEWAY_DATA: folder,
  SOTTO_GATEWAY_LISTEN: '127.0.0.1:0',
  SOTTO_GATEWAY_LOG: 'warn',
});
const gateway = await startGateway(
  {
    ...config,
    rates: unlimited as unknown as Rates,
    limits: { ...DEFAULT_LIMITS, connectionsPerAddress: 20_000, capabilityDailyQuota: 1_000_000 },
  },
  secrets,
);

function answer(message: ServerAnswer): void {
  process.send?.(message);
}

process.on('message', (question) => {
  if (question === 'usage') {
    const { user, system } = process.cpuUsage();
    answer({ kind: 'usage', cpuMicroseconds: user + system, rssBytes: process.memoryUsage.rss() });
  } else if (question === 'stop') {
    void gateway.close().then(() => process.exit(0));
  }
});
answer({ kind: 'ready', address: gateway.address });
