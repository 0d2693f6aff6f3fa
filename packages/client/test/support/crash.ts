import type { GatewayConnection, GatewayTransport, GatewayTransportOptions } from '@sotto/gateway-api';
import type { Vault } from '@sotto/vault';

/** Thrown where the process "dies". */
export class Crash extends Error {
  override readonly name = 'Crash';
}

/**
 * Counts the instants at which a process can die with something half done: before and after each commit, before and
 * after each hand-over, and between a commit and its acknowledgement. At one of them it does, and nothing works after.
 */
export class CrashPoints {
  count = 0;
  crashed = false;
  readonly #at: number | null;

  constructor(at: number | null) {
    this.#at = at;
  }

  reach(): void {
    this.alive();
    if (this.count++ !== this.#at) return;
    this.crashed = true;
    throw new Crash('the process dies here');
  }

  alive(): void {
    if (this.crashed) throw new Crash('the process is dead');
  }
}

/** A vault of a process that may die. What was committed stays; nothing more gets in, and nobody closes it. */
export function mortalVault(vault: Vault, points: CrashPoints): Vault {
  return {
    transaction(event) {
      points.reach();
      const result = vault.transaction(event);
      points.reach();
      return result;
    },
    read(view) {
      points.alive();
      return vault.read(view);
    },
    search: (query, options) => vault.search(query, options),
    maintain: () => false,
    verify: () => vault.verify(),
    verifySome: (rows) => vault.verifySome(rows),
    generation: () => vault.generation(),
    rewrap: (keystore) => vault.rewrap(keystore),
    close: () => undefined,
  };
}

/** Its connection to the world. */
export function mortalTransport(
  open: (options: GatewayTransportOptions) => GatewayTransport,
  points: CrashPoints,
): (options: GatewayTransportOptions) => GatewayTransport {
  return (options) => {
    const transport = open(options);
    return {
      kind: transport.kind,
      device: transport.device,
      get state() {
        return transport.state;
      },
      onState: (listener) => transport.onState(listener),
      onLowPrekeys: (listener) => transport.onLowPrekeys(listener),
      directory: (address) => mortalDirectory(transport.directory(address), points),
      blobs: (address) => {
        const blobs = transport.blobs(address);
        return {
          ...blobs,
          async append(part, call) {
            points.reach();
            const stored = await blobs.append(part, call);
            points.reach();
            return stored;
          },
        };
      },
      followLogs: (address, sink, following) =>
        transport.followLogs(
          address,
          {
            ...sink,
            onRecord: async (log, record) => {
              points.alive();
              await sink.onRecord(log, record);
              points.reach();
            },
          },
          following,
        ),
      close: () => transport.close(),
      async deliver(delivery, signal) {
        points.reach();
        const outcome = await transport.deliver(delivery, signal);
        points.reach();
        return outcome;
      },
      receive: (sink, receiving) =>
        transport.receive(async (incoming) => {
          points.alive();
          await sink(incoming);
          points.reach();
        }, receiving),
    };
  };
}

/** Entries of groups' logs leave here. */
function mortalDirectory(directory: GatewayConnection, points: CrashPoints): GatewayConnection {
  return {
    address: directory.address,
    info: (options) => directory.info(options),
    resolveName: (name, options) => directory.resolveName(name, options),
    chain: (account, from, options) => directory.chain(account, from, options),
    bundle: (request, options) => directory.bundle(request, options),
    requestToken: (account, options) => directory.requestToken(account, options),
    post: (envelope, admission, options) => directory.post(envelope, admission, options),
    keyPackage: (request, options) => directory.keyPackage(request, options),
    readLog: (range, options) => directory.readLog(range, options),
    close: () => directory.close(),
    async append(post, options) {
      points.reach();
      const appended = await directory.append(post, options);
      points.reach();
      return appended;
    },
  };
}
