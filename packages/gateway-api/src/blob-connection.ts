import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { hostName, Refusal } from '@sotto/wire';
import { batches } from './batches.ts';
import type { BlobBody, BlobCallOptions, BlobConnection, BlobPart, BlobRequest } from './blob-types.ts';
import { GatewayApiError } from './error.ts';
import { refusalError, toGatewayApiError } from './error-mapping.ts';
import { parseAddress } from './gateway-connection.ts';
import { PinnedAgent } from './pinned-agent.ts';
import { Watch } from './watch.ts';
import type { GatewayOptions } from './types.ts';

const PATH = '/v1/blobs/';
/** Bytes between two reports of progress. */
const REPORT_BYTES = 256 * 1024;

/**
 * The blobs of the gateway at an address; see `BlobConnection`. Nothing is sent before the first call. Throws
 * `GatewayApiError` `malformed` when the address is none.
 */
export function connectBlobs(options: GatewayOptions): BlobConnection {
  return new Blobs(options);
}

interface Call {
  readonly method: 'GET' | 'HEAD' | 'PATCH' | 'DELETE';
  readonly blob: Uint8Array;
  readonly headers: OutgoingHttpHeaders;
  readonly watch: Watch;
}

class Blobs implements BlobConnection {
  readonly address: string;
  readonly #options: GatewayOptions;
  readonly #host: string;
  readonly #agent: PinnedAgent;
  readonly #closing = new AbortController();

  constructor(options: GatewayOptions) {
    const address = parseAddress(options.address);
    this.address = options.address;
    this.#options = options;
    this.#host = hostName(address.host);
    this.#agent = new PinnedAgent(address, options.clock);
  }

  append(part: BlobPart, options: BlobCallOptions = {}): Promise<number> {
    const { blob, owner, offset, length } = part;
    return this.#watching(options, async (watch) => {
      const headers = { ...own(owner), 'upload-offset': offset, 'content-length': length };
      const request = this.#begin({ method: 'PATCH', blob, headers, watch });
      const answered = answerOf(request);
      await Promise.race([pump(request, part, watch, options), answered, watch.failed]);
      // What is not sent yet is not wanted any more once there is an answer.
      const answer = await Promise.race([answered, watch.failed]);
      if (answer.statusCode !== 204) {
        request.destroy();
        throw refusalOf(answer);
      }
      answer.resume();
      return count(answer, 'upload-offset');
    });
  }

  offset({ blob, owner }: Pick<BlobPart, 'blob' | 'owner'>, options: BlobCallOptions = {}): Promise<number> {
    return this.#watching(options, async (watch) => {
      const answer = await this.#ask({ method: 'HEAD', blob, headers: own(owner), watch });
      answer.resume();
      return count(answer, 'upload-offset');
    });
  }

  async fetch({ blob, secret, from = 0 }: BlobRequest, options: BlobCallOptions = {}): Promise<BlobBody> {
    const watch = new Watch(this.#options.clock, options, this.#closing.signal);
    try {
      const range = from === 0 ? {} : { range: `bytes=${from}-` };
      const headers = { authorization: `Blob ${base64url(secret)}`, ...range };
      const answer = await this.#ask({ method: 'GET', blob, headers, watch });
      const length = from === 0 ? count(answer, 'content-length') : wholeOf(answer, from);
      return { length, bytes: read(answer, { from, length, watch, options }) };
    } catch (error) {
      watch.stop();
      throw watch.reason ?? toGatewayApiError(error);
    }
  }

  remove({ blob, owner }: Pick<BlobPart, 'blob' | 'owner'>, options: BlobCallOptions = {}): Promise<void> {
    return this.#watching(options, async (watch) => {
      const answer = await this.#ask({ method: 'DELETE', blob, headers: own(owner), watch });
      answer.resume();
    });
  }

  close(): Promise<void> {
    this.#closing.abort(new GatewayApiError('closed', 'the connection was closed'));
    this.#agent.destroy();
    return Promise.resolve();
  }

  async #watching<T>(options: BlobCallOptions, call: (watch: Watch) => Promise<T>): Promise<T> {
    const watch = new Watch(this.#options.clock, options, this.#closing.signal);
    try {
      return await call(watch);
    } catch (error) {
      throw watch.reason ?? toGatewayApiError(error);
    } finally {
      watch.stop();
    }
  }

  /** An answer with a good status; once more if an idle connection turns out to have been closed meanwhile. */
  async #ask(call: Call): Promise<IncomingMessage> {
    const request = this.#begin(call);
    request.end();
    let answer: IncomingMessage;
    try {
      answer = await Promise.race([answerOf(request), call.watch.failed]);
    } catch (error) {
      if (!request.reusedSocket || call.watch.reason !== null) throw error;
      const again = this.#begin(call);
      again.end();
      answer = await Promise.race([answerOf(again), call.watch.failed]);
    }
    const status = answer.statusCode ?? 0;
    if (status >= 200 && status < 300) return answer;
    answer.resume();
    throw refusalOf(answer);
  }

  #begin({ method, blob, headers, watch }: Call): ClientRequest {
    const path = PATH + base64url(blob);
    const request = httpRequest({ agent: this.#agent, host: this.#host, method, path, headers });
    // Whoever waits for the answer hears of it there.
    request.on('error', () => undefined);
    watch.onFailure(() => request.destroy());
    return request;
  }
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}

