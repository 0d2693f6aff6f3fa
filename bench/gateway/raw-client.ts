/**
 * The two hot streams of the gateway as bare HTTP/2 frames: what a load generator needs to cost less than what it
 * loads. Speaks Connect's binary protocol with hand-laid protobuf; everything but the streams goes through the client.
 */
import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import { create, toBinary } from '@bufbuild/protobuf';
import { PostRequestSchema } from '@sotto/wire';

const PREFIX_BYTES = 5;

export function openSession(url: string): ClientHttp2Session {
  const session = connect(url, {
    rejectUnauthorized: false,
    settings: { initialWindowSize: 1024 * 1024, enablePush: false },
  });
  session.setMaxListeners(0);
  return session;
}

/** A unary call in JSON on a session. */
export async function callJson(
  session: ClientHttp2Session,
  method: string,
  request: object,
): Promise<Record<string, string>> {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/sotto.gateway.v1.${method}`,
    'content-type': 'application/json',
  });
  stream.end(JSON.stringify(request));
  let body = '';
  for await (const part of stream.setEncoding('utf8')) body += part as string;
  return JSON.parse(body) as Record<string, string>;
}

function openStream(
  session: ClientHttp2Session,
  path: string,
  headers: Record<string, string> = {},
): ClientHttp2Stream {
  return session.request({
    ':method': 'POST',
    ':path': path,
    'content-type': 'application/connect+proto',
    'connect-protocol-version': '1',
    ...headers,
  });
}

/** Cuts the incoming bytes into frame bodies; the last one (flag 2) says how the stream ended. */
function onFrames(stream: ClientHttp2Stream, onBody: (body: Buffer) => void, onEnd: (json: string) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    while (rest.length >= PREFIX_BYTES) {
      const length = rest.readUInt32BE(1);
      if (rest.length < PREFIX_BYTES + length) return;
      const body = rest.subarray(PREFIX_BYTES, PREFIX_BYTES + length);
      if (rest[0] === 0) onBody(body);
      else onEnd(body.toString('utf8'));
      rest = rest.subarray(PREFIX_BYTES + length);
    }
  });
  stream.on('error', (error) => onEnd(error.message));
}

function frameOf(body: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + body.length);
  frame[0] = 0;
  frame.writeUInt32BE(body.length, 1);
  frame.set(body, PREFIX_BYTES);
  return frame;
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

/** Walks over the fields of a message: number, varint value or body. */
function* fields(
  bytes: Buffer,
): Generator<{ readonly field: number; readonly value: number; readonly body: Buffer | null }> {
  let at = 0;
  const read = (): number => {
    let value = 0;
    let factor = 1;
    while (true) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  };
  while (at < bytes.length) {
    const tag = read();
    const value = read();
    const body = tag % 8 === 2 ? bytes.subarray(at, at + value) : null;
    if (body !== null) at += value;
    yield { field: tag >>> 3, value, body };
  }
}

/** A post whose number and serial are patched in place: the serial sits in the last bytes of the sealed part. */
export class PostTemplate {
  readonly #bytes: Buffer;
  readonly #numberAt: number;
  readonly #serialAt: number;

  constructor(envelope: Uint8Array, secret: Uint8Array) {
    const post = toBinary(
      PostRequestSchema,
      create(PostRequestSchema, { envelope, admission: { kind: { case: 'capability', value: secret } } }),
    );
    // The number as a varint of five bytes, so that its length never changes.
    const number = [0x08, 0x80, 0x80, 0x80, 0x80, 0x00];
    const inner = Buffer.concat([Buffer.from(number), Buffer.from([0x12, ...varint(post.length)]), post]);
    const head = Buffer.from([0x0a, ...varint(inner.length)]);
    this.#bytes = Buffer.concat([head, inner]);
    this.#numberAt = head.length + 1;
    const envelopeAt = this.#bytes.indexOf(envelope.subarray(0, 32));
    this.#serialAt = envelopeAt + envelope.length - 8;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** Writes the post into `target` at `at`. */
  write(target: Buffer, at: number, number: number, serial: number): void {
    this.#bytes.copy(target, at);
    let rest = number;
    for (let i = 0; i < 4; i++) {
      target[at + this.#numberAt + i] = (rest & 127) | 128;
      rest >>>= 7;
    }
    target[at + this.#numberAt + 4] = rest & 127;
    target.writeUInt32BE(serial, at + this.#serialAt);
  }
}

export interface RawSenderEvents {
  readonly onAccepted: (number: number) => void;
  readonly onRefused: (number: number, refusal: number) => void;
}

/** One anonymous connection with one post stream. */
export class RawSender {
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;

  constructor(url: string, { onAccepted, onRefused }: RawSenderEvents) {
    this.#session = openSession(url);
    this.#stream = openStream(this.#session, '/sotto.gateway.v1.PostService/PostStream');
    onFrames(
      this.#stream,
      (body) => {
        for (const { body: outcome } of fields(body)) {
          let number = 0;
          let refusal = 0;
          for (const { field, value } of fields(outcome ?? Buffer.alloc(0))) {
            if (field === 1) number = value;
            if (field === 2) refusal = value;
          }
          if (refusal === 0) onAccepted(number);
          else onRefused(number, refusal);
        }
      },
      (json) => {
        if (json !== '{}') throw new Error(`a post stream ended: ${json}`);
      },
    );
  }

  /** Sends posts in one frame. */
  send(posts: readonly { readonly template: PostTemplate; readonly number: number; readonly serial: number }[]): void {
    const body = Buffer.allocUnsafe(posts.reduce((sum, { template }) => sum + template.length, PREFIX_BYTES));
    body[0] = 0;
    body.writeUInt32BE(body.length - PREFIX_BYTES, 1);
    let at = PREFIX_BYTES;
    for (const { template, number, serial } of posts) {
      template.write(body, at, number, serial);
      at += template.length;
    }
    this.#stream.write(body);
  }

  close(): void {
    this.#stream.end();
    this.#session.close();
  }
}

/** A device's stream that acknowledges everything and gathers as the client does. */
export class RawReceiver {
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  readonly #gatherMs: number;
  #waiting: number[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(options: {
    readonly session: ClientHttp2Session;
    readonly token: string;
    readonly credit: number;
    readonly gatherMs: number;
    readonly onArrival: () => void;
    readonly onCaughtUp: () => void;
  }) {
    this.#gatherMs = options.gatherMs;
    this.#session = options.session;
    const headers = { authorization: `Bearer ${options.token}` };
    this.#stream = openStream(this.#session, '/sotto.gateway.v1.DeviceService/Connect', headers);
    onFrames(
      this.#stream,
      (body) => {
        for (const { field, body: delivery } of fields(body)) {
          if (field === 3) options.onCaughtUp();
          if (field !== 1 || delivery === null) continue;
          options.onArrival();
          for (const { field: inner, value } of fields(delivery)) {
            if (inner === 1) this.#acknowledge(value);
            break;
          }
        }
      },
      (json) => {
        if (json !== '{}' && !this.#stream.destroyed) throw new Error(`a device stream ended: ${json}`);
      },
    );
    this.#grant(options.credit, []);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#stream.close();
    this.#session.close();
  }

  #acknowledge(sequence: number): void {
    this.#waiting.push(sequence);
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const sequences = this.#waiting;
      this.#waiting = [];
      this.#grant(sequences.length, sequences);
    }, this.#gatherMs);
  }

  #grant(credit: number, sequences: readonly number[]): void {
    const packed = sequences.flatMap(varint);
    const acknowledge = packed.length === 0 ? [] : [0x12, ...varint(packed.length), ...packed];
    this.#stream.write(frameOf(Uint8Array.from([0x08, ...varint(credit), ...acknowledge])));
  }
}
