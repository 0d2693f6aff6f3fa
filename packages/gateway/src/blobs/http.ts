import { once } from 'node:events';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import type { CryptoProvider } from '@sotto/crypto';
import { blobIdOf, blobOwnerOf, Refusal } from '@sotto/wire';
import type { FastifyInstance } from 'fastify';
import type { BlobState } from '../ports/blobs.ts';
import { Refused } from '../refused.ts';
import type { ServiceParts } from '../rpc/parts.ts';
import { toRefused } from '../rpc/errors.ts';
import { peerOf } from '../rpc/peer.ts';
import { describe } from '../rpc/wrap.ts';
import { Idle, receive } from './receive.ts';
import { BLOB_PATH, readBlobId, readCount, readRange, readRight } from './request.ts';
import type { BlobRight } from './request.ts';
import type { Transfers } from './transfers.ts';

type RawRequest = IncomingMessage | Http2ServerRequest;

type Parts = Pick<ServiceParts, 'blobs' | 'clock' | 'limiters' | 'provider' | 'log'>;

/** One request for a blob. */
interface Asked {
  readonly blob: Uint8Array;
  readonly right: BlobRight;
  readonly raw: RawRequest;
  readonly reply: ServerResponse;
  readonly signal: AbortSignal;
}

const METHODS = ['GET', 'HEAD', 'PATCH', 'DELETE'] as const;
type Method = (typeof METHODS)[number];

/** Plain HTTP statuses, for programs that know nothing of refusals. */
const STATUS: Partial<Record<Refusal, number>> = {
  [Refusal.MALFORMED]: 400,
  [Refusal.FORBIDDEN]: 403,
  [Refusal.NOT_FOUND]: 404,
  [Refusal.CONFLICT]: 409,
  [Refusal.SLOW_CONSUMER]: 408,
  [Refusal.RANGE]: 416,
  [Refusal.RATE_LIMITED]: 429,
  [Refusal.STORAGE_FULL]: 507,
};

/**
 * `/v1/blobs/{id}`: GET (with `range`) fetches, PATCH at `upload-offset` appends, HEAD tells how far it is, DELETE
 * removes. What a caller may do is said by the secret it shows; every refusal carries its number in `sotto-refusal`.
 */
export function mountBlobs(
  server: FastifyInstance,
  parts: Parts,
  transfers: Transfers,
  obstacle: () => Refused | null,
): void {
  const methods: Record<Method, (asked: Asked) => Promise<void>> = {
    GET: (asked) => send(parts, asked),
    HEAD: (asked) => tell(parts, asked),
    PATCH: (asked) => append(parts, asked),
    DELETE: (asked) => remove(parts, asked),
  };
  server.route({
    method: [...METHODS],
    url: `${BLOB_PATH}:blob`,
    exposeHeadRoute: false,
    handler: async (request, reply) => {
      const raw = request.raw as RawRequest;
      reply.hijack();
      const answer = reply.raw;
      // Whoever hangs up is found out by the next write.
      answer.on('error', () => undefined);
      const session = 'stream' in raw ? raw.stream.session : undefined;
      const peer = peerOf({ socket: (session?.socket ?? raw.socket) as TLSSocket, session });
      if (session === undefined) transfers.uses(raw.socket);
      try {
        const shut = obstacle();
        if (shut !== null) throw shut;
        if (peer.loggedIn) throw new Refused(Refusal.FORBIDDEN, 'blobs move on connections that never log in');
        parts.limiters.count('blobs', peer.caller);
        const { blob } = request.params as { readonly blob: string };
        const id = readBlobId(blob);
        const right = readRight(raw.headers);
        await transfers.run(peer.caller, (signal) =>
          methods[raw.method as Method]({ blob: id, right, raw, reply: answer, signal }),
        );
      } catch (error) {
        refuse(parts, raw, answer, error);
      }
    },
  });
}

async function send({ blobs, clock, provider }: Parts, asked: Asked): Promise<void> {
  const { blob, raw, reply, signal } = asked;
  const state = await blobs.find(blob);
  if (!mayFetch(provider, asked) || state === null || state.offset < state.length) throw unknown();
  const { first, last, partial } = readRange(raw.headers, state.length);
  const bytes = await blobs.read(blob, first, last);
  const stop = new AbortController();
  const idle = new Idle(clock, () => stop.abort());
  const ending = AbortSignal.any([signal, stop.signal]);
  const onAbort = (): void => void reply.destroy();
  ending.addEventListener('abort', onAbort, { once: true });
  reply.once('close', () => stop.abort());
  try {
    reply.writeHead(partial ? 206 : 200, {
      ...COMMON,
      'content-type': 'application/octet-stream',
      'content-length': last - first + 1,
      'accept-ranges': 'bytes',
      ...(partial ? { 'content-range': `bytes ${first}-${last}/${state.length}` } : {}),
    });
    for await (const chunk of bytes) {
      idle.moved();
      if (!reply.write(chunk)) await once(reply, 'drain', { signal: ending });
      if (ending.aborted) return;
    }
    reply.end();
  } catch (error) {
    if (!ending.aborted) throw error;
  } finally {
    idle.stop();
    ending.removeEventListener('abort', onAbort);
  }
}

