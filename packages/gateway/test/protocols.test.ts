import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { createClient } from '@connectrpc/connect';
import type { Transport } from '@connectrpc/connect';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { DeviceService, DirectoryService, PostService, Refusal } from '@sotto/wire';
import type { ConnectRequest, PostStreamRequest } from '@sotto/wire';
import { create } from '@bufbuild/protobuf';
import { ConnectRequestSchema, PostStreamRequestSchema } from '@sotto/wire';
import { registerReceiver, testEnvelope } from './support/account.ts';
import type { Receiver } from './support/account.ts';
import { startTestGateway } from './support/gateway.ts';
import type { TestGateway } from './support/gateway.ts';
import { base64, bearer } from './support/hostile.ts';
import { call } from './support/raw.ts';

let running: TestGateway;
let bob: Receiver;
before(async () => {
  running = await startTestGateway();
  bob = await registerReceiver(running.gateway.address);
});
after(async () => {
  await bob.device.close();
  await running[Symbol.asyncDispose]();
});

/** A stream's input that a test feeds. */
class Feed<T> implements AsyncIterable<T> {
  readonly #waiting: T[] = [];
  #wake = Promise.withResolvers<void>();
  #ended = false;

  push(item: T): void {
    this.#waiting.push(item);
    this.#wake.resolve();
  }

  end(): void {
    this.#ended = true;
    this.#wake.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    while (true) {
      const next = this.#waiting.shift();
      if (next !== undefined) yield next;
      else if (this.#ended) return;
      else {
        await this.#wake.promise;
        this.#wake = Promise.withResolvers();
      }
    }
  }
}

const options = () => ({
  baseUrl: running.gateway.url,
  httpVersion: '2' as const,
  nodeOptions: { ca: readFileSync(running.gateway.caFile) },
});

const protocols: readonly (readonly [string, () => Transport])[] = [
  ['gRPC', () => createGrpcTransport(options())],
  ['gRPC-web', () => createGrpcWebTransport(options())],
  ['Connect, JSON', () => createConnectTransport({ ...options(), useBinaryFormat: false })],
  ['Connect, binary', () => createConnectTransport(options())],
  ['Connect, binary with a deadline', () => createConnectTransport({ ...options(), defaultTimeoutMs: 20_000 })],
];

for (const [name, open] of protocols) {
  test(`R-GW-1 one schema, unary calls and both streams over ${name}`, async () => {
    const directory = createClient(DirectoryService, open());
    assert.equal((await directory.getInfo({})).version, '0.1.0');

    const { admission } = { admission: { kind: { case: 'capability' as const, value: bob.capability.secret } } };
    const posts = new Feed<PostStreamRequest>();
    const envelopes = [testEnvelope(bob.mailbox), testEnvelope(bob.mailbox)];
    posts.push(
      create(PostStreamRequestSchema, {
        posts: [
          ...envelopes.map((envelope, i) => ({ number: BigInt(i + 1), post: { envelope, admission } })),
          { number: 3n, post: { envelope: new Uint8Array(3), admission } },
        ],
      }),
    );
    const outcomes: [bigint, Refusal][] = [];
    for await (const frame of createClient(PostService, open()).postStream(posts)) {
      for (const { number, refusal } of frame.outcomes) outcomes.push([number, refusal]);
      if (outcomes.length === 3) posts.end();
    }
    assert.deepEqual(
      outcomes.toSorted(([a], [b]) => Number(a - b)),
      [
        [1n, Refusal.UNSPECIFIED],
        [2n, Refusal.UNSPECIFIED],
        [3n, Refusal.MALFORMED],
      ],
    );

    const { token } = await bob.device.unboundToken();
    const input = new Feed<ConnectRequest>();
    input.push(create(ConnectRequestSchema, { credit: 10 }));
    const arrived: Uint8Array[] = [];
    let acknowledged = 0;
    for await (const frame of createClient(DeviceService, open()).connect(input, { headers: bearer(token) })) {
      acknowledged += frame.acknowledged.length;
      for (const { envelope, sequence } of frame.deliveries) {
        arrived.push(envelope);
        input.push(create(ConnectRequestSchema, { acknowledge: [sequence] }));
      }
      if (acknowledged === 2) input.end();
    }
    assert.deepEqual(
      arrived.map((bytes) => Buffer.from(bytes)),
      envelopes.map((bytes) => Buffer.from(bytes)),
    );
    assert.deepEqual(await bob.device.poll(), { arrivals: [], more: false });
  });
}

