import assert from 'node:assert/strict';
import { createCipheriv, hkdfSync } from 'node:crypto';
import { test } from 'node:test';
import * as fc from 'fast-check';
import {
  CryptoError,
  nativeProvider,
  openStream,
  sealedStreamBytes,
  sealStream,
  STREAM_HEADER_BYTES,
} from '@sotto/crypto';
import type { CryptoErrorCode, StreamAead } from '@sotto/crypto';
import { providers } from './providers.ts';

const provider = nativeProvider();
const chunkBytes = 4096;
const info = Buffer.from('test');
const key = provider.random(32);

/** Header and sealed chunks of a plaintext. */
function seal(plain: Uint8Array, options: { key?: Uint8Array; info?: Uint8Array; aead?: StreamAead } = {}) {
  using sealer = sealStream(provider, { key, info, chunkBytes, ...options });
  const chunks: Uint8Array[] = [];
  const count = Math.max(1, Math.ceil(plain.length / chunkBytes));
  for (let i = 0; i < count; i++) {
    chunks.push(sealer.seal(plain.subarray(i * chunkBytes, (i + 1) * chunkBytes), i === count - 1));
  }
  return { header: sealer.header, chunks };
}

/** The plaintext, or null at the first chunk that does not belong where it is. */
function open(
  header: Uint8Array,
  chunks: readonly Uint8Array[],
  options: { key?: Uint8Array; info?: Uint8Array } = {},
) {
  using opener = openStream(provider, header, { key, info, ...options });
  const plain: Uint8Array[] = [];
  for (const [index, chunk] of chunks.entries()) {
    const opened = opener.open(chunk, index === chunks.length - 1);
    if (opened === null) return null;
    plain.push(opened);
  }
  return Buffer.concat(plain);
}

const codeOf = (call: () => unknown): CryptoErrorCode | null => {
  try {
    call();
    return null;
  } catch (error) {
    if (error instanceof CryptoError) return error.code;
    throw error;
  }
};

const plaintext = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc
    .constantFrom(0, 1, chunkBytes - 1, chunkBytes, chunkBytes + 1, 3 * chunkBytes)
    .map((length) => provider.random(length)),
);

test('what was sealed opens, whatever its length, in as many bytes as foretold, with every provider and AEAD', () => {
  for (const other of providers) {
    for (const aead of ['aes-256-gcm', 'chacha20-poly1305'] as const) {
      const plain = provider.random(chunkBytes + 100);
      using sealer = sealStream(other, { key, info, chunkBytes, aead });
      const chunks = [sealer.seal(plain.subarray(0, chunkBytes), false), sealer.seal(plain.subarray(chunkBytes), true)];
      assert.deepEqual(open(sealer.header, chunks), Buffer.from(plain), `${other.name} ${aead}`);
    }
  }
  fc.assert(
    fc.property(plaintext, (plain) => {
      const { header, chunks } = seal(plain);
      const bytes = header.length + chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      assert.equal(bytes, sealedStreamBytes(plain.length, chunkBytes));
      assert.deepEqual(open(header, chunks), Buffer.from(plain));
    }),
  );
});

test('the format is what its documentation says: HKDF-SHA-256 keys, nonce = prefix ‖ counter ‖ last', () => {
  const plain = provider.random(chunkBytes + 5);
  const { header, chunks } = seal(plain);
  const preamble = Buffer.from([1, 1, 12, 0]);
  assert.deepEqual(Buffer.from(header.subarray(0, 4)), preamble);
  const salt = header.subarray(4, 36);
  const bound = (label: string) => Buffer.concat([Buffer.from(label), preamble, info]);
  const material = Buffer.from(hkdfSync('sha256', key, salt, bound('sotto/v1/stream'), 39));
  const commitment = Buffer.from(hkdfSync('sha256', key, salt, bound('sotto/v1/stream-commitment'), 32));
  assert.deepEqual(Buffer.from(header.subarray(36)), commitment);
  for (const [index, part] of [plain.subarray(0, chunkBytes), plain.subarray(chunkBytes)].entries()) {
    const nonce = Buffer.concat([material.subarray(32), Buffer.from([0, 0, 0, index, index])]);
    const cipher = createCipheriv('aes-256-gcm', material.subarray(0, 32), nonce);
    const sealed = Buffer.concat([cipher.update(part), cipher.final(), cipher.getAuthTag()]);
    assert.deepEqual(Buffer.from(chunks[index]!), sealed);
  }
});

