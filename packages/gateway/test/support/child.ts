/** A gateway in a process of its own, for tests that kill, trace or flood it: `child.ts FOLDER PORT [MEMORY_MIB]`. */
import { parseGatewayConfig, startGateway } from '@sotto/gateway';
import { NO_RATES } from './gateway.ts';

const [folder, port, memory = '2048'] = process.argv.slice(2);
if (folder === undefined || port === undefined) throw new Error('usage: child.ts FOLDER PORT [MEMORY_MIB]');
const { config, secrets } = parseGatewayConfig({
  SOTTO_GATEWAY_DATA: folder,
  SOTTO_GATEWAY_LISTEN: `127.0.0.1:${port}`,
  SOTTO_GATEWAY_LOG: 'error',
  SOTTO_GATEWAY_MEMORY_MIB: memory,
});
const gateway = await startGateway({ ...config, rates: NO_RATES }, secrets);
process.on('message', (message) => {
  if (message === 'rss') process.send?.({ rss: process.memoryUsage.rss() });
});
// A test that ends early takes its gateway with it.
process.on('disconnect', () => process.exit(1));
process.send?.({ address: gateway.address });
