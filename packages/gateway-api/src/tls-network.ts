import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { createNodeHttpClient } from '@connectrpc/connect-node';
import { LOGIN_EXPORTER_LABEL } from '@sotto/wire';
import { authorityOf } from './authority.ts';
import { GatewayApiError } from './error.ts';
import type { Channel, Network } from './network.ts';
import { openTls } from './tls.ts';

const BINDING_BYTES = 32;
const SETTINGS = { enablePush: false, initialWindowSize: 1024 * 1024 };

/** HTTP/2 over TLS 1.3, with the gateway's pinned identity checked. */
export const tlsNetwork: Network = {
  async open(target, { clock, signal }) {
    const socket = await openTls(target, () => clock.now(), signal);
    return begin(authorityOf(target), socket, signal);
  },
};

function begin(authority: string, socket: TLSSocket, signal: AbortSignal): Promise<Channel> {
  const channelBinding = socket.exportKeyingMaterial(BINDING_BYTES, LOGIN_EXPORTER_LABEL, Buffer.alloc(0));
  const http2 = connect(authority, { createConnection: () => socket, settings: SETTINGS });
  const channel = channelOf(authority, http2, channelBinding);
  http2.setLocalWindowSize(SETTINGS.initialWindowSize * 4);
  // Without a listener a broken connection would end the process; `close` tells of it.
  http2.on('error', () => undefined);
  // An idle connection does not keep a program alive; calls under way hold it through their own timers and streams.
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      http2.destroy();
      reject(signal.reason as Error);
    };
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const settle = (finish: () => void) => () => {
      signal.removeEventListener('abort', onAbort);
      finish();
    };
    http2.once(
      'connect',
      settle(() => resolve(channel)),
    );
    http2.once(
      'close',
      settle(() => reject(new GatewayApiError('unreachable', 'the gateway closed the connection'))),
    );
  });
}

function channelOf(authority: string, http2: ClientHttp2Session, channelBinding: Uint8Array): Channel {
  const session = {
    authority,
    request: async (method: string, path: string, headers: object, options: object) =>
      http2.request({ ...headers, ':method': method, ':path': path }, options),
    // The gateway decides when an idle connection ends.
    notifyResponseByteRead: () => undefined,
  };
  return {
    channelBinding,
    exchange: createNodeHttpClient({ httpVersion: '2', sessionProvider: () => session }),
    ping: (onPong) =>
      http2.ping((error) => {
        if (error === null) onPong();
      }),
    onEnd: (listener) => {
      http2.on('goaway', listener);
      http2.on('close', listener);
      http2.on('error', listener);
    },
    destroy: (error) => http2.destroy(error),
  };
}
