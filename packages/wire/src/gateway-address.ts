import { fromBase32, toBase32 } from './base32.ts';
import { WireError } from './error.ts';
import { formatHost, parseHost } from './host.ts';
import type { Host } from './host.ts';
import { MAX_GATEWAY_ADDRESS_CHARACTERS } from './limits.ts';

/** Where a gateway is and who it is: `sotto://host:port/pin`. */
export interface GatewayAddress {
  readonly host: Host;
  /** 1–65535. */
  readonly port: number;
  /** The gateway's Ed25519 identity key, 32 bytes; it signs the keys used in TLS. */
  readonly pin: Uint8Array;
}

/** Ed25519 public key, bytes; 52 base32 characters. */
const PIN_BYTES = 32;

const ADDRESS = /^sotto:\/\/(\[[^\]]+\]|[^:/[\]]+):([1-9][0-9]{0,4})\/([a-z2-7]{52})$/;

/**
 * Parses an address. Case does not matter (QR codes are smaller in capitals); apart from that there is one way to write
 * each. Throws `WireError`: `too_large`, `malformed`, `text`, `range`, `not_canonical`.
 */
export function parseGatewayAddress(text: string): GatewayAddress {
  if (text.length > MAX_GATEWAY_ADDRESS_CHARACTERS) throw new WireError('too_large', 'the address is too long');
  const match = ADDRESS.exec(text.toLowerCase());
  if (match === null) throw new WireError('malformed', 'a gateway address reads sotto://host:port/key');
  const [, host = '', port = '', pin = ''] = match;
  return { host: parseHost(host), port: checkPort(Number(port)), pin: fromBase32(pin) };
}

/** The one way to write an address, lower case. Throws `WireError` `length` or `range`. */
export function formatGatewayAddress(address: GatewayAddress): string {
  if (address.pin.length !== PIN_BYTES) throw new WireError('length', 'a gateway key has 32 bytes');
  return `sotto://${formatHost(address.host)}:${checkPort(address.port)}/${toBase32(address.pin)}`;
}

function checkPort(port: number): number {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new WireError('range', 'no such port');
  return port;
}
