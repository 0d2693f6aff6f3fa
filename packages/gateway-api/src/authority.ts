import { formatGatewayAddress } from '@sotto/wire';
import type { GatewayAddress } from '@sotto/wire';

/** Where HTTP requests to a gateway go: `https://host:port`. */
export function authorityOf(address: GatewayAddress): string {
  return formatGatewayAddress(address)
    .replace('sotto://', 'https://')
    .replace(/\/[^/]*$/, '');
}
