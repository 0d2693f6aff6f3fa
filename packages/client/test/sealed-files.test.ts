import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { nativeProvider, sealedStreamBytes } from '@sotto/crypto';
import * as fc from 'fast-check';
import { CHUNK_BYTES } from '../src/attachments/keys.ts';
import { openFile } from '../src/attachments/open-file.ts';
import { paddedSize } from '../src/attachments/pad.ts';
import { sealFile } from '../src/attachments/seal-file.ts';
import { collect, failsWith } from './support/attachments.ts';
import { MemoryFiles } from './support/memory-files.ts';

const provider = nativeProvider();
const { signal } = new AbortController();
const HEADER = 68;
const SEALED_CHUNK = CHUNK_BYTES + 16;

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function seal(bytes: Uint8Array, pieceBytes = 100_000) {
  const files = new MemoryFiles();
  const key = provider.random(32);
  const sealed = await sealFile(provider, {
    source: pieces(bytes, pieceBytes),
    key,
    sink: await files.create('f'),
    mostBytes: 10_000_000,
    tooLarge: () => new Error('too large'),
    signal,
  });
  return { files, sealed, job: { files, name: 'f', key, size: sealed.size, sealedSize: sealed.sealedSize } };
}

test('a file comes back as it was, however it came in pieces, padded to a bucket and hashed as it lies there', async () => {
  const sizes = fc.constantFrom(0, 1, 4095, 4096, 5000, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES + 77);
  await fc.assert(
    fc.asyncProperty(sizes, fc.integer({ min: 1000, max: 400_000 }), async (size, pieceBytes) => {
      const bytes = provider.random(size);
      const { files, sealed, job } = await seal(bytes, pieceBytes);
      const stored = files.bytes.get('f')!;
      assert.equal(sealed.size, size);
      assert.equal(stored.length, sealedStreamBytes(paddedSize(size), CHUNK_BYTES));
      assert.equal(sealed.sealedSize, stored.length);
      assert.deepEqual(Buffer.from(sealed.sha256), createHash('sha256').update(stored).digest());
      assert.ok((await collect(openFile(provider, job))).equals(bytes));
    }),
    { numRuns: 25 },
  );
});

test('padding adds at most an eighth, never takes away, and makes sizes few', () => {
  fc.assert(
    fc.property(fc.integer({ min: 4096, max: 2 ** 40 }), (size) => {
      const padded = paddedSize(size);
      assert.ok(padded >= size && padded <= size * 1.125, String(size));
      assert.equal(paddedSize(padded), padded);
    }),
  );
  const sizes = new Set(Array.from({ length: 1_000_000 }, (_, size) => paddedSize(size + 1_000_000)));
  assert.ok(sizes.size <= 40, `${sizes.size} buckets between one and two million bytes`);
  assert.equal(paddedSize(0), paddedSize(4096));
});

test('a sealed file that was cut, lengthened, reordered, mixed with another or changed anywhere is damaged', async () => {
  const bytes = provider.random(3 * CHUNK_BYTES);
  const { files, job } = await seal(bytes);
  const other = await seal(bytes);
  const stored = Buffer.from(files.bytes.get('f')!);
  const chunk = (index: number, of: Buffer = stored) =>
    of.subarray(HEADER + index * SEALED_CHUNK, HEADER + (index + 1) * SEALED_CHUNK);
  const header = stored.subarray(0, HEADER);
  const count = Math.ceil((stored.length - HEADER) / SEALED_CHUNK);
  const all = Array.from({ length: count }, (_, index) => chunk(index));
  const attacks: Record<string, Buffer> = {
    nothing: Buffer.alloc(0),
    'half a header': stored.subarray(0, 30),
    'only a header': header,
    'a chunk cut off at its border': Buffer.concat([header, ...all.slice(0, -1)]),
    'a byte cut off': stored.subarray(0, -1),
    'a byte added': Buffer.concat([stored, Buffer.alloc(1)]),
    'a chunk added': Buffer.concat([stored, all[0]!]),
    'two chunks swapped': Buffer.concat([header, all[1]!, all[0]!, ...all.slice(2)]),
    'a chunk repeated': Buffer.concat([header, all[0]!, all[0]!, ...all.slice(2)]),
    'a chunk of another file': Buffer.concat([header, chunk(0, other.files.bytes.get('f')), ...all.slice(1)]),
    'another file': Buffer.from(other.files.bytes.get('f')!),
  };
  for (const [name, attack] of Object.entries(attacks)) {
    files.bytes.set('f', attack);
    await assert.rejects(collect(openFile(provider, job)), failsWith('attachment_damaged'), name);
  }
  await fc.assert(
    fc.asyncProperty(fc.nat(stored.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
      const changed = Buffer.from(stored);
      changed[at] = changed[at]! ^ change;
      files.bytes.set('f', changed);
      await assert.rejects(collect(openFile(provider, job)), failsWith('attachment_damaged'));
    }),
    { numRuns: 40 },
  );
});

test('a message that lies about the size of its file gets nothing, or an error, and never the padding', async () => {
  const { job } = await seal(provider.random(5000));
  await assert.rejects(collect(openFile(provider, { ...job, size: 1_000_000 })), failsWith('attachment_damaged'));
  assert.equal((await collect(openFile(provider, { ...job, size: 10 }))).length, 10);
  await assert.rejects(collect(openFile(provider, { ...job, sealedSize: 100 })), failsWith('attachment_damaged'));
  await assert.rejects(collect(openFile(provider, { ...job, name: 'gone' })), failsWith('attachment_damaged'));
});
