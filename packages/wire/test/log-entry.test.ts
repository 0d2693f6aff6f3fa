import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import {
  asciiBytes,
  concatBytes,
  decodeLogEntry,
  decodeLogPost,
  encodeLogEntry,
  encodeLogEntryHeader,
  encodeLogPost,
  greaseValues,
  LOG_SEAL_BYTES,
  LOG_SEALED_BUCKETS,
  logAdmissionMessage,
  logEntryIdOf,
  logEntryMessage,
  logId,
  MAX_LOG_ENTRY_BYTES,
  padLogContent,
  readLogAdmission,
  unpad,
  WireError,
  writeLogAdmission,
} from '@sotto/wire';
import type { LogAdmission, LogEntryFields } from '@sotto/wire';
import { LogAdmissionSchema, LogEntrySchema, LogPostSchema } from '../src/gen/sotto/wire/v1/group_pb.ts';
import { bytesOf, codeOf, sha256 } from './support.ts';

const base = { log: bytesOf(32).map(logId), epochKey: bytesOf(32) };
const fields: fc.Arbitrary<LogEntryFields> = fc.oneof(
  fc.record({ ...base, kind: fc.constantFrom('message' as const, 'proposal' as const) }),
  fc
    .record({ ...base, kind: fc.constantFrom('commit' as const, 'external-commit' as const), successor: bytesOf(32) })
    .filter(({ epochKey, successor }) => Buffer.compare(epochKey, successor) !== 0),
);
const admission: fc.Arbitrary<LogAdmission> = fc.record({
  ...base,
  nonce: bytesOf(16),
  expiresAt: fc.integer({ min: 1, max: 2 ** 40 }),
  signature: bytesOf(64),
});
const smallBucket = fc.constantFrom(...LOG_SEALED_BUCKETS.slice(0, 3));

const KIND_NUMBER = { message: 1, proposal: 2, commit: 3, 'external-commit': 4 } as const;

function generated(entry: LogEntryFields, sealed: Uint8Array, change: object = {}): Uint8Array {
  const successor = 'successor' in entry ? entry.successor : new Uint8Array();
  const { log, epochKey } = entry;
  const message = { version: 1, log, kind: KIND_NUMBER[entry.kind], epochKey, successor, sealed, ...change };
  return toBinary(LogEntrySchema, create(LogEntrySchema, message));
}

const SEALED = new Uint8Array(512).fill(7);
const [message] = fc.sample(
  fields.filter(({ kind }) => kind === 'message'),
  { numRuns: 1, seed: 1 },
);
const [commit] = fc.sample(
  fields.filter(({ kind }) => kind === 'commit'),
  { numRuns: 1, seed: 1 },
);
const [external] = fc.sample(
  fields.filter(({ kind }) => kind === 'external-commit'),
  { numRuns: 1, seed: 1 },
);

test('a log entry is byte for byte what protobuf writes, and read as protobuf reads it', () => {
  fc.assert(
    fc.property(fields, smallBucket, fc.nat(255), (entry, length, fill) => {
      const sealed = new Uint8Array(length).fill(fill);
      const header = encodeLogEntryHeader(entry);
      const bytes = encodeLogEntry(header, sealed.subarray(0, 100), sealed.subarray(100));
      assert.deepEqual(bytes, generated(entry, sealed));
      assert.deepEqual(
        header,
        generated(entry, new Uint8Array()),
        'the associated data: the message with `sealed` empty',
      );
      assert.deepEqual({ ...decodeLogEntry(bytes) }, { ...entry, version: 1, sealed, header, bytes });
    }),
  );
});