function own(secret: Uint8Array): OutgoingHttpHeaders {
  return { authorization: `BlobOwner ${base64url(secret)}` };
}

function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  const answer = new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve);
    request.once('error', reject);
    request.once('close', () => reject(new GatewayApiError('unreachable', 'the gateway closed the connection')));
  });
  // It may be raced, and then nobody looks.
  answer.catch(() => undefined);
  return answer;
}

/** Sends a body as fast as the other side takes it. */
async function pump(request: ClientRequest, part: BlobPart, watch: Watch, options: BlobCallOptions): Promise<void> {
  let sent = 0;
  let reported = 0;
  for await (const chunk of part.source) {
    if (request.destroyed) return;
    const flows = request.write(chunk);
    if (!flows) await drained(request);
    watch.moved();
    sent += chunk.length;
    if (sent - reported < REPORT_BYTES && sent < part.length) continue;
    reported = sent;
    options.onProgress?.(part.offset + sent);
  }
  request.end();
}

function drained(request: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      request.off('drain', done);
      request.off('close', done);
      resolve();
    };
    request.on('drain', done);
    request.on('close', done);
  });
}

interface Reading {
  readonly from: number;
  readonly length: number;
  readonly watch: Watch;
  readonly options: BlobCallOptions;
}

async function* read(answer: IncomingMessage, { from, length, watch, options }: Reading): AsyncGenerator<Uint8Array> {
  let at = from;
  try {
    let left: readonly Uint8Array[] = [];
    const parts = batches(answer, { bytes: REPORT_BYTES, moved: () => watch.moved(), rest: (rest) => (left = rest) });
    try {
      for await (const part of parts) {
        yield* part;
        at += bytesOf(part);
        options.onProgress?.(at);
      }
    } catch (error) {
      // What came before it broke is good.
      yield* left;
      throw error;
    }
    if (at !== length) throw new GatewayApiError('unreachable', 'the connection broke before the end');
  } catch (error) {
    throw watch.reason ?? toGatewayApiError(error);
  } finally {
    watch.stop();
    answer.destroy();
  }
}

function bytesOf(part: readonly Uint8Array[]): number {
  return part.reduce((sum, piece) => sum + piece.length, 0);
}

/** A whole number in an answer's header. Throws `GatewayApiError` `protocol`. */
function count({ headers }: IncomingMessage, name: string): number {
  const text = headers[name];
  if (typeof text !== 'string' || !/^\d{1,15}$/.test(text)) {
    throw new GatewayApiError('protocol', `the gateway's answer has no ${name}`);
  }
  return Number(text);
}

/** Length of the blob of which a range was asked for. Throws `GatewayApiError` `protocol`. */
function wholeOf({ headers, statusCode }: IncomingMessage, from: number): number {
  const [, first, length] = /^bytes (\d{1,15})-\d{1,15}\/(\d{1,15})$/.exec(headers['content-range'] ?? '') ?? [];
  if (statusCode !== 206 || Number(first) !== from || length === undefined) {
    throw new GatewayApiError('protocol', 'the gateway answered with another range');
  }
  return Number(length);
}

function refusalOf({ headers }: IncomingMessage): GatewayApiError {
  const refusal = Number(headers['sotto-refusal'] ?? Refusal.UNSPECIFIED) as Refusal;
  const seconds = Number(headers['retry-after'] ?? 0);
  return refusalError(refusal, Number.isFinite(seconds) ? seconds * 1000 : 0);
}
