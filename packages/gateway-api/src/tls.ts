import { createPublicKey } from 'node:crypto';
import type { X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { hostName } from '@sotto/wire';
import type { GatewayAddress } from '@sotto/wire';
import { GatewayApiError } from './error.ts';

/** Extended key usage id-kp-serverAuth (RFC 5280 §4.2.1.12). */
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
/** SubjectPublicKeyInfo of an Ed25519 key up to the key itself (RFC 8410). */
const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * Opens a TLS 1.3 connection to the gateway that the address pins, and to no other: its certificate must be signed by
 * the pinned identity key, be in force at `now()` and be made for servers. Names play no part, so none is sent (SNI).
 * Rejects with `unreachable`, `wrong-gateway`, `certificate`, or with the signal's reason.
 */
export function openTls(
  address: GatewayAddress,
  now: () => number,
  signal: AbortSignal,
  protocol: 'h2' | 'http/1.1' = 'h2',
): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: hostName(address.host),
      port: address.port,
      ALPNProtocols: [protocol],
      minVersion: 'TLSv1.3',
      servername: '',
      // The pinned key is checked below, before anything is sent.
      rejectUnauthorized: false,
    });
    const fail = (error: Error): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      reject(error);
    };
    const onAbort = (): void => fail(signal.reason as Error);
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', (cause) =>
      fail(new GatewayApiError('unreachable', 'no connection to the gateway', { cause })),
    );
    socket.once('secureConnect', () => {
      const problem = judge(socket.getPeerX509Certificate(), address.pin, now());
      if (problem !== null) return fail(problem);
      if (socket.alpnProtocol !== protocol)
        return fail(new GatewayApiError('wrong-gateway', 'the other side speaks another HTTP'));
      signal.removeEventListener('abort', onAbort);
      socket.setNoDelay(true);
      resolve(socket);
    });
  });
}

function judge(certificate: X509Certificate | undefined, pin: Uint8Array, now: number): GatewayApiError | null {
  const identity = createPublicKey({ key: Buffer.concat([ED25519_SPKI, pin]), format: 'der', type: 'spki' });
  if (certificate?.verify(identity) !== true || certificate.ca || !certificate.keyUsage?.includes(SERVER_AUTH)) {
    return new GatewayApiError('wrong-gateway', 'the other side is not the gateway that the address names');
  }
  if (certificate.validFromDate.getTime() > now || certificate.validToDate.getTime() < now) {
    return new GatewayApiError('certificate', 'the gateway’s certificate is not valid at this time');
  }
  return null;
}