test('unknown fields, other orders, longer forms, missing fields and trailing bytes of entries are refused by name', () => {
  const valid = encodeLogEntry(encodeLogEntryHeader(message!), SEALED);
  const cases: [string, Uint8Array, string][] = [
    ['empty', new Uint8Array(), 'malformed'],
    ['truncated', valid.subarray(0, -1), 'malformed'],
    ['trailing byte', concatBytes(valid, Uint8Array.of(0)), 'malformed'],
    ['field 7', concatBytes(valid, Uint8Array.of(0x38, 1)), 'malformed'],
    ['field twice', concatBytes(Uint8Array.of(0x08, 1), valid), 'malformed'],
    ['no version', valid.subarray(2), 'malformed'],
    ['long varint', concatBytes(Uint8Array.of(0x08, 0x81, 0x00), valid.subarray(2)), 'not_canonical'],
    ['version 0', concatBytes(Uint8Array.of(0x08, 0), valid.subarray(2)), 'unknown_version'],
    ['version 2', generated(message!, SEALED, { version: 2 }), 'unknown_version'],
    ['log of 31', generated(message!, SEALED, { log: new Uint8Array(31) }), 'length'],
    ['key of 33', generated(message!, SEALED, { epochKey: new Uint8Array(33) }), 'length'],
    ['kind 0', generated(message!, SEALED, { kind: 0 }), 'malformed'],
    ['kind 5', generated(message!, SEALED, { kind: 5 }), 'range'],
    ['a message with a successor', generated(message!, SEALED, { successor: new Uint8Array(32) }), 'malformed'],
    ['a commit without', generated(commit!, SEALED, { successor: new Uint8Array() }), 'malformed'],
    ['a successor of 16', generated(commit!, SEALED, { successor: new Uint8Array(16) }), 'length'],
    ['its own successor', generated(commit!, SEALED, { successor: commit!.epochKey }), 'range'],
    ['no bucket', generated(message!, new Uint8Array(513)), 'padding'],
    ['nothing sealed', generated(message!, new Uint8Array()), 'malformed'],
    ['too large', new Uint8Array(MAX_LOG_ENTRY_BYTES + 1), 'too_large'],
  ];
  for (const [name, bytes, code] of cases)
    assert.equal(
      codeOf(() => decodeLogEntry(bytes)),
      code,
      name,
    );
  for (const version of greaseValues().slice(0, 8)) {
    assert.equal(
      codeOf(() => decodeLogEntry(generated(message!, SEALED, { version }))),
      'unknown_version',
    );
  }
});

test('changed bytes never read as the same entry, and never fail with anything but a coded error', () => {
  fc.assert(
    fc.property(fields, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (entry, where, flip, cut) => {
      const bytes = encodeLogEntry(encodeLogEntryHeader(entry), SEALED);
      const at = where % bytes.length;
      const changed = cut ? bytes.slice(0, at) : bytes.slice();
      if (!cut) changed[at] = (changed[at] ?? 0) ^ flip;
      try {
        const read = decodeLogEntry(changed);
        assert.deepEqual(read.bytes, changed);
        assert.notDeepEqual(logEntryIdOf(changed, sha256), logEntryIdOf(bytes, sha256));
      } catch (error) {
        assert.ok(error instanceof WireError);
      }
    }),
    { numRuns: 500 },
  );
});

test('padding fills exactly one bucket, and the smallest that holds the content', () => {
  assert.ok(LOG_SEALED_BUCKETS.every((bucket, i) => i === 0 || bucket > (LOG_SEALED_BUCKETS[i - 1] ?? 0)));
  const longest = (LOG_SEALED_BUCKETS.at(-1) ?? 0) - LOG_SEAL_BYTES - 1;
  fc.assert(
    fc.property(fc.oneof(fc.nat(3000), fc.nat(longest)), (length) => {
      const content = new Uint8Array(length).fill(0x80);
      const sealed = padLogContent(content).length + LOG_SEAL_BYTES;
      assert.equal(
        sealed,
        LOG_SEALED_BUCKETS.find((bucket) => bucket > length + LOG_SEAL_BYTES),
      );
      assert.equal(unpad(padLogContent(content)).length, length);
    }),
    { numRuns: 30 },
  );
  assert.equal(
    codeOf(() => padLogContent(new Uint8Array(longest + 1))),
    'too_large',
  );
  const largest = encodeLogEntry(encodeLogEntryHeader(commit!), new Uint8Array(LOG_SEALED_BUCKETS.at(-1) ?? 0));
  assert.ok(largest.length <= MAX_LOG_ENTRY_BYTES, 'the largest bucket fits the largest entry');
  const message96 = encodeLogEntry(encodeLogEntryHeader(message!), new Uint8Array(96 * 1024 - 128));
  assert.ok(message96.length <= 96 * 1024, 'the largest message that gateways take by default fills a bucket');
});

test('what is signed and hashed begins with its label', () => {
  const bytes = encodeLogEntry(encodeLogEntryHeader(message!), SEALED);
  assert.deepEqual(logEntryMessage(bytes), concatBytes(asciiBytes('sotto/v1/log-entry'), bytes));
  assert.deepEqual(logEntryIdOf(bytes, sha256), logEntryIdOf(bytes.slice(), sha256));
  assert.deepEqual(
    Buffer.from(logEntryIdOf(bytes, sha256)),
    Buffer.from(sha256(asciiBytes('sotto/v1/log-entry-id'), bytes)),
  );
  fc.assert(
    fc.property(admission, ({ log, nonce, expiresAt, ...rest }) => {
      const time = Buffer.alloc(8);
      time.writeBigUInt64BE(BigInt(expiresAt));
      const expected = concatBytes(asciiBytes('sotto/v1/log-admission'), log, nonce, time);
      assert.deepEqual(Buffer.from(logAdmissionMessage({ log, nonce, expiresAt })), Buffer.from(expected));
      const whole = { log, nonce, expiresAt, ...rest };
      assert.deepEqual(readLogAdmission(writeLogAdmission(whole)), whole);
    }),
  );
});

