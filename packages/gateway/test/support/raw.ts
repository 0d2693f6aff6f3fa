import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { request } from 'node:https';
import { fromBinary } from '@bufbuild/protobuf';
import { ErrorDetailSchema } from '@sotto/wire';
import type { Refusal } from '@sotto/wire';
import type { Gateway } from '@sotto/gateway';

/** What a gateway said to a bare HTTP request. */
export interface RawAnswer {
  readonly status: number;
  readonly body: string;
  /** From the ErrorDetail; undefined where there is none. */
  readonly refusal: Refusal | undefined;
}

/** A Connect call over HTTP/1.1 as curl would make it; `body` goes as it is. */
export function call(
  gateway: Gateway,
  method: string,
  body: Uint8Array | string | object,
  headers: Record<string, string> = {},
): Promise<RawAnswer> {
  const bytes = body instanceof Uint8Array || typeof body === 'string' ? body : JSON.stringify(body);
  const type = body instanceof Uint8Array ? 'application/proto' : 'application/json';
  return new Promise((resolve, reject) => {
    const sent = request(
      `${gateway.url}/sotto.gateway.v1.${method}`,
      { method: 'POST', ca: readFileSync(gateway.caFile), headers: { 'content-type': type, ...headers } },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(parts).toString('utf8');
          resolve({ status: response.statusCode ?? 0, body: text, refusal: refusalOf(text) });
        });
      },
    );
    // A gateway may hang up on a body that is too large before all of it was sent.
    sent.on('error', reject);
    sent.end(bytes);
  });
}

/** The refusal in a Connect error's JSON. */
export function refusalOf(json: string): Refusal | undefined {
  try {
    const error = JSON.parse(json) as { details?: { type: string; value: string }[]; error?: object };
    if (error.error !== undefined) return refusalOf(JSON.stringify(error.error));
    const detail = error.details?.find(({ type }) => type === ErrorDetailSchema.typeName);
    return detail === undefined
      ? undefined
      : fromBinary(ErrorDetailSchema, Buffer.from(detail.value, 'base64')).refusal;
  } catch {
    return undefined;
  }
}

/** A frame of Connect's binary protocol. */
export function frame(body: Uint8Array, flags = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flags;
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}

/** A bidirectional call whose bytes a test writes itself. */
export class RawStream {
  readonly session: ClientHttp2Session;
  readonly stream: ClientHttp2Stream;
  readonly frames: Buffer[] = [];
  /** JSON of the last frame; what HTTP/2 said if there was none. */
  readonly end: Promise<string>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(gateway: Gateway, method: string, headers: Record<string, string> = {}) {
    this.session = connect(gateway.url, { ca: readFileSync(gateway.caFile) });
    this.session.on('error', () => undefined);
    this.stream = this.session.request({
      ':method': 'POST',
      ':path': `/sotto.gateway.v1.${method}`,
      'content-type': 'application/connect+proto',
      ...headers,
    });
    const { promise, resolve } = Promise.withResolvers<string>();
    this.end = promise;
    this.stream.on('data', (chunk: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      while (this.#rest.length >= 5 && this.#rest.length >= 5 + this.#rest.readUInt32BE(1)) {
        const length = this.#rest.readUInt32BE(1);
        const body = this.#rest.subarray(5, 5 + length);
        if (this.#rest[0] === 2) resolve(body.toString('utf8'));
        else this.frames.push(body);
        this.#rest = this.#rest.subarray(5 + length);
      }
    });
    this.stream.on('error', () => undefined);
    this.stream.on('close', () => resolve(`closed with ${this.stream.rstCode}`));
  }

  close(): void {
    this.session.destroy();
  }
}
