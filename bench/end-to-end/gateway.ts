/** A gateway in a process of its own, on a loopback port; ends with the channel to its parent. */
import { parseGatewayConfig, startGateway } from '@sotto/gateway';

const { config, secrets } = parseGatewayConfig({
  SOTTO_GATEWAY_DATA: process.argv[2] ?? '',
  SOTTO_GATEWAY_LISTEN: '127.0.0.1:0',
  SOTTO_GATEWAY_LOG: 'error',
});
const gateway = await startGateway(config, secrets);
process.once('disconnect', () => void gateway.close());
process.send?.({ kind: 'ready', address: gateway.address } satisfies GatewayReady);

export interface GatewayReady {
  readonly kind: 'ready';
  readonly address: string;
}