test('a post is read as it was written; its proof fits its kind, log and epoch', () => {
  const signature = new Uint8Array(64).fill(1);
  const signed = { kind: 'signature', signature } as const;
  fc.assert(
    fc.property(fields, fc.nat(2 ** 31), admission, (entry, position, other) => {
      const bytes = encodeLogEntry(encodeLogEntryHeader(entry), SEALED);
      const { log, epochKey } = entry;
      const own = { ...other, log, epochKey };
      const proof = entry.kind === 'external-commit' ? ({ kind: 'admission', admission: own } as const) : signed;
      const after = 'successor' in entry ? position : 0;
      const post = decodeLogPost(encodeLogPost({ entry: bytes, proof, after }));
      assert.deepEqual(post.entry, decodeLogEntry(bytes));
      assert.deepEqual(post.proof, proof);
      assert.equal(post.after, after);
    }),
  );
  const [some] = fc.sample(admission, { numRuns: 1, seed: 2 });
  const entryOf = (entry: LogEntryFields) => encodeLogEntry(encodeLogEntryHeader(entry), SEALED);
  const { log, epochKey } = external!;
  const admitted = { kind: 'admission', admission: { ...some!, log, epochKey } } as const;
  const cases: [string, Parameters<typeof encodeLogPost>[0], string][] = [
    ['a message with an admission', { entry: entryOf(message!), proof: admitted, after: 0 }, 'malformed'],
    ['an external commit signed', { entry: entryOf(external!), proof: signed, after: 0 }, 'malformed'],
    ['a message that names a position', { entry: entryOf(message!), proof: signed, after: 1 }, 'malformed'],
    [
      'an admission for another log',
      { entry: entryOf(external!), proof: { kind: 'admission', admission: { ...some!, epochKey } }, after: 0 },
      'malformed',
    ],
    [
      'an admission for another epoch',
      { entry: entryOf(external!), proof: { kind: 'admission', admission: { ...some!, log } }, after: 0 },
      'malformed',
    ],
    [
      'a signature of 63',
      { entry: entryOf(message!), proof: { kind: 'signature', signature: SEALED.slice(0, 63) }, after: 0 },
      'length',
    ],
  ];
  for (const [name, post, code] of cases)
    assert.equal(
      codeOf(() => encodeLogPost(post)),
      code,
      name,
    );
});

test('posts that protobuf would accept in other forms, without a proof or with unknown fields are refused', () => {
  const entry = encodeLogEntry(encodeLogEntryHeader(message!), SEALED);
  const valid = encodeLogPost({ entry, proof: { kind: 'signature', signature: new Uint8Array(64) }, after: 0 });
  assert.ok(fromBinary(LogPostSchema, valid).proof.case === 'signature');
  const cases: [string, Uint8Array, string][] = [
    ['empty', new Uint8Array(), 'malformed'],
    ['truncated', valid.subarray(0, -1), 'malformed'],
    ['unknown field', concatBytes(valid, Uint8Array.of(0x78, 1)), 'not_canonical'],
    ['after written as 0', concatBytes(valid, Uint8Array.of(0x20, 0)), 'not_canonical'],
    ['no proof', toBinary(LogPostSchema, create(LogPostSchema, { entry })), 'malformed'],
    ['too large', new Uint8Array(MAX_LOG_ENTRY_BYTES + 1024), 'too_large'],
  ];
  for (const [name, bytes, code] of cases)
    assert.equal(
      codeOf(() => decodeLogPost(bytes)),
      code,
      name,
    );
  const [some] = fc.sample(admission, { numRuns: 1, seed: 3 });
  for (const change of [
    { log: new Uint8Array(16) },
    { epochKey: new Uint8Array(31) },
    { nonce: new Uint8Array(15) },
    { signature: new Uint8Array(65) },
  ]) {
    const wrong = create(LogAdmissionSchema, { ...some!, expiresAt: BigInt(some!.expiresAt), ...change });
    assert.equal(
      codeOf(() => readLogAdmission(wrong)),
      'length',
    );
  }
  for (const expiresAt of [0n, 2n ** 41n, 2n ** 63n]) {
    const wrong = create(LogAdmissionSchema, { ...some!, expiresAt });
    assert.equal(
      codeOf(() => readLogAdmission(wrong)),
      'range',
    );
  }
});
