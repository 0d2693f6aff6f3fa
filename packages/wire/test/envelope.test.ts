import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import {
  concatBytes,
  decodeEnvelope,
  encodeEnvelope,
  encodeEnvelopeHeader,
  envelopeIdOf,
  greaseValues,
  isGrease,
  MAX_ENVELOPE_BYTES,
  roundExpiry,
  SEALED_BUCKETS,
  SUITE_PQXDH,
  SUITE_X3DH,
  suiteId,
  suiteSatisfies,
} from '@sotto/wire';
import type { EnvelopeFields } from '@sotto/wire';
import { EnvelopeSchema, Urgency } from '../src/gen/sotto/wire/v1/envelope_pb.ts';
import { bucketLength, codeOf, envelopeFields, sha256 } from './support.ts';

function generated(fields: EnvelopeFields, sealed: Uint8Array, change: object = {}): Uint8Array {
  const message = create(EnvelopeSchema, {
    version: 1,
    suite: fields.suite,
    mailbox: fields.mailbox,
    expiresAt: BigInt(fields.expiresAt),
    urgency: fields.urgency === 'high' ? Urgency.HIGH : Urgency.NORMAL,
    sealed,
    ...change,
  });
  return toBinary(EnvelopeSchema, message);
}

const [sample] = fc.sample(envelopeFields, { numRuns: 1, seed: 1 });
const SEALED = new Uint8Array(512).fill(7);

test('R-PAIR-5 the envelope is byte for byte what protobuf writes, and read as protobuf reads it', () => {
  fc.assert(
    fc.property(envelopeFields, bucketLength, fc.nat(255), (fields, length, fill) => {
      const sealed = new Uint8Array(length).fill(fill);
      const header = encodeEnvelopeHeader(fields);
      const bytes = encodeEnvelope(header, sealed.subarray(0, 100), sealed.subarray(100));
      assert.deepEqual(bytes, generated(fields, sealed));
      const read = decodeEnvelope(bytes);
      const reference = fromBinary(EnvelopeSchema, bytes);
      assert.deepEqual({ ...read }, { ...fields, version: 1, sealed, header, bytes });
      assert.equal(BigInt(read.expiresAt), reference.expiresAt);
      assert.deepEqual(read.sealed, reference.sealed);
    }),
  );
});

test('R-PAIR-5 the header is everything outside the seal, so binding it binds every field', () => {
  const header = encodeEnvelopeHeader(sample!);
  const bytes = encodeEnvelope(header, SEALED);
  assert.deepEqual(decodeEnvelope(bytes).header, header);
  assert.equal(bytes.length, header.length + 3 + SEALED.length);
});

test('unknown fields, other orders, longer forms, missing fields and trailing bytes are refused', () => {
  const header = encodeEnvelopeHeader(sample!);
  const valid = encodeEnvelope(header, SEALED);
  const cases: [string, Uint8Array, string][] = [
    ['empty', new Uint8Array(), 'malformed'],
    ['truncated', valid.subarray(0, -1), 'malformed'],
    ['trailing byte', concatBytes(valid, Uint8Array.of(0)), 'malformed'],
    ['unknown field', concatBytes(valid, Uint8Array.of(0x38, 1)), 'malformed'],
    ['field twice', concatBytes(Uint8Array.of(0x08, 1), valid), 'malformed'],
    ['other order', concatBytes(valid.subarray(2, 4), valid.subarray(0, 2), valid.subarray(4)), 'malformed'],
    ['no version', valid.subarray(2), 'malformed'],
    ['long varint', concatBytes(Uint8Array.of(0x08, 0x81, 0x00), valid.subarray(2)), 'not_canonical'],
    ['huge varint', concatBytes(Uint8Array.of(0x08), new Uint8Array(9).fill(0xff), valid.subarray(2)), 'range'],
    ['version 0', concatBytes(Uint8Array.of(0x08, 0), valid.subarray(2)), 'unknown_version'],
    ['mailbox of 15', generated(sample!, SEALED, { mailbox: new Uint8Array(15) }), 'length'],
    ['half an hour', generated(sample!, SEALED, { expiresAt: 1800n }), 'range'],
    ['beyond 2^40', generated(sample!, SEALED, { expiresAt: 3600n * 10n ** 9n }), 'range'],
    ['urgency 3', generated(sample!, SEALED, { urgency: 3 }), 'range'],
    ['no bucket', generated(sample!, new Uint8Array(513)), 'padding'],
    ['nothing sealed', generated(sample!, new Uint8Array()), 'malformed'],
    ['too large', new Uint8Array(MAX_ENVELOPE_BYTES + 1), 'too_large'],
  ];
  for (const [name, bytes, code] of cases)
    assert.equal(
      codeOf(() => decodeEnvelope(bytes)),
      code,
      name,
    );
});

