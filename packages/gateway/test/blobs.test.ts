import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connectBlobs, GatewayApiError } from '@sotto/gateway-api';
import type { BlobConnection, DeviceConnection } from '@sotto/gateway-api';
import { systemClock } from '@sotto/transport';
import { blobIdOf, blobOwnerOf } from '@sotto/wire';
import { connect, createTestAccount, provider } from './support/account.ts';
import { ChildGateway, freePort } from './support/child-gateway.ts';
import { ManualClock } from './support/clock.ts';
import { startTestGateway } from './support/gateway.ts';

const MIB = 1024 * 1024;
const sha256 = (...parts: readonly Uint8Array[]) => provider.hash('sha256', ...parts);

interface Uploader extends AsyncDisposable {
  readonly device: DeviceConnection;
  readonly blobs: BlobConnection;
}

async function uploader(address: string): Promise<Uploader> {
  const account = createTestAccount();
  const device = connect(address, account);
  await device.register({ statements: account.chain });
  const blobs = connectBlobs({ address, clock: systemClock });
  return {
    device,
    blobs,
    [Symbol.asyncDispose]: async () => void (await Promise.all([device.close(), blobs.close()])),
  };
}

function newBlob() {
  const [secret, owner] = [randomBytes(32), randomBytes(32)];
  return { secret, owner, blob: blobIdOf(secret, sha256), ownerHash: blobOwnerOf(owner, sha256) };
}

async function* pieces(bytes: Uint8Array, size = 256 * 1024): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function upload({ device, blobs }: Uploader, bytes: Uint8Array) {
  const { secret, owner, blob, ownerHash } = newBlob();
  await device.beginBlob({ blob, owner: ownerHash, length: bytes.length });
  const stored = await blobs.append({ blob, owner, offset: 0, length: bytes.length, source: pieces(bytes) });
  assert.equal(stored, bytes.length);
  return { secret, owner, blob, ownerHash };
}

async function download(blobs: BlobConnection, { blob, secret }: { blob: Uint8Array; secret: Uint8Array }, from = 0) {
  const { length, bytes } = await blobs.fetch({ blob, secret, from });
  const parts: Uint8Array[] = [];
  for await (const part of bytes) parts.push(part);
  return { length, bytes: Buffer.concat(parts) };
}

const refused = (code: string) => (error: unknown) => {
  assert.ok(error instanceof GatewayApiError, String(error));
  assert.equal(error.code, code);
  return true;
};

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));

test('what is appended in parts is fetched whole, from any byte on, by whoever has its secret, without a login', async () => {
  await using gateway = await startTestGateway();
  await using ann = await uploader(gateway.gateway.address);
  const bytes = randomBytes(3 * MIB + 17);
  const { secret, owner, blob, ownerHash } = newBlob();
  const order = { blob, owner: ownerHash, length: bytes.length };
  assert.equal((await ann.device.beginBlob(order)).offset, 0);
  const first = { blob, owner, offset: 0, length: MIB, source: pieces(bytes.subarray(0, MIB)) };
  assert.equal(await ann.blobs.append(first), MIB);
  assert.equal((await ann.device.beginBlob(order)).offset, MIB);
  assert.equal(await ann.blobs.offset({ blob, owner }), MIB);

  const reader = connectBlobs({ address: gateway.gateway.address, clock: systemClock });
  await assert.rejects(download(reader, { blob, secret }), refused('not-found'), 'before it is complete');
  const rest = { blob, owner, offset: MIB, length: bytes.length - MIB, source: pieces(bytes.subarray(MIB)) };
  assert.equal(await ann.blobs.append(rest), bytes.length);
  const whole = await download(reader, { blob, secret });
  assert.equal(whole.length, bytes.length);
  assert.ok(whole.bytes.equals(bytes));
  for (const from of [1, MIB, bytes.length - 1]) {
    const tail = await download(reader, { blob, secret }, from);
    assert.equal(tail.length, bytes.length);
    assert.ok(tail.bytes.equals(bytes.subarray(from)));
  }
  await assert.rejects(download(reader, { blob, secret }, bytes.length), refused('range'));
  await reader.close();
});

