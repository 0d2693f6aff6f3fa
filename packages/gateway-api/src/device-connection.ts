import { fromBinary } from '@bufbuild/protobuf';
import { createClient } from '@connectrpc/connect';
import { DeviceService, PrekeyEntrySchema } from '@sotto/wire';
import type { PrekeyEntry } from '@sotto/wire';
import { arrivalOf, stockOf } from './arrivals.ts';
import { limited } from './calls.ts';
import { Connection } from './connection.ts';
import { DeviceStream } from './device-stream.ts';
import { toGatewayApiError } from './error-mapping.ts';
import { GatewayApiError } from './error.ts';
import type { KeyPackageOrder } from './log-types.ts';
import { parseAddress } from './gateway-connection.ts';
import { keyPackageStockOf } from './logs.ts';
import { Login } from './login.ts';
import { retryingStale } from './stale.ts';
import { tlsNetwork } from './tls-network.ts';
import type { CallOptions, DeviceConnection, DeviceOptions } from './types.ts';

type Headers = { readonly authorization: string };

/**
 * A device's own connection to its gateway; see `DeviceConnection`. Nothing is sent before the first call. Throws
 * `GatewayApiError` `malformed` when the address is none.
 */
export function connectDevice(options: DeviceOptions): DeviceConnection {
  const { address, clock, network = tlsNetwork } = options;
  const parsed = parseAddress(address);
  const connection = new Connection(parsed, clock, network);
  const client = createClient(DeviceService, connection.transport);
  const login = new Login(options, parsed.pin, connection);
  const call = <T>(
    callOptions: CallOptions | undefined,
    run: (call: { readonly signal: AbortSignal; readonly headers: Headers }) => Promise<T>,
  ): Promise<T> =>
    limited(connection, callOptions, (signal) =>
      retryingStale(connection, () => login.run((headers) => run({ signal, headers }))),
    );
  return {
    address,

    register: ({ statements, code = '' }, callOptions) =>
      limited(connection, callOptions, async (signal) => {
        const request = { proof: await login.proof(), statements: [...statements], registrationCode: code };
        return (await client.register(request, { signal })).mailbox;
      }),

    publish: (statements, callOptions) =>
      call(callOptions, async (rest) => {
        const { sequence } = await client.publishStatements({ statements: [...statements] }, rest);
        return Number(sequence);
      }),

    claimName: (name, callOptions) => call(callOptions, async (rest) => void (await client.claimName({ name }, rest))),

    uploadPrekeys: ({ lasting, oneTime, replace = false }, callOptions) =>
      call(callOptions, async (rest) => {
        const request = { lasting: lasting.map(readEntry), oneTime: oneTime.map(readEntry), replace };
        return stockOf((await client.uploadPrekeys(request, rest)).stock);
      }),

    prekeyStock: (callOptions) =>
      call(callOptions, async (rest) => stockOf((await client.getPrekeyStock({}, rest)).stock)),

    uploadKeyPackages: ({ oneTime, lastResort, replace = false }, callOptions) =>
      call(callOptions, async (rest) => {
        const request = {
          oneTime: oneTime.map(keyPackageMessage),
          replace,
          ...(lastResort === undefined ? {} : { lastResort: keyPackageMessage(lastResort) }),
        };
        return keyPackageStockOf((await client.uploadKeyPackages(request, rest)).stock);
      }),

    keyPackageStock: (callOptions) =>
      call(callOptions, async (rest) => keyPackageStockOf((await client.getKeyPackageStock({}, rest)).stock)),

    createLog: (log, epochKey, callOptions) =>
      call(callOptions, async (rest) => void (await client.createLog({ log, epochKey }, rest))),

    createCapabilities: (orders, callOptions) =>
      call(callOptions, async (rest) => {
        const entries = orders.map(({ hash, mailbox, dailyQuota = 0 }) => ({ hash, mailbox, dailyQuota }));
        await client.createCapabilities({ entries }, rest);
      }),

    beginBlob: ({ blob, owner, length }, callOptions) =>
      call(callOptions, async (rest) => {
        const { offset, expiresAt } = await client.beginBlob({ blob, owner, length: BigInt(length) }, rest);
        return { offset: Number(offset), expiresAt: Number(expiresAt) };
      }),

    revokeCapabilities: (hashes, callOptions) =>
      call(callOptions, async (rest) => void (await client.revokeCapabilities({ hashes: [...hashes] }, rest))),

    witness: (callOptions) => call(callOptions, async (rest) => (await client.getWitness({}, rest)).witness),

    replaceWitness: (expected, witness, callOptions) =>
      call(callOptions, async (rest) => void (await client.setWitness({ expected, witness }, rest))),

    mailboxes: (callOptions) =>
      call(callOptions, async (rest) => {
        const { mailboxes } = await client.listMailboxes({}, rest);
        return mailboxes.map(({ device, mailbox }) => ({ device, mailbox }));
      }),

    poll: ({ afterSequence = 0, limit = 0 } = {}, callOptions) =>
      call(callOptions, async (rest) => {
        const request = { afterSequence: BigInt(afterSequence), limit };
        const { deliveries, more } = await client.getMessages(request, rest);
        return { arrivals: deliveries.map(arrivalOf), more };
      }),

    acknowledge: (sequences, callOptions) =>
      call(callOptions, async (rest) => {
        await client.acknowledge({ sequences: sequences.map((sequence) => BigInt(sequence)) }, rest);
      }),

    stream: async (handlers, streamOptions) => {
      try {
        const parts = { client, handlers, options: streamOptions, connection };
        await login.run((headers) => new DeviceStream({ ...parts, headers }).run());
      } catch (error) {
        // The login's own calls speak Connect.
        throw toGatewayApiError(error);
      }
    },

    unboundToken: (callOptions) => limited(connection, callOptions, () => login.unboundToken()),

    close: () => {
      connection.close();
      return Promise.resolve();
    },
  };
}

function keyPackageMessage({ id, expiresAt, keyPackage }: KeyPackageOrder) {
  return { id, expiresAt: BigInt(expiresAt), keyPackage };
}

function readEntry(bytes: Uint8Array): PrekeyEntry {
  try {
    return fromBinary(PrekeyEntrySchema, bytes);
  } catch (cause) {
    throw new GatewayApiError('malformed', 'not a prekey entry', { cause });
  }
}
