/** A gateway in a process of its own, on a loopback port; ends with the channel to its parent. */
import { parseGatewayConfig, startGateway } from '@sotto/gateway';

const { config, secrets } = parseGatewayConfig({
  SOTTO_GATEWAY_DATA: process.argv[2] ?? '',
  SOTTO_GATEWAY_LISTEN: '127.0.0.1:0',
  SOTTO_GATEWAY_LOG: 'error',
});
const gateway = await startGateway(config, secrets);
process.once('disconnect', () => void gateway.close());
// Whoever asks hears how much processor time went into this process, seconds.
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.((user + system) / 1e6);
});
process.send?.({ kind: 'ready', address: gateway.address } satisfies GatewayReady);

export interface GatewayReady {
  readonly kind: 'ready';
  readonly address: string;
}
