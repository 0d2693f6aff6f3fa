import { createContextKey } from '@connectrpc/connect';
import type { ContextKey, HandlerContext } from '@connectrpc/connect';
import type { DeviceRef } from '../ports/types.ts';
import type { Peer } from './peer.ts';

/** What the server knows about one call, besides its content. */
export interface Call {
  readonly peer: Peer;
  /** Ends the call's HTTP stream at once, for a consumer that does not read. */
  readonly reset: () => void;
}

const callKey: ContextKey<Call | undefined> = createContextKey<Call | undefined>(undefined);
const deviceKey: ContextKey<DeviceRef | undefined> = createContextKey<DeviceRef | undefined>(undefined);

export { callKey, deviceKey };

/** Set by the server for every call. */
export function callOf(context: HandlerContext): Call {
  const call = context.values.get(callKey);
  if (call === undefined) throw new Error('a call without its connection');
  return call;
}

/** Set by the gate of the device service. */
export function deviceOf(context: HandlerContext): DeviceRef {
  const device = context.values.get(deviceKey);
  if (device === undefined) throw new Error('a device call without a login');
  return device;
}
