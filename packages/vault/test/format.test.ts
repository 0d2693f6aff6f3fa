import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as fc from 'fast-check';
import { ByteReader, ByteWriter } from '../src/format/bytes.ts';
import { decodeHead, encodeHead, TABLES } from '../src/format/head.ts';
import { MultisetHash } from '../src/format/multiset.ts';
import { paddedLength } from '../src/format/padding.ts';
import { coded, provider } from './support.ts';

const field = fc.oneof(
  fc.record({ kind: fc.constant('u8' as const), value: fc.nat(255) }),
  fc.record({ kind: fc.constant('u32' as const), value: fc.nat(0xffff_ffff) }),
  fc.record({ kind: fc.constant('i64' as const), value: fc.maxSafeInteger() }),
  fc.record({ kind: fc.constant('varint' as const), value: fc.maxSafeNat() }),
  fc.record({ kind: fc.constant('blob' as const), value: fc.uint8Array({ maxLength: 600 }) }),
  fc.record({ kind: fc.constant('text' as const), value: fc.string({ unit: 'grapheme', maxLength: 200 }) }),
);

test('records of any fields read back as written, whatever the size the buffer began with', () => {
  fc.assert(
    fc.property(fc.array(field), fc.integer({ min: 1, max: 64 }), (fields, capacity) => {
      const writer = new ByteWriter(capacity);
      for (const { kind, value } of fields) (writer[kind] as (v: unknown) => ByteWriter)(value);
      const reader = new ByteReader(writer.copy());
      for (const { kind, value } of fields) assert.deepEqual(reader[kind](), value);
      reader.end();
    }),
  );
});

function refused(bytes: number[], read: (reader: ByteReader) => unknown): void {
  assert.throws(() => read(new ByteReader(Uint8Array.from(bytes))), coded('damaged'));
}

test('a reader refuses early ends, trailing bytes, overlong and oversized numbers, and text that is not UTF-8', () => {
  refused([], (reader) => reader.u8());
  refused([0, 0, 0], (reader) => reader.u32());
  refused([5, 1, 2], (reader) => reader.blob());
  refused([0x80], (reader) => reader.varint());
  refused([0x80, 0x00], (reader) => reader.varint());
  refused([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], (reader) => reader.varint());
  refused([0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], (reader) => reader.i64());
  refused([2, 0xc3, 0x28], (reader) => reader.text());
  refused([1], (reader) => reader.end());
});

suite('multiset hash (Clarke et al. 2003)', () => {
  const element = fc.uint8Array({ minLength: 32, maxLength: 32 });
  test('does not depend on order, and removing undoes adding', () => {
    fc.assert(
      fc.property(fc.array(element), fc.array(element), (kept, removed) => {
        const one = new MultisetHash();
        for (const each of [...kept, ...removed]) one.add(each);
        for (const each of removed) one.remove(each);
        const other = new MultisetHash();
        for (const each of kept.toReversed()) other.add(each);
        assert.ok(one.equals(other));
        assert.ok(one.equals(new MultisetHash(one.sum(), one.count)));
        other.add(new Uint8Array(32));
        assert.ok(!one.equals(other), 'an element of zeros counts');
      }),
    );
  });

  test('adds modulo 2^256', () => {
    fc.assert(
      fc.property(fc.array(element), (elements) => {
        const hash = new MultisetHash();
        let sum = 0n;
        for (const each of elements) {
          hash.add(each);
          sum = (sum + BigInt(`0x${Buffer.from(each).toString('hex')}`)) % 2n ** 256n;
        }
        assert.equal(Buffer.from(hash.sum()).toString('hex'), sum.toString(16).padStart(64, '0'));
      }),
    );
  });
});

test('padded lengths hide short ones, grow by at most 12 %, and never shrink', () => {
  for (let length = 0; length < 70_000; length += 7) {
    const padded = paddedLength(length);
    assert.ok(padded >= length && padded >= 64);
    if (length > 64) assert.ok(padded <= length * 1.12);
    assert.equal(paddedLength(padded), padded);
    assert.ok(paddedLength(length + 1) >= padded);
  }
});

test('a head reads back as written; cut or mutated ones are refused or differ', () => {
  const head = {
    vaultId: provider.random(16),
    schema: 1,
    generation: 77,
    counter: 99,
    dayKeys: [{ id: 3, day: 20_000, firstCounter: 12 }],
    collections: new Map(
      TABLES.map((table, i) => [
        `c${i}`,
        { name: `c${i}`, id: i + 1, table, hash: new MultisetHash(provider.random(32), i) },
      ]),
    ),
  };
  const encoded = encodeHead(head, new ByteWriter()).copy();
  assert.deepEqual(encodeHead(decodeHead(encoded), new ByteWriter()).copy(), encoded);
  for (let length = 0; length < encoded.length; length++) {
    assert.throws(() => decodeHead(encoded.subarray(0, length)), coded('damaged'));
  }
  fc.assert(
    fc.property(fc.nat(encoded.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const mutated = encoded.slice();
      mutated[at]! ^= change;
      try {
        assert.notDeepEqual(encodeHead(decodeHead(mutated), new ByteWriter()).copy(), encoded);
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        coded('damaged')(error);
      }
    }),
  );
});
