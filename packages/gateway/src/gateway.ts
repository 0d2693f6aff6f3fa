import { networkInterfaces } from 'node:os';
import { createPublicKey, X509Certificate } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { nativeProvider } from '@sotto/crypto';
import type { CryptoProvider } from '@sotto/crypto';
import { formatGatewayAddress, parseHost } from '@sotto/wire';
import { mountBlobs } from './blobs/http.ts';
import { Transfers } from './blobs/transfers.ts';
import { every, systemClock } from './clock.ts';
import type { Clock } from './clock.ts';
import type { GatewayConfig, GatewaySecrets } from './config.ts';
import { Connections } from './connections.ts';
import { openEmbeddedStore } from './embedded/store.ts';
import type { EmbeddedStore } from './embedded/store.ts';
import { GatewayError } from './error.ts';
import { mountConnect } from './rpc/connect-plugin.ts';
import { describe } from './rpc/wrap.ts';
import { createServer } from './server.ts';
import { createService } from './service.ts';
import type { Service } from './service.ts';
import type { Server } from './server.ts';
import { currentCertificate } from './tls/certificates.ts';
import type { CertificateSource } from './tls/certificates.ts';
import { prepareFolder, readNeeded } from './tls/files.ts';
import { loadIdentity, rawPublicKey } from './tls/identity.ts';
import { verifyOnThreads } from './verify-signature.ts';
import { VERSION } from './version.ts';

/** A running gateway. */
export interface Gateway {
  /** For clients: `sotto://host:port/pin`. */
  readonly address: string;
  /** For programs: `https://host:port`, with `caFile` as authority. */
  readonly url: string;
  /** The gateway's authority certificate, PEM, for `curl --cacert`. */
  readonly caFile: string;
  readonly dataFolder: string;
  /** Stops in order: takes nothing new, ends streams with a reason, finishes what it accepted, closes its files. */
  close(): Promise<void>;
}

/** Replaceable parts, for tests and other hosts. */
export interface GatewayOverrides {
  readonly provider?: CryptoProvider;
  readonly clock?: Clock;
  /** Takes the log, a JSON object a line; default: standard output. */
  readonly logTo?: { write(line: string): void };
  /** Sees the store when it is open. */
  readonly onStore?: (store: EmbeddedStore) => void;
}

const CERTIFICATE_CHECK_MS = 6 * 3600 * 1000;
/** ms for calls under way at a stop; afterwards connections are cut. */
const STOP_MS = 5000;

