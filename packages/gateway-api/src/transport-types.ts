import type { Transport } from '@sotto/transport';
import type { BlobConnection } from './blob-types.ts';
import type { FollowOptions, LogFollower, LogSink } from './log-types.ts';
import type { DeviceConnection, DeviceOptions, GatewayConnection, PrekeyStock } from './types.ts';

export interface GatewayTransportOptions {
  /** The gateway this device receives at. Its network carries the posts too. */
  readonly device: DeviceOptions;
  /** Uniform in [0, 1): jitter for back-off. */
  readonly random: () => number;
  /** Anonymous connections kept open at once; the least recently used is closed. Default 8. */
  readonly connections?: number;
}

/**
 * Envelopes through gateways. Receives on the device's own, logged-in connection; posts on separate connections that
 * never log in, to whatever gateway the destination names.
 */
export interface GatewayTransport extends Transport {
  readonly kind: 'gateway';
  /** The logged-in connection: registration, prekeys, capabilities. */
  readonly device: DeviceConnection;
  /** The pooled anonymous connection to a gateway: names, chains, bundles. Do not close it. */
  directory(address: string): GatewayConnection;
  /** Blobs at a gateway, over connections of their own that never log in. Do not close it. */
  blobs(address: string): BlobConnection;
  /**
   * Follows logs at a gateway, on a connection of its own that never logs in. Its owner closes it; closing the transport
   * does too. Throws `GatewayApiError` `malformed` for a wrong address.
   */
  followLogs(address: string, sink: LogSink, options?: FollowOptions): LogFollower;
  /** Called when the gateway says that one-time prekeys run low; returns the function that stops it. */
  onLowPrekeys(listener: (stock: PrekeyStock) => void): () => void;
}
