import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { createContextValues, Code, ConnectError } from '@connectrpc/connect';
import type { ConnectRouter } from '@connectrpc/connect';
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from '@connectrpc/connect-node';
import type { FastifyInstance } from 'fastify';
import { REQUEST_MS } from '../limits.ts';
import type { Memory } from '../memory.ts';
import { callKey } from './context.ts';
import type { Call } from './context.ts';
import { withDetail } from './error-detail.ts';
import { toConnectError } from './errors.ts';
import type { ServiceParts } from './parts.ts';
import { peerOf } from './peer.ts';
import type { Routes } from './routes.ts';
import { describe } from './wrap.ts';

type UniversalHandler = ConnectRouter['handlers'][number];
type RawRequest = IncomingMessage | Http2ServerRequest;
type RawReply = ServerResponse | Http2ServerResponse;

const RESET_CALM = 0xb;

/** What serving takes besides the routes. */
export type ServingParts = Pick<ServiceParts, 'clock' | 'memory' | 'log'>;

/**
 * Puts Connect's handlers on Fastify's routes. Like connect-fastify, but it hands every call its connection (the login
 * needs the TLS exporter), bounds the time of unary calls, gives all errors their detail, and logs through Fastify.
 */
export function mountConnect(server: FastifyInstance, routes: Routes, parts: ServingParts): void {
  // Connect reads and bounds the bodies itself, whatever their type.
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, _payload, done) => done(null));
  for (const handler of routes.handlers) {
    server.all(handler.requestPath, async (request, reply) => {
      const raw = request.raw as RawRequest;
      reply.hijack();
      const session = 'stream' in raw ? raw.stream.session : undefined;
      const socket = (session?.socket ?? raw.socket) as TLSSocket;
      const reset = () => ('stream' in raw ? raw.stream.close(RESET_CALM) : socket.destroy());
      const call = { peer: peerOf({ socket, session }), reset };
      const fast = 'stream' in raw && routes.fastStreams(raw.stream, raw.headers, call);
      if (!fast) await serve(handler, { raw, reply: reply.raw }, call, parts);
    });
  }
}

async function serve(
  handler: UniversalHandler,
  { raw, reply }: { readonly raw: RawRequest; readonly reply: RawReply },
  call: Call,
  { clock, memory, log }: ServingParts,
): Promise<void> {
  const values = createContextValues().set(callKey, call);
  const unary = handler.method.methodKind === 'unary';
  const cancelDeadline = unary ? clock.after(REQUEST_MS, call.reset) : undefined;
  const started = clock.now();
  // connect-node waits for an event that not every kind of response has.
  const finished = new Promise<void>((resolve) => {
    reply.once('finish', resolve);
    reply.once('close', resolve);
  });
  try {
    const universal = universalRequestFromNodeRequest(raw, reply, undefined, values);
    const body = unary ? counted(universal.body as AsyncIterable<Uint8Array>, memory) : universal.body;
    const response = await handler({ ...universal, body });
    const written = universalResponseToNodeResponse(unary ? await withDetail(response) : response, reply);
    await Promise.race([written, finished]);
    log.debug({ rpc: handler.method.name, status: response.status, ms: clock.now() - started }, 'call');
  } catch (error) {
    const { code } = ConnectError.from(error);
    // The caller went away: ordinary, and nobody is left to tell.
    const gone = code === Code.Aborted || code === Code.Canceled;
    log[gone ? 'debug' : 'warn']({ rpc: handler.method.name, error: describe(error) }, 'call broke off');
    if (!reply.writableEnded) reply.destroy();
  } finally {
    cancelDeadline?.();
  }
}

/** A body whose bytes count as unfinished until it has been read to its end or given up. */
async function* counted(body: AsyncIterable<Uint8Array>, memory: Memory): AsyncGenerator<Uint8Array> {
  let held = 0;
  try {
    for await (const chunk of body) {
      memory.unfinished(chunk.length);
      held += chunk.length;
      yield chunk;
    }
  } catch (error) {
    throw toConnectError(error);
  } finally {
    memory.unfinished(-held);
  }
}