test('two streams under one key share no key, nonce or byte', () => {
  const plain = new Uint8Array(100);
  const [first, second] = [seal(plain), seal(plain)];
  assert.notDeepEqual(first.header, second.header);
  assert.notDeepEqual(first.chunks, second.chunks);
});

test('chunks cut off, added, repeated, swapped, moved to another stream or marked as last do not open', () => {
  const plain = provider.random(4 * chunkBytes);
  const { header, chunks } = seal(plain);
  const other = seal(plain).chunks;
  const attacks: Record<string, readonly Uint8Array[]> = {
    'the last one cut off': chunks.slice(0, 3),
    'the first one cut off': chunks.slice(1),
    'one in the middle cut out': chunks.toSpliced(1, 1),
    'two swapped': [chunks[1]!, chunks[0]!, chunks[2]!, chunks[3]!],
    'one repeated': chunks.toSpliced(1, 0, chunks[1]!),
    'one of another stream under the same key': chunks.toSpliced(2, 1, other[2]!),
    'one added after the last': [...chunks, chunks[3]!],
    'the last one first': [chunks[3]!],
  };
  for (const [name, attack] of Object.entries(attacks)) assert.equal(open(header, attack), null, name);
});

test('a changed byte anywhere is noticed', () => {
  const { header, chunks } = seal(provider.random(chunkBytes + 64));
  const whole = Buffer.concat([header, ...chunks]);
  const at = fc.oneof(fc.nat(STREAM_HEADER_BYTES - 1), fc.nat(whole.length - 1));
  fc.assert(
    fc.property(at, fc.integer({ min: 1, max: 255 }), (index, change) => {
      const bytes = Uint8Array.from(whole);
      bytes[index] = bytes[index]! ^ change;
      const start = STREAM_HEADER_BYTES + chunkBytes + 16;
      const parts = [bytes.subarray(STREAM_HEADER_BYTES, start), bytes.subarray(start)];
      const code = codeOf(() => assert.equal(open(bytes.subarray(0, STREAM_HEADER_BYTES), parts), null));
      assert.ok(index >= STREAM_HEADER_BYTES ? code === null : code === 'commitment' || code === 'unsupported');
    }),
  );
});

test('another key and another use are named by the commitment, before any chunk is read', () => {
  const { header, chunks } = seal(provider.random(10));
  assert.equal(
    codeOf(() => open(header, chunks, { key: provider.random(32) })),
    'commitment',
  );
  assert.equal(
    codeOf(() => open(header, chunks, { info: Buffer.from('other') })),
    'commitment',
  );
});

test('wrong lengths, sizes and anything after the end are refused by name', () => {
  const begin = (options: object) => () => sealStream(provider, { key, info, chunkBytes, ...options });
  assert.equal(codeOf(begin({ key: new Uint8Array(31) })), 'length');
  for (const size of [0, 2048, 5000, 2 ** 25, -4096, Number.NaN])
    assert.equal(codeOf(begin({ chunkBytes: size })), 'parameters');
  const sealer = sealStream(provider, { key, info, chunkBytes });
  assert.equal(
    codeOf(() => sealer.seal(new Uint8Array(chunkBytes - 1), false)),
    'length',
  );
  assert.equal(
    codeOf(() => sealer.seal(new Uint8Array(chunkBytes + 1), true)),
    'length',
  );
  const only = sealer.seal(new Uint8Array(0), true);
  assert.equal(
    codeOf(() => sealer.seal(new Uint8Array(0), true)),
    'sequence_exhausted',
  );
  const opener = openStream(provider, sealer.header, { key, info });
  assert.equal(
    codeOf(() => opener.open(new Uint8Array(15), true)),
    'length',
  );
  assert.equal(opener.open(new Uint8Array(16), true), null);
  assert.equal(
    codeOf(() => opener.open(only, true)),
    'sequence_exhausted',
  );
  assert.equal(
    codeOf(() => openStream(provider, sealer.header.subarray(1), { key, info })),
    'length',
  );
});