test('only its secret fetches a blob, only its owner’s secret writes or removes it; a wrong one looks like no blob', async () => {
  await using gateway = await startTestGateway();
  await using ann = await uploader(gateway.gateway.address);
  const { blobs } = ann;
  const { secret, owner, blob } = await upload(ann, randomBytes(1000));
  const other = randomBytes(32);
  await assert.rejects(download(blobs, { blob, secret: other }), refused('not-found'));
  await assert.rejects(download(blobs, { blob, secret: owner }), refused('not-found'));
  await assert.rejects(blobs.offset({ blob, owner: secret }), refused('not-found'));
  await assert.rejects(blobs.remove({ blob, owner: secret }), refused('not-found'));
  const part = { blob, offset: 1000, length: 1, source: pieces(new Uint8Array(1)) };
  await assert.rejects(blobs.append({ ...part, owner: secret }), refused('not-found'));
  await assert.rejects(blobs.append({ ...part, owner }), refused('range'), 'nothing follows the end');
  await blobs.remove({ blob, owner });
  await assert.rejects(download(blobs, { blob, secret }), refused('not-found'));
  assert.deepEqual(filesIn(join(gateway.folder, 'blobs')), []);
});

test('a part that does not begin where the blob ends, or is longer than it was said to be, changes nothing', async () => {
  await using gateway = await startTestGateway();
  await using ann = await uploader(gateway.gateway.address);
  const { secret, owner, blob, ownerHash } = newBlob();
  const bytes = randomBytes(5000);
  await ann.device.beginBlob({ blob, owner: ownerHash, length: 5000 });
  await ann.blobs.append({ blob, owner, offset: 0, length: 2000, source: pieces(bytes.subarray(0, 2000)) });
  for (const offset of [0, 1999, 2001, 5000]) {
    await assert.rejects(
      ann.blobs.append({ blob, owner, offset, length: 10, source: pieces(randomBytes(10)) }),
      refused('range'),
    );
  }
  await assert.rejects(
    ann.blobs.append({ blob, owner, offset: 2000, length: 3001, source: pieces(randomBytes(3001)) }),
    refused('range'),
  );
  await ann.blobs.append({ blob, owner, offset: 2000, length: 3000, source: pieces(bytes.subarray(2000)) });
  assert.ok((await download(ann.blobs, { blob, secret })).bytes.equals(bytes));
});

test('a connection that breaks keeps what it brought; the next part goes on there, and takes a stuck one’s place', async () => {
  await using gateway = await startTestGateway();
  await using ann = await uploader(gateway.gateway.address);
  const { secret, owner, blob, ownerHash } = newBlob();
  const bytes = randomBytes(4 * MIB);
  const order = { blob, owner: ownerHash, length: bytes.length };
  await ann.device.beginBlob(order);
  const giveUp = new AbortController();
  const stuck = async function* () {
    yield bytes.subarray(0, 2 * MIB);
    await new Promise((resolve) => setTimeout(resolve, 100));
    giveUp.abort();
    await new Promise(() => undefined);
  };
  await assert.rejects(
    ann.blobs.append({ blob, owner, offset: 0, length: bytes.length, source: stuck() }, { signal: giveUp.signal }),
    refused('aborted'),
  );
  const { offset } = await ann.device.beginBlob(order);
  assert.equal(offset, 2 * MIB);

  const hanging = async function* () {
    yield bytes.subarray(offset, offset + 1000);
    await new Promise(() => undefined);
  };
  const stalled = ann.blobs.append({ blob, owner, offset, length: bytes.length - offset, source: hanging() });
  stalled.catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 100));
  const now = await ann.blobs.offset({ blob, owner });
  assert.equal(now, offset + 1000);
  await assert.rejects(stalled, refused('unreachable'));
  await ann.blobs.append({ blob, owner, offset: now, length: bytes.length - now, source: pieces(bytes.subarray(now)) });
  assert.ok((await download(ann.blobs, { blob, secret })).bytes.equals(bytes));
});

