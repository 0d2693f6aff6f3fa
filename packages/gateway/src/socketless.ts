import { createContextValues } from '@connectrpc/connect';
import type { UniversalServerRequest, UniversalServerResponse } from '@connectrpc/connect/protocol';
import { uResponseNotFound } from '@connectrpc/connect/protocol';
import { Tokens } from './login/tokens.ts';
import type { LoginTokens } from './login/tokens.ts';
import { callKey } from './rpc/context.ts';
import { withDetail } from './rpc/error-detail.ts';
import { Peer } from './rpc/peer.ts';
import type { PeerLink } from './rpc/peer.ts';
import type { Log } from './rpc/parts.ts';
import { createService } from './service.ts';
import type { ServiceOptions } from './service.ts';
import type { Clock } from './clock.ts';

/** A gateway whose connections are function calls: the same services, store, limits and streams without sockets. */
export interface SocketlessGateway {
  /** A connection. The function returned serves the calls made on it, Connect's protocol in and out. */
  connect(link: PeerLink): (call: SocketlessCall) => Promise<UniversalServerResponse>;
  /** Takes nothing new and ends streams with a reason. */
  end(): void;
  /** Sets no timer any more; the store is its owner's to close. */
  stop(): void;
}

export interface SocketlessCall {
  readonly request: UniversalServerRequest;
  /** Ends the call at once, for a consumer that does not read. */
  readonly reset: () => void;
}

/** `log` left out: nothing is written. */
export type SocketlessOptions = Omit<ServiceOptions, 'log'> & { readonly log?: Log };

/** A gateway for simulations, and for hosts that bring their own connections. */
export function createSocketlessGateway(options: SocketlessOptions): SocketlessGateway {
  const service = createService({ log: SILENT, ...options });
  const handlers = new Map(service.routes.handlers.map((handler) => [handler.requestPath, handler]));
  return {
    connect: (link) => {
      const peer = new Peer(link);
      return async ({ request, reset }) => {
        const handler = handlers.get(new URL(request.url).pathname);
        if (handler === undefined) return uResponseNotFound;
        const contextValues = createContextValues().set(callKey, { peer, reset });
        const response = await handler({ ...request, contextValues });
        return handler.method.methodKind === 'unary' ? withDetail(response) : response;
      };
    },
    end: () => service.end(),
    stop: () => service.stop(),
  };
}

/** Login tokens as gateways make them, to be watched or wrapped by a host. Signing leaves the thread. */
export function createLoginTokens(clock: Clock, identity: Uint8Array): LoginTokens {
  return new Tokens(clock, identity);
}

const nothing = (): void => undefined;
const SILENT: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing };
