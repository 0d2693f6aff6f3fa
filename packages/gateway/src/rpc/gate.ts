import type { HandlerContext } from '@connectrpc/connect';
import { DeviceService, idFromText, PostService, Refusal } from '@sotto/wire';
import { Refused } from '../refused.ts';
import { callOf, deviceKey } from './context.ts';
import { toConnectError } from './errors.ts';
import type { ServiceParts } from './parts.ts';

/** Device calls that come before there is a token. */
const BEFORE_LOGIN: readonly string[] = [
  DeviceService.method.getChallenge.name,
  DeviceService.method.register.name,
  DeviceService.method.login.name,
];

/** State of the whole gateway that closes it to calls. */
export interface Admittance {
  /** Null: calls are taken. */
  obstacle(): Refused | null;
}

/** Decides about every call before its body is read. */
export function createGate(parts: ServiceParts, admittance: Admittance): (context: HandlerContext) => Promise<void> {
  return async (context) => {
    try {
      const obstacle = admittance.obstacle();
      if (obstacle !== null) throw obstacle;
      const { service, method } = context;
      if (service.typeName === PostService.typeName) refuseLoggedIn(context);
      if (service.typeName === DeviceService.typeName && !BEFORE_LOGIN.includes(method.name)) {
        await requireLogin(parts, context);
      }
    } catch (error) {
      throw toConnectError(error);
    }
  };
}

/** Who posts must stay unknown; a client that mixes the two connections up gives its user away, so it is told. */
function refuseLoggedIn(context: HandlerContext): void {
  if (callOf(context).peer.loggedIn || context.requestHeader.has('authorization')) {
    throw new Refused(Refusal.FORBIDDEN, 'post on a connection of its own that never logs in');
  }
}

async function requireLogin(parts: ServiceParts, context: HandlerContext): Promise<void> {
  const { peer } = callOf(context);
  const [, token] = /^Bearer ([\w.-]+)$/.exec(context.requestHeader.get('authorization') ?? '') ?? [];
  const claims = token === undefined ? null : await parts.tokens.verify(token, () => peer.channelBinding());
  if (claims === null) throw new Refused(Refusal.UNAUTHENTICATED, 'log in first');
  const account = idFromText('AccountId', claims.account);
  const device = await parts.directory.device(account, idFromText('DeviceId', claims.device));
  if (device === null) throw new Refused(Refusal.UNAUTHENTICATED, 'log in first');
  if (device.revoked) throw new Refused(Refusal.REVOKED, 'the device was revoked');
  peer.loggedIn = true;
  context.values.set(deviceKey, device);
}
