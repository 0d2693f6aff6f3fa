import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Http2SecureServer } from 'node:http2';
import type { SecureContext } from 'node:tls';
import { createSecureContext } from 'node:tls';
import { fastify, LogController } from 'fastify';
import type { FastifyInstance } from 'fastify';
import type { LogLevel } from './config.ts';
import { GatewayError } from './error.ts';
import { REQUEST_MS, STREAMS_PER_CONNECTION } from './limits.ts';
import type { CertificatePair } from './tls/issue.ts';

const HTTP2_SETTINGS = {
  maxConcurrentStreams: STREAMS_PER_CONNECTION,
  // One frame of posts may be on its way while the one before is decided.
  initialWindowSize: 1024 * 1024,
  maxHeaderListSize: 16 * 1024,
  enablePush: false,
};

export interface ServerOptions {
  readonly certificate: CertificatePair;
  /** Chosen by the name the caller asks for (SNI). Sotto's own clients ask for none and get the pinned one. */
  readonly publicCertificate: CertificatePair | null;
  readonly log: LogLevel;
  readonly logTo?: { write(line: string): void };
}

export interface Server {
  readonly fastify: FastifyInstance;
  readonly raw: Http2SecureServer;
  /** Serves another certificate from the next connection on. */
  replaceCertificate(pair: CertificatePair): void;
}

/** One TLS 1.3 port for HTTP/2 and HTTP/1.1. Throws `GatewayError` `certificate`. */
export function createServer(options: ServerOptions): Server {
  const own = options.certificate;
  const publicContext = options.publicCertificate === null ? null : publicContextOf(options.publicCertificate);
  const server = fastify({
    http2: true,
    https: {
      allowHTTP1: true,
      minVersion: 'TLSv1.3',
      cert: own.certificate,
      key: own.key,
      SNICallback: (name: string, done: (error: Error | null, context?: SecureContext) => void) =>
        done(null, publicContext?.serves(name) === true ? publicContext.context : undefined),
      settings: HTTP2_SETTINGS,
      maxSessionMemory: 4,
      unknownProtocolTimeout: REQUEST_MS,
      handshakeTimeout: REQUEST_MS,
      // A device keeps one connection for days; tickets would cost memory and weaken forward secrecy.
      sessionTimeout: 300,
    },
    http2SessionTimeout: 0,
    requestTimeout: REQUEST_MS,
    logController: new LogController({ disableRequestLogging: true }),
    logger:
      options.log === 'silent'
        ? false
        : {
            level: options.log,
            base: null,
            ...(options.logTo === undefined ? {} : { stream: options.logTo }),
            // Nothing of a request is ever logged but the name of the method.
            serializers: { req: () => ({}), res: () => ({}) },
          },
  });
  const raw = server.server;
  return {
    fastify: server as unknown as FastifyInstance,
    raw,
    replaceCertificate: (pair) => raw.setSecureContext({ cert: pair.certificate, key: pair.key }),
  };
}

function publicContextOf(pair: CertificatePair): { context: SecureContext; serves: (name: string) => boolean } {
  try {
    const certificate = new X509Certificate(pair.certificate);
    if (!certificate.checkPrivateKey(createPrivateKey(pair.key))) throw new Error('the key is another one');
    const context = createSecureContext({ cert: pair.certificate, key: pair.key, minVersion: 'TLSv1.3' });
    return { context, serves: (name) => certificate.checkHost(name) !== undefined };
  } catch (cause) {
    throw new GatewayError('certificate', 'the public certificate and its key do not fit together', { cause });
  }
}