async function tell({ blobs, provider }: Parts, asked: Asked): Promise<void> {
  const { blob, reply, right } = asked;
  const state = right.kind === 'own' ? await blobs.settled(blob) : await blobs.find(blob);
  const may = right.kind === 'own' ? isOwner(provider, asked, state) : mayFetch(provider, asked);
  if (!may || state === null || (right.kind === 'fetch' && state.offset < state.length)) throw unknown();
  const more = right.kind === 'own' ? { 'upload-offset': state.offset } : { 'accept-ranges': 'bytes' };
  reply.writeHead(200, { ...COMMON, 'content-length': state.length, ...more }).end();
}

async function append({ blobs, clock, provider }: Parts, asked: Asked): Promise<void> {
  const { blob, raw, reply, signal } = asked;
  const offset = readCount(raw.headers, 'upload-offset');
  const state = await blobs.find(blob);
  if (!isOwner(provider, asked, state) || state === null) throw unknown();
  // Said before it is read: a body that is not read to its end takes the connection with it.
  const { 'content-length': announced } = raw.headers;
  if (announced !== undefined && Number(announced) > state.length - offset) {
    throw new Refused(Refusal.RANGE, 'more bytes than the blob was said to have');
  }
  const writer = await blobs.write(blob, offset);
  let failure: unknown = null;
  try {
    await receive(raw, writer, clock, signal);
  } catch (error) {
    failure = error;
  }
  const stored = await writer.finish();
  if (failure !== null) throw failure;
  reply.writeHead(204, { ...COMMON, 'upload-offset': stored }).end();
}

async function remove({ blobs, provider }: Parts, asked: Asked): Promise<void> {
  if (!isOwner(provider, asked, await blobs.find(asked.blob))) throw unknown();
  await blobs.remove(asked.blob);
  asked.reply.writeHead(204, COMMON).end();
}

const COMMON = { 'cache-control': 'no-store' };

/** The same for a blob that is not there and for a secret that is not its: neither can be told from the other. */
function unknown(): Refused {
  return new Refused(Refusal.NOT_FOUND, 'there is no such blob');
}

const sha256 =
  (provider: CryptoProvider) =>
  (...parts: readonly Uint8Array[]): Uint8Array =>
    provider.hash('sha256', ...parts);

function mayFetch(provider: CryptoProvider, { blob, right }: Asked): boolean {
  return right.kind === 'fetch' && provider.equal(blobIdOf(right.secret, sha256(provider)), blob);
}

function isOwner(provider: CryptoProvider, { right }: Asked, state: BlobState | null): boolean {
  if (right.kind !== 'own' || state === null) return false;
  return provider.equal(blobOwnerOf(right.secret, sha256(provider)), state.owner);
}

function refuse({ log }: Parts, raw: RawRequest, reply: ServerResponse, error: unknown): void {
  const gone = raw.destroyed && !raw.complete;
  const refused = toRefused(error);
  if (refused.refusal === Refusal.UNAVAILABLE && refused.cause !== undefined && !gone) {
    log.error({ blobs: raw.method, error: describe(refused.cause) }, 'a transfer failed');
  }
  if (reply.headersSent || reply.writableEnded) {
    reply.destroy();
    return;
  }
  const { refusal, retryAfterMs, message } = refused;
  // The rest of a body that nobody reads would be taken for the next request.
  const isLeft = raw.httpVersionMajor === 1 && !raw.complete;
  const headers: OutgoingHttpHeaders = {
    ...COMMON,
    ...(isLeft ? { connection: 'close' } : {}),
    'content-type': 'application/json',
    'sotto-refusal': refusal,
    ...(retryAfterMs > 0 ? { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) } : {}),
  };
  reply.writeHead(STATUS[refusal] ?? 503, headers);
  reply.end(raw.method === 'HEAD' ? undefined : JSON.stringify({ refusal, message }));
}
