import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync } from 'node:zlib';
import { HeaderDecoder } from './hpack.ts';

/** One direction of one HTTP/2 stream, or of a whole HTTP/1.1 connection. */
export interface HttpSide {
  readonly stream: number;
  /** Headers, then trailers, as sent. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Bodies, put together from their frames. */
  readonly body: Buffer;
  /** Messages within the body that were compressed, decompressed. */
  readonly decompressed: readonly Buffer[];
}

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const FRAME = { data: 0, headers: 1, pushPromise: 5, continuation: 9 } as const;
const END_HEADERS = 0x4;
const PADDED = 0x8;
const PRIORITY = 0x20;

interface Collected {
  headers: [string, string][];
  parts: Buffer[];
}

/** Takes one direction of a decrypted connection apart. An unfinished frame at the end is left out. */
export function readHttp(bytes: Buffer, http2: boolean): HttpSide[] {
  if (!http2) return readHttp1(bytes);
  const decoder = new HeaderDecoder();
  const streams = new Map<number, Collected>();
  const streamOf = (id: number): Collected => {
    let stream = streams.get(id);
    if (stream === undefined) streams.set(id, (stream = { headers: [], parts: [] }));
    return stream;
  };
  let block: { id: number; parts: Buffer[] } | null = null;
  let at = bytes.subarray(0, PREFACE.length).equals(PREFACE) ? PREFACE.length : 0;
  while (at + 9 <= bytes.length) {
    const length = bytes.readUIntBE(at, 3);
    const type = bytes.readUInt8(at + 3);
    const flags = bytes.readUInt8(at + 4);
    const id = bytes.readUInt32BE(at + 5) & 0x7fffffff;
    if (at + 9 + length > bytes.length) break;
    let payload = bytes.subarray(at + 9, at + 9 + length);
    at += 9 + length;
    if ((type === FRAME.data || type === FRAME.headers) && (flags & PADDED) !== 0) {
      payload = payload.subarray(1, payload.length - payload.readUInt8(0));
    }
    if (type === FRAME.data) streamOf(id).parts.push(payload);
    if (type === FRAME.headers) block = { id, parts: [(flags & PRIORITY) === 0 ? payload : payload.subarray(5)] };
    if (type === FRAME.continuation) block?.parts.push(payload);
    if (type === FRAME.pushPromise) throw new Error('the tap does not read server push');
    if (block !== null && (type === FRAME.headers || type === FRAME.continuation) && (flags & END_HEADERS) !== 0) {
      streamOf(block.id).headers.push(...decoder.decode(Buffer.concat(block.parts)));
      block = null;
    }
  }
  return Array.from(streams, ([stream, { headers, parts }]) => {
    const body = Buffer.concat(parts);
    return { stream, headers, body, decompressed: decompressed(headers, body) };
  });
}

function readHttp1(bytes: Buffer): HttpSide[] {
  const headers = Array.from(
    bytes.toString('latin1').matchAll(/^(content-encoding|transfer-encoding|[a-z]+-encoding): *(.*)\r$/gim),
    (match): [string, string] => [(match[1] ?? '').toLowerCase(), match[2] ?? ''],
  );
  if (headers.some(([name, value]) => name === 'content-encoding' && value !== 'identity')) {
    throw new Error('the tap does not read compressed bodies over HTTP/1.1');
  }
  return [{ stream: 0, headers, body: bytes, decompressed: [] }];
}

function inflate(encoding: string, bytes: Buffer): Buffer {
  switch (encoding) {
    case 'gzip':
      return gunzipSync(bytes);
    case 'br':
      return brotliDecompressSync(bytes);
    case 'deflate':
      return (bytes.readUInt8(0) & 0x0f) === 8 ? inflateSync(bytes) : inflateRawSync(bytes);
    default:
      throw new Error(`the tap does not know the encoding ${encoding}`);
  }
}

/** Whole bodies by `content-encoding`; messages of Connect and gRPC streams by the flag before each. */
function decompressed(headers: readonly (readonly [string, string])[], body: Buffer): Buffer[] {
  const value = (name: string): string | undefined => headers.find((header) => header[0] === name)?.[1];
  const whole = value('content-encoding');
  if (whole !== undefined && whole !== 'identity') return body.length === 0 ? [] : [inflate(whole, body)];
  if (!isStream(value('content-type'))) return [];
  const encoding = value('connect-content-encoding') ?? value('grpc-encoding') ?? 'identity';
  return splitMessages(body)
    .filter(({ flags, message }) => (flags & 1) !== 0 && message.length > 0)
    .map(({ message }) => inflate(encoding, message));
}

function isStream(contentType: string | undefined): boolean {
  return (
    contentType?.startsWith('application/connect+') === true || contentType?.startsWith('application/grpc') === true
  );
}

/** Messages of a Connect or gRPC stream: flags, length, bytes. An unfinished one at the end is left out. */
export function splitMessages(body: Buffer): { readonly flags: number; readonly message: Buffer }[] {
  const messages: { flags: number; message: Buffer }[] = [];
  let at = 0;
  while (at + 5 <= body.length) {
    const length = body.readUInt32BE(at + 1);
    if (at + 5 + length > body.length) break;
    messages.push({ flags: body.readUInt8(at), message: body.subarray(at + 5, at + 5 + length) });
    at += 5 + length;
  }
  return messages;
}