test('GREASE: reserved versions and suites are refused like any unknown one', () => {
  assert.equal(greaseValues().length, 256);
  assert.ok(greaseValues().every(isGrease));
  assert.deepEqual(greaseValues().slice(0, 2), [0x0a0a, 0x0a1a]);
  for (const value of [...greaseValues().slice(0, 32), 3, 77, 2 ** 31]) {
    assert.equal(
      codeOf(() => decodeEnvelope(generated(sample!, SEALED, { version: value }))),
      'unknown_version',
    );
    assert.equal(
      codeOf(() => decodeEnvelope(generated(sample!, SEALED, { suite: value }))),
      'unknown_suite',
    );
    assert.equal(
      codeOf(() => suiteId(value)),
      'unknown_suite',
    );
  }
});

test('strength of suites is not their number', () => {
  assert.ok(suiteSatisfies(SUITE_PQXDH, SUITE_X3DH));
  assert.ok(suiteSatisfies(SUITE_X3DH, SUITE_X3DH));
  assert.ok(!suiteSatisfies(SUITE_X3DH, SUITE_PQXDH));
});

test('any changed byte outside the sealed part is refused or read as different fields', () => {
  const bytes = encodeEnvelope(encodeEnvelopeHeader(sample!), SEALED);
  const original = decodeEnvelope(bytes);
  fc.assert(
    fc.property(fc.nat(original.header.length + 2), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = bytes.slice();
      changed[at]! ^= flip;
      const code = codeOf(() => decodeEnvelope(changed));
      if (code === null) assert.notDeepEqual(decodeEnvelope(changed).header, original.header);
    }),
    { numRuns: 500 },
  );
});

test('arbitrary bytes never crash the reader', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 700 }), (bytes) => {
      const code = codeOf(() => decodeEnvelope(bytes));
      assert.notEqual(code, null);
    }),
  );
});

test('an envelope’s id is scoped to its mailbox and covers every byte', () => {
  const bytes = encodeEnvelope(encodeEnvelopeHeader(sample!), SEALED);
  const envelope = decodeEnvelope(bytes);
  const id = envelopeIdOf(envelope, sha256);
  const label = new TextEncoder().encode('sotto/v1/envelope');
  assert.deepEqual(id, sha256(label, envelope.mailbox, bytes));
});

test('the writer refuses what the reader would', () => {
  assert.equal(
    codeOf(() => encodeEnvelopeHeader({ ...sample!, expiresAt: 1 })),
    'range',
  );
  assert.equal(
    codeOf(() => encodeEnvelopeHeader({ ...sample!, expiresAt: Number.NaN })),
    'range',
  );
  assert.equal(
    codeOf(() => encodeEnvelopeHeader({ ...sample!, suite: 9 as never })),
    'unknown_suite',
  );
  assert.equal(
    codeOf(() => encodeEnvelopeHeader({ ...sample!, mailbox: new Uint8Array(3) as never })),
    'length',
  );
  assert.equal(
    codeOf(() => encodeEnvelope(encodeEnvelopeHeader(sample!), new Uint8Array(600))),
    'padding',
  );
  const largest = new Uint8Array(SEALED_BUCKETS.at(-1)!);
  const longest = encodeEnvelopeHeader({ ...sample!, expiresAt: Math.floor(2 ** 40 / 3600) * 3600 });
  assert.ok(encodeEnvelope(longest, largest).length <= MAX_ENVELOPE_BYTES);
  assert.equal(roundExpiry(3601), 7200);
  assert.equal(roundExpiry(3600), 3600);
});
