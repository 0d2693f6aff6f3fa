import type { HandlerContext } from '@connectrpc/connect';
import type { DescMethod } from '@bufbuild/protobuf';
import { DeviceService, GroupLogService, idFromText, PostService, Refusal } from '@sotto/wire';
import type { DeviceRef } from '../ports/types.ts';
import { Refused } from '../refused.ts';
import { callOf, deviceKey } from './context.ts';
import { toConnectError } from './errors.ts';
import type { ServiceParts } from './parts.ts';
import type { Peer } from './peer.ts';

/** Device calls that come before there is a token. */
const BEFORE_LOGIN: readonly string[] = [
  DeviceService.method.getChallenge.name,
  DeviceService.method.register.name,
  DeviceService.method.login.name,
];

/** Services for connections that never log in. */
const ANONYMOUS: readonly string[] = [PostService.typeName, GroupLogService.typeName];

/** State of the whole gateway that closes it to calls. */
export interface Admittance {
  /** Null: calls are taken. */
  obstacle(): Refused | null;
}

/** What a decision about a call needs to know. */
interface Candidate {
  readonly method: DescMethod;
  readonly peer: Peer;
  readonly authorization: string | null;
}

/** Decides about every call before its body is read: the device that is logged in, or null where none needs to be. */
export type Gate = (candidate: Candidate) => Promise<DeviceRef | null>;

/** Throws `Refused` `UNAVAILABLE`, `FORBIDDEN`, `UNAUTHENTICATED` or `REVOKED`. */
export function createGate(parts: ServiceParts, admittance: Admittance): Gate {
  return async (candidate) => {
    const obstacle = admittance.obstacle();
    if (obstacle !== null) throw obstacle;
    const { method } = candidate;
    if (ANONYMOUS.includes(method.parent.typeName)) refuseLoggedIn(candidate);
    const needsLogin = method.parent.typeName === DeviceService.typeName && !BEFORE_LOGIN.includes(method.name);
    return needsLogin ? requireLogin(parts, candidate) : null;
  };
}

/** The gate in the form Connect asks for. */
export function connectGate(gate: Gate): (context: HandlerContext) => Promise<void> {
  return async (context) => {
    try {
      const { peer } = callOf(context);
      const authorization = context.requestHeader.get('authorization');
      const device = await gate({ method: context.method, peer, authorization });
      if (device !== null) context.values.set(deviceKey, device);
    } catch (error) {
      throw toConnectError(error);
    }
  };
}

/** Who posts and who reads logs must stay unknown; a client that mixes the two connections up gives its user away, so it is told. */
function refuseLoggedIn({ peer, authorization }: Candidate): void {
  if (peer.loggedIn || authorization !== null) {
    throw new Refused(Refusal.FORBIDDEN, 'this needs a connection of its own that never logs in');
  }
}

async function requireLogin(parts: ServiceParts, { peer, authorization }: Candidate): Promise<DeviceRef> {
  const [, token] = /^Bearer ([\w.-]+)$/.exec(authorization ?? '') ?? [];
  const claims = token === undefined ? null : await parts.tokens.verify(token, () => peer.channelBinding());
  if (claims === null) throw new Refused(Refusal.UNAUTHENTICATED, 'log in first');
  const account = idFromText('AccountId', claims.account);
  const device = await parts.directory.device(account, idFromText('DeviceId', claims.device));
  if (device === null) throw new Refused(Refusal.UNAUTHENTICATED, 'log in first');
  if (device.revoked) throw new Refused(Refusal.REVOKED, 'the device was revoked');
  peer.markLoggedIn();
  return device;
}
