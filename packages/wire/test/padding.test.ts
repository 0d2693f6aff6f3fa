import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { isBucket, MAX_CONTENT_BYTES, pad, paddedLength, SEALED_BUCKETS, unpad } from '@sotto/wire';
import { codeOf } from './support.ts';

test('R-PAIR-5 padding fills a bucket with whatever sealing adds, and comes off again', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), fc.integer({ min: 0, max: 4000 }), (content, overhead) => {
      const padded = pad(content, overhead);
      assert.ok(isBucket(padded.length + overhead));
      assert.deepEqual(unpad(padded), content);
    }),
  );
});

test('R-PAIR-5 content of all lengths takes five sizes', () => {
  const sizes = new Set(Array.from({ length: MAX_CONTENT_BYTES }, (_, length) => paddedLength(length, 200) + 200));
  assert.deepEqual([...sizes], [...SEALED_BUCKETS]);
  assert.equal(
    codeOf(() => paddedLength(SEALED_BUCKETS.at(-1)!, 0)),
    'too_large',
  );
});

test('ISO/IEC 7816-4: one 0x80, then zeros, nothing else', () => {
  const padded = pad(Uint8Array.of(1, 0x80, 0), 0);
  assert.deepEqual(padded.subarray(0, 5), Uint8Array.of(1, 0x80, 0, 0x80, 0));
  for (let at = 3; at < padded.length; at += 17) {
    const damaged = padded.slice();
    damaged[at]! ^= 1;
    assert.equal(
      codeOf(() => unpad(damaged)),
      'padding',
    );
  }
  assert.equal(
    codeOf(() => unpad(new Uint8Array(512))),
    'padding',
  );
  assert.equal(
    codeOf(() => unpad(new Uint8Array())),
    'padding',
  );
});
