import type { UniversalClientFn } from '@connectrpc/connect/protocol';
import type { GatewayAddress } from '@sotto/wire';
import type { Clock } from '@sotto/transport';

/**
 * How connections to gateways come about: HTTP/2 over TLS 1.3 unless a simulation brings its own. Whoever implements this
 * vouches that the other side is the gateway that the address pins.
 */
export interface Network {
  /** A new, verified connection. Rejects with `GatewayApiError` `unreachable`, `wrong-gateway`, `certificate`, or the signal's reason. */
  open(target: GatewayAddress, options: OpenChannelOptions): Promise<Channel>;
}

export interface OpenChannelOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** One verified connection to a gateway. */
export interface Channel {
  /** Bound to this connection and no other: the TLS exporter (RFC 8446 §7.5), 32 bytes. */
  readonly channelBinding: Uint8Array;
  /** One HTTP exchange on it. */
  readonly exchange: UniversalClientFn;
  /** Calls `onPong` when the other side has answered. False: it takes no more questions. */
  ping(onPong: () => void): boolean;
  /** Calls `listener` when the connection takes no further exchange; perhaps more than once. */
  onEnd(listener: () => void): void;
  /** Ends everything under way with `error`. */
  destroy(error: Error): void;
}
