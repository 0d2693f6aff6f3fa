import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { decodeWhole, Reader } from '../src/codec/reader.ts';
import { Writer } from '../src/codec/writer.ts';
import { refuses } from './people.ts';

type Value =
  | { readonly kind: 'uint8' | 'uint16' | 'uint32'; readonly value: number }
  | { readonly kind: 'uint64'; readonly value: bigint }
  | { readonly kind: 'vector'; readonly value: Uint8Array }
  | { readonly kind: 'optional'; readonly value: Uint8Array };

const value: fc.Arbitrary<Value> = fc.oneof(
  fc.record({ kind: fc.constant('uint8' as const), value: fc.integer({ min: 0, max: 0xff }) }),
  fc.record({ kind: fc.constant('uint16' as const), value: fc.integer({ min: 0, max: 0xffff }) }),
  fc.record({ kind: fc.constant('uint32' as const), value: fc.integer({ min: 0, max: 0xffffffff }) }),
  fc.record({ kind: fc.constant('uint64' as const), value: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }) }),
  fc.record({ kind: fc.constant('vector' as const), value: fc.uint8Array({ maxLength: 200 }) }),
  fc.record({ kind: fc.constant('optional' as const), value: fc.uint8Array({ maxLength: 200 }) }),
);

function write(writer: Writer, item: Value): void {
  if (item.kind === 'uint64') writer.uint64(item.value);
  else if (item.kind === 'vector') writer.vector(item.value);
  else if (item.kind === 'optional') writer.optional(item.value, (inner, bytes) => inner.vector(bytes));
  else writer[item.kind](item.value);
}

function read(reader: Reader, { kind }: Value): Value['value'] | null {
  return kind === 'optional' ? reader.optional((inner) => inner.vector()) : reader[kind]();
}

describe('RFC 9420 §2.1: the TLS presentation language', () => {
  it('what is written is read, whatever the capacity to begin with', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 40 }), fc.integer({ min: 0, max: 64 }), (items, capacity) => {
        const writer = new Writer(capacity);
        writer.list(items, write);
        const bytes = writer.finish();
        const reader = new Reader(bytes);
        const inner = reader.nested();
        for (const item of items) assert.deepEqual(read(inner, item), item.value);
        inner.end();
        reader.end();
      }),
    );
  });

  it('a nested list is as long as its length says, and no structure reads beyond it', () => {
    const bytes = new Writer().list([1, 2, 3], (writer, item) => writer.uint16(item)).finish();
    assert.deepEqual(
      decodeWhole(bytes, (reader) => reader.list((inner) => inner.uint16())),
      [1, 2, 3],
    );
    refuses('malformed', () => decodeWhole(bytes, (reader) => reader.list((inner) => inner.uint32())));
  });

  it('refuses lengths that are not the shortest, or reserved, or beyond the input', () => {
    for (const header of ['403f', '80003fff', 'c0', 'ffffffff', '05', '7fff', 'bfffffff']) {
      refuses('malformed', () => decodeWhole(Buffer.from(header, 'hex'), (reader) => reader.vector()));
    }
  });

  it('refuses trailing bytes and a presence that is neither 0 nor 1', () => {
    refuses('malformed', () => decodeWhole(Uint8Array.of(0, 0), (reader) => reader.uint8()));
    refuses('malformed', () => decodeWhole(Uint8Array.of(2, 0), (reader) => reader.optional((inner) => inner.uint8())));
  });
});