test('limits are refused by name: size, bytes and number a day, the disk, and another blob of the same id', async () => {
  const clock = new ManualClock();
  const limits = { blobBytes: 5000, blobDailyBytes: 12_000, blobDailyCount: 4, blobTotalBytes: 13_000 };
  await using gateway = await startTestGateway({ limits, overrides: { clock } });
  await using ann = await uploader(gateway.gateway.address);
  await using ben = await uploader(gateway.gateway.address);
  const begin = (by: Uploader, length: number) => {
    const { blob, ownerHash } = newBlob();
    return by.device.beginBlob({ blob, owner: ownerHash, length });
  };
  await assert.rejects(begin(ann, 5001), refused('too-large'));
  await assert.rejects(begin(ann, 0), refused('malformed'));
  const known = newBlob();
  for (let i = 0; i < 3; i++) {
    await ann.device.beginBlob({ blob: known.blob, owner: known.ownerHash, length: 5000 });
  }
  await assert.rejects(
    ben.device.beginBlob({ blob: known.blob, owner: newBlob().ownerHash, length: 5000 }),
    refused('conflict'),
  );
  await begin(ann, 5000);
  await assert.rejects(begin(ann, 5000), (error) => {
    assert.ok(error instanceof GatewayApiError && error.code === 'quota');
    assert.equal(error.retryAfterMs, 12 * 3_600_000, 'until midnight');
    return true;
  });
  await assert.rejects(begin(ben, 5000), refused('storage-full'));
  await begin(ben, 3000);
  await begin(ann, 0).catch(() => undefined);
  clock.advance(13 * 3_600_000);
  await gateway.store.sweep();
  assert.equal((await begin(ann, 5000)).offset, 0, 'another day; half uploads are swept');
  for (let i = 0; i < 3; i++) await begin(ann, 1);
  await assert.rejects(begin(ann, 1), refused('quota'));
});

test('a blob is gone when its time is over, and so is one that nobody finishes, with their files', async () => {
  const clock = new ManualClock();
  await using gateway = await startTestGateway({ limits: { blobRetentionSeconds: 86_400 }, overrides: { clock } });
  await using ann = await uploader(gateway.gateway.address);
  const blob = await upload(ann, randomBytes(1000));
  const half = newBlob();
  await ann.device.beginBlob({ blob: half.blob, owner: half.ownerHash, length: 1000 });
  await ann.blobs.append({ blob: half.blob, owner: half.owner, offset: 0, length: 5, source: pieces(randomBytes(5)) });
  assert.equal(filesIn(join(gateway.folder, 'blobs')).length, 2);
  clock.advance(13 * 3_600_000);
  await gateway.store.sweep();
  assert.equal(filesIn(join(gateway.folder, 'blobs')).length, 1);
  await assert.rejects(ann.blobs.offset(half), refused('not-found'));
  assert.equal((await download(ann.blobs, blob)).length, 1000);
  clock.advance(13 * 3_600_000);
  await assert.rejects(download(ann.blobs, blob), refused('not-found'), 'also before it is swept');
  await gateway.store.sweep();
  assert.deepEqual(filesIn(join(gateway.folder, 'blobs')), []);
});

test('whoever logs in on the connection that moves blobs is told so, and paths and ranges that are none are refused', async () => {
  await using gateway = await startTestGateway();
  await using ann = await uploader(gateway.gateway.address);
  const { blob, secret } = await upload(ann, randomBytes(100));
  const ca = readFileSync(gateway.gateway.caFile);
  const { request } = await import('node:https');
  const ask = (path: string, headers: Record<string, string>, method = 'GET') =>
    new Promise<{ status: number; refusal: number; body: Buffer }>((resolve, reject) => {
      const url = new URL(gateway.gateway.url);
      const asked = request(
        { host: url.hostname, port: url.port, path, method, headers, ca, agent: false },
        (answer) => {
          const parts: Buffer[] = [];
          answer.on('data', (part: Buffer) => parts.push(part));
          answer.on('end', () => {
            const refusal = Number(answer.headers['sotto-refusal'] ?? 0);
            resolve({ status: answer.statusCode ?? 0, refusal, body: Buffer.concat(parts) });
          });
        },
      );
      asked.on('error', reject);
      asked.end();
    });
  const path = `/v1/blobs/${Buffer.from(blob).toString('base64url')}`;
  const authorization = `Blob ${secret.toString('base64url')}`;
  assert.equal((await ask(path, { authorization: 'Bearer abc' })).status, 403);
  assert.equal((await ask(path, {})).status, 400);
  assert.equal((await ask('/v1/blobs/..%2f..%2fgateway.db', { authorization })).status, 400);
  assert.equal((await ask(`${path}A`, { authorization })).status, 400);
  assert.equal((await ask(path, { authorization }, 'PUT')).status, 404);
  for (const range of ['bytes=100-', 'bytes=5-4'])
    assert.equal((await ask(path, { authorization, range })).status, 416);
  for (const range of ['bytes=-5', 'bytes=a-', 'lines=1-2', 'bytes=0-1,3-4']) {
    assert.equal((await ask(path, { authorization, range })).status, 400);
  }
  const middle = await ask(path, { authorization, range: 'bytes=10-19' });
  assert.equal(middle.status, 206);
  assert.equal(middle.body.length, 10);
  assert.ok(!gateway.log.join('').includes(Buffer.from(blob).toString('base64url')), 'no blob is named in the log');
});

