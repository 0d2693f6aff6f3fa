import { toBinary } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import {
  DirectoryService,
  GetBundleResponseSchema,
  GroupLogService,
  Registration,
  parseGatewayAddress,
} from '@sotto/wire';
import type { GatewayAddress, GetInfoResponse } from '@sotto/wire';
import { admissionMessage } from './admission.ts';
import { limited } from './calls.ts';
import { Connection } from './connection.ts';
import { GatewayApiError } from './error.ts';
import { extentOf, postMessage, recordOf } from './logs.ts';
import { Poster } from './poster.ts';
import { retryingStale } from './stale.ts';
import { tlsNetwork } from './tls-network.ts';
import type { CallOptions, GatewayConnection, GatewayInfo, GatewayOptions } from './types.ts';

/**
 * An anonymous connection to the gateway at an address; see `GatewayConnection`. Nothing is sent before the first call.
 * Throws `GatewayApiError` `malformed` when the address is none.
 */
export function connectGateway(options: GatewayOptions): GatewayConnection {
  const { address, clock, network = tlsNetwork } = options;
  const connection = new Connection(parseAddress(address), clock, network);
  const directory = createClient(DirectoryService, connection.transport);
  const logs = createClient(GroupLogService, connection.transport);
  const poster = new Poster(connection);
  const call = <T>(callOptions: CallOptions | undefined, run: (signal: AbortSignal) => Promise<T>): Promise<T> =>
    limited(connection, callOptions, (signal) => retryingStale(connection, () => run(signal)));
  return {
    address,

    info: (callOptions) => call(callOptions, async (signal) => infoOf(await directory.getInfo({}, { signal }))),

    resolveName: (name, callOptions) =>
      call(callOptions, async (signal) => (await directory.resolveName({ name }, { signal })).account),

    chain: (account, fromSequence = 0, callOptions) =>
      call(callOptions, async (signal) => {
        const request = { account, fromSequence: BigInt(fromSequence) };
        return (await directory.getChain(request, { signal })).statements;
      }),

    bundle: ({ account, device, admission }, callOptions) =>
      call(callOptions, async (signal) => {
        const request = { account, device, admission: admissionMessage(admission) };
        const response = await directory.getBundle(request, { signal });
        return { mailbox: response.mailbox, serialized: toBinary(GetBundleResponseSchema, response) };
      }),

    requestToken: (account, callOptions) =>
      call(callOptions, async (signal) => {
        const { token, expiresAt } = await directory.getRequestToken({ account }, { signal });
        return { token, expiresAt: Number(expiresAt) };
      }),

    post: (envelope, admission, callOptions) =>
      limited(connection, callOptions, (signal) => poster.post(envelope, admission, signal)),

    keyPackage: ({ account, device, admission }, callOptions) =>
      call(callOptions, async (signal) => {
        const request = { account, device, admission: admissionMessage(admission) };
        const { keyPackage, lastResort } = await directory.getKeyPackage(request, { signal });
        return { keyPackage, lastResort };
      }),

    append: (post, callOptions) =>
      call(callOptions, async (signal) => {
        const { position, duplicate } = await logs.append({ post: postMessage(post) }, { signal });
        return { position: Number(position), duplicate };
      }),

    readLog: ({ log, after = 0, limit = 0 }, callOptions) =>
      call(callOptions, async (signal) => {
        const { records, more, extent } = await logs.readLog({ log, after: BigInt(after), limit }, { signal });
        return { records: records.map(recordOf), more, extent: extentOf(extent) };
      }),

    close: () => {
      poster.close();
      connection.close();
      return Promise.resolve();
    },
  };
}

/** Throws `GatewayApiError` `malformed`. */
export function parseAddress(text: string): GatewayAddress {
  try {
    return parseGatewayAddress(text);
  } catch (cause) {
    throw new GatewayApiError('malformed', 'not a gateway address', { cause });
  }
}

function infoOf(response: GetInfoResponse): GatewayInfo {
  const { limits } = response;
  if (limits === undefined) throw new GatewayApiError('protocol', 'the gateway names no limits');
  return {
    version: response.version,
    envelopeVersions: response.envelopeVersions,
    now: Number(response.now),
    registration: registrationOf(response.registration),
    limits: {
      mailboxMessages: limits.mailboxMessages,
      mailboxRequests: limits.mailboxRequests,
      retentionSeconds: Number(limits.retentionSeconds),
      envelopeBytes: limits.envelopeBytes,
      oneTimePrekeys: limits.oneTimePrekeys,
      keyPackages: limits.keyPackages,
      logCommitBytes: limits.logCommitBytes,
      logMessageBytes: limits.logMessageBytes,
      logBytes: Number(limits.logBytes),
      logRetentionSeconds: Number(limits.logRetentionSeconds),
      blobBytes: Number(limits.blobBytes),
      blobRetentionSeconds: Number(limits.blobRetentionSeconds),
      blobDailyBytes: Number(limits.blobDailyBytes),
      blobDailyCount: limits.blobDailyCount,
    },
  };
}

function registrationOf(registration: Registration): GatewayInfo['registration'] {
  if (registration === Registration.OPEN) return 'open';
  return registration === Registration.CODE ? 'code' : 'closed';
}