/** Starts a gateway; resolves when it accepts connections. Throws `GatewayError`. */
export async function startGateway(
  config: GatewayConfig,
  secrets: GatewaySecrets,
  overrides: GatewayOverrides = {},
): Promise<Gateway> {
  const clock = overrides.clock ?? systemClock;
  const provider = overrides.provider ?? nativeProvider();
  prepareFolder(config.dataFolder);
  // Undone in reverse: connections first, the store last.
  const stack = new AsyncDisposableStack();
  try {
    // Before anything else in the folder: who has the database owns it. Two that start at once on an empty folder must
    // not each make an identity.
    let report = noLog;
    const store = openEmbeddedStore({
      file: join(config.dataFolder, 'gateway.db'),
      clock,
      limits: config.limits,
      provider,
      verify: verifyOnThreads(provider),
      onFailure: (error) => report(error),
    });
    stack.defer(() => store.close());
    overrides.onStore?.(store);
    const source = certificateSource(config);
    const certificates = { source, hosts: certificateHosts(config), dataFolder: config.dataFolder, clock };
    const server = createServer({
      certificate: await currentCertificate(certificates),
      publicCertificate: publicCertificate(config),
      log: config.log,
      ...(overrides.logTo === undefined ? {} : { logTo: overrides.logTo }),
    });
    const log = server.fastify.log;
    report = (error) => log.error({ error: describe(error) }, 'a transaction failed');
    const identity = rawPublicKey(source.identity);
    const { limits, registration, rates } = config;
    const service = createService({
      provider,
      clock,
      store,
      identity,
      limits,
      rates,
      registration,
      registrationCodes: secrets.registrationCodes,
      log,
    });
    stack.defer(() => service.stop());
    const connections = new Connections(server.raw, limits, clock, () => service.obstacle() !== null);
    service.countConnections(() => connections.size);
    mountConnect(server.fastify, service.routes, service.parts);
    const transfers = new Transfers();
    mountBlobs(server.fastify, service.parts, transfers, () => service.obstacle());
    mountHealth(server, service);
    const rotation = every(clock, CERTIFICATE_CHECK_MS, () => {
      currentCertificate(certificates).then(
        (pair) => server.replaceCertificate(pair),
        (error: unknown) => log.error({ error: describe(error) }, 'the TLS certificate could not be renewed'),
      );
    });
    stack.defer(rotation);
    stack.defer(async () => {
      service.end();
      await transfers.endAll();
      connections.close();
      const cancel = clock.after(STOP_MS, () => connections.destroy());
      await server.fastify.close();
      cancel();
    });
    const endpoint = await listen(server, config);
    const address = formatGatewayAddress({ ...endpoint, host: parseHost(endpoint.host), pin: identity });
    log.info({ version: VERSION, address, dataFolder: config.dataFolder }, 'the gateway is ready');
    let closing: Promise<void> | undefined;
    return {
      address,
      url: `https://${endpoint.host}:${endpoint.port}`,
      caFile: source.kind === 'managed' ? join(config.dataFolder, 'ca.pem') : authorityFile(config),
      dataFolder: config.dataFolder,
      close: () => (closing ??= stack.disposeAsync().then(() => log.info('the gateway has stopped'))),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** Nothing is committed before there is a log. */
const noLog = (_error: unknown): void => undefined;

/** `/healthz`: the process answers. `/readyz`: it takes calls. */
function mountHealth(server: Server, service: Service): void {
  server.fastify.get('/healthz', (_request, reply) => reply.send({ ok: true }));
  server.fastify.get('/readyz', (_request, reply) => {
    const ready = service.obstacle() === null;
    return reply.code(ready ? 200 : 503).send({ ready });
  });
}

async function listen(server: Server, config: GatewayConfig): Promise<{ host: string; port: number }> {
  try {
    await server.fastify.listen({ host: config.listen.host.replaceAll(/[[\]]/g, ''), port: config.listen.port });
  } catch (cause) {
    throw new GatewayError('listen', `cannot listen on ${config.listen.host}:${config.listen.port}`, { cause });
  }
  const { port } = server.raw.address() as AddressInfo;
  if (config.address.kind === 'public') return config.address.endpoint;
  return { host: isEverywhere(config.listen.host) ? ownAddress() : config.listen.host, port };
}

function isEverywhere(host: string): boolean {
  return host === '0.0.0.0' || host === '[::]';
}

/** An address at which others in the same network reach this machine. Operators of public gateways configure theirs. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.find((own) => !own.internal && own.family === 'IPv4')?.address ?? '127.0.0.1';
}

function certificateSource(config: GatewayConfig): CertificateSource {
  if (config.identity.kind === 'managed') return { kind: 'managed', identity: loadIdentity(config.dataFolder) };
  const { authorityFile: file, certificateFile, keyFile } = config.identity;
  try {
    const identity = createPublicKey(
      new X509Certificate(readNeeded(file)).publicKey.export({ format: 'pem', type: 'spki' }),
    );
    if (identity.asymmetricKeyType !== 'ed25519') throw new Error('not an Ed25519 key');
    return { kind: 'brought', identity, certificateFile, keyFile };
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause;
    throw new GatewayError('certificate', `${file} is no certificate of an Ed25519 identity`, { cause });
  }
}

function authorityFile(config: GatewayConfig): string {
  return config.identity.kind === 'offline' ? config.identity.authorityFile : '';
}

/** Names for programs that check names: this machine to itself, where the gateway listens, and what it is called. */
function certificateHosts(config: GatewayConfig): string[] {
  const { host } = config.address.kind === 'public' ? config.address.endpoint : config.listen;
  const hosts = new Set(['localhost', '127.0.0.1', '::1', isEverywhere(host) ? ownAddress() : host]);
  return [...hosts].map((name) => name.replaceAll(/[[\]]/g, ''));
}

function publicCertificate(config: GatewayConfig) {
  if (config.publicCertificate.kind === 'none') return null;
  const { certificateFile, keyFile } = config.publicCertificate;
  return { certificate: readNeeded(certificateFile), key: readNeeded(keyFile) };
}