test('after a kill -9 in the middle of a part, everything the gateway said it has is there, and the rest follows', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-blobs-'));
  const port = await freePort();
  const bytes = randomBytes(48 * MIB);
  const named = newBlob();
  const order = { blob: named.blob, owner: named.ownerHash, length: bytes.length };
  try {
    let child = await ChildGateway.start(folder, port);
    await using ann = await uploader(child.address);
    await ann.device.beginBlob(order);
    const slow = async function* () {
      for await (const piece of pieces(bytes.subarray(0, 40 * MIB), MIB)) yield piece;
      await new Promise(() => undefined);
    };
    const part = { blob: named.blob, owner: named.owner, offset: 0, length: bytes.length };
    const broken = ann.blobs.append({ ...part, source: slow() });
    broken.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 600));
    await child.kill();
    await assert.rejects(broken, refused('unreachable'));
    child = await ChildGateway.start(folder, port);
    await using restarted = child;
    assert.equal(restarted.address, child.address);
    const { offset } = await ann.device.beginBlob(order);
    assert.ok(offset > 0 && offset <= 40 * MIB, `${offset} bytes survived`);
    const rest = bytes.subarray(offset);
    await ann.blobs.append({ ...part, offset, length: rest.length, source: pieces(rest) });
    const hash = createHash('sha256');
    for await (const piece of (await ann.blobs.fetch(named)).bytes) hash.update(piece);
    assert.deepEqual(hash.digest(), createHash('sha256').update(bytes).digest());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('200 MB up and down take no more than 96 MiB of the gateway’s memory', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-blobs-'));
  try {
    await using child = await ChildGateway.start(folder, await freePort());
    await using ann = await uploader(child.address);
    await upload(ann, randomBytes(MIB));
    const before = await child.residentMemory();
    const piece = randomBytes(MIB);
    const length = 200 * MIB;
    const repeated = async function* () {
      for (let i = 0; i < 200; i++) yield piece;
    };
    const { secret, owner, blob, ownerHash } = newBlob();
    await ann.device.beginBlob({ blob, owner: ownerHash, length });
    let most = 0;
    const looking = setInterval(() => void child.residentMemory().then((rss) => (most = Math.max(most, rss))), 100);
    await ann.blobs.append({ blob, owner, offset: 0, length, source: repeated() });
    let read = 0;
    for await (const part of (await ann.blobs.fetch({ blob, secret })).bytes) read += part.length;
    clearInterval(looking);
    assert.equal(read, length);
    const grown = (Math.max(most, await child.residentMemory()) - before) / MIB;
    assert.ok(grown < 96, `${grown} MiB`);
    assert.equal(
      filesIn(join(folder, 'blobs')).reduce((sum, file) => sum + statSync(file).size, 0),
      length + MIB,
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test('a gateway that stops keeps what came, ends transfers, and goes on after its restart', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-blobs-'));
  const bytes = randomBytes(3 * MIB);
  const named = newBlob();
  const part = { blob: named.blob, owner: named.owner, offset: 0, length: bytes.length };
  try {
    const gateway = await startTestGateway({ folder });
    await using ann = await uploader(gateway.gateway.address);
    await ann.device.beginBlob({ blob: named.blob, owner: named.ownerHash, length: bytes.length });
    const held = async function* () {
      yield bytes.subarray(0, MIB);
      await new Promise(() => undefined);
    };
    const ended = ann.blobs.append({ ...part, source: held() });
    ended.catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await gateway.gateway.close();
    await assert.rejects(ended, GatewayApiError);
    await using again = await startTestGateway({ folder });
    const blobs = connectBlobs({ address: again.gateway.address, clock: systemClock });
    assert.equal(await blobs.offset(named), MIB);
    await blobs.append({ ...part, offset: MIB, length: 2 * MIB, source: pieces(bytes.subarray(MIB)) });
    assert.ok((await download(blobs, named)).bytes.equals(bytes));
    await blobs.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