const curl = async (method: string, body: object, ...more: string[]): Promise<unknown> => {
  const args = ['-sS', '--cacert', running.gateway.caFile, '-H', 'content-type: application/json', ...more];
  const { port } = new URL(running.gateway.url);
  const url = `https://localhost:${port}/sotto.gateway.v1.${method}`;
  const { stdout } = await promisify(execFile)('curl', [...args, url, '-d', JSON.stringify(body)]);
  return JSON.parse(stdout);
};

test('R-GW-1 posting, polling and acknowledging with curl', async (t) => {
  const found = await promisify(execFile)('curl', ['--version']).catch(() => null);
  if (found === null) return t.skip('no curl here; the next test does the same with fetch');
  const { token } = await bob.device.unboundToken();
  const envelope = base64(testEnvelope(bob.mailbox));
  const post = { envelope, admission: { capability: base64(bob.capability.secret) } };
  assert.deepEqual(await curl('PostService/Post', post), {});
  assert.deepEqual(await curl('PostService/Post', post, '--http1.1'), { duplicate: true });
  const authorization = ['-H', `authorization: Bearer ${token}`];
  const page = (await curl('DeviceService/GetMessages', {}, ...authorization)) as {
    deliveries: { envelope: string; sequence: string; queue: string }[];
  };
  assert.equal(page.deliveries[0]?.envelope, envelope);
  assert.equal(page.deliveries[0]?.queue, 'QUEUE_CONTACTS');
  const sequences = page.deliveries.map(({ sequence }) => sequence);
  assert.deepEqual(await curl('DeviceService/Acknowledge', { sequences }, ...authorization, '--http1.1'), {});
  assert.deepEqual(await curl('DeviceService/GetMessages', {}, ...authorization), {});
  const refused = (await curl('PostService/Post', {
    ...post,
    admission: { capability: base64(new Uint8Array(32)) },
  })) as { code: string; details: { debug: object }[] };
  assert.equal(refused.code, 'permission_denied');
  assert.deepEqual(refused.details[0]?.debug, { refusal: 'REFUSAL_CAPABILITY' });
});

test('the same over HTTP/1.1 with JSON, without curl', async () => {
  const { token } = await bob.device.unboundToken();
  const envelope = base64(testEnvelope(bob.mailbox));
  const post = { envelope, admission: { capability: base64(bob.capability.secret) } };
  assert.equal((await call(running.gateway, 'PostService/Post', post)).status, 200);
  const { body } = await call(running.gateway, 'DeviceService/GetMessages', {}, bearer(token));
  const { deliveries } = JSON.parse(body) as { deliveries: { envelope: string; sequence: string }[] };
  assert.equal(deliveries[0]?.envelope, envelope);
  const sequences = deliveries.map(({ sequence }) => sequence);
  await call(running.gateway, 'DeviceService/Acknowledge', { sequences }, bearer(token));
  assert.equal((await call(running.gateway, 'DeviceService/GetMessages', {}, bearer(token))).body, '{}');
});

test('health and readiness are served, unknown paths are not', async () => {
  const session = connectHttp2(running.gateway.url, { ca: readFileSync(running.gateway.caFile) });
  const get = async (path: string): Promise<[unknown, string]> => {
    const stream = session.request({ ':path': path });
    const { promise, resolve } = Promise.withResolvers<unknown>();
    stream.on('response', (headers) => resolve(headers[':status']));
    let body = '';
    for await (const chunk of stream.setEncoding('utf8')) body += chunk as string;
    return [await promise, body];
  };
  assert.deepEqual(await get('/healthz'), [200, '{"ok":true}']);
  assert.deepEqual(await get('/readyz'), [200, '{"ready":true}']);
  assert.equal((await get('/'))[0], 404);
  session.close();
});
