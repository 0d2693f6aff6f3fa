// The crash tests rely on this check: it must see what it looks for.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import {
  encodeEnvelope,
  encodeEnvelopeHeader,
  mailboxId,
  PostStreamRequestSchema,
  roundExpiry,
  SEALED_BUCKETS,
  SUITE_PQXDH,
} from '@sotto/wire';
import type { TappedConnection } from '../tools/tap/tap.ts';
import { keyUses } from './support/message-keys.ts';

const header = encodeEnvelopeHeader({
  suite: SUITE_PQXDH,
  mailbox: mailboxId(randomBytes(16)),
  expiresAt: roundExpiry(2_000_000_000),
  urgency: 'high',
});

function envelope(tag: Buffer): Uint8Array {
  return encodeEnvelope(header, Buffer.concat([tag, randomBytes((SEALED_BUCKETS[0] ?? 0) - tag.length)]));
}

/** One frame of a post stream, as it stands on the wire. */
function frame(...envelopes: readonly Uint8Array[]): Buffer {
  const posts = envelopes.map((bytes, i) => ({ number: BigInt(i), post: { envelope: bytes } }));
  const message = toBinary(PostStreamRequestSchema, create(PostStreamRequestSchema, { posts }));
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

function connection(body: Buffer): TappedConnection {
  const headers: [string, string][] = [[':path', '/sotto.gateway.v1.PostService/PostStream']];
  const nothing = Buffer.alloc(0);
  return {
    http2: true,
    fromClient: nothing,
    fromServer: nothing,
    requests: [{ stream: 1, headers, body, decompressed: [] }],
    answers: [],
  };
}

test('R-STO-2 the same envelope posted again, over another connection too, is one use of its key', () => {
  const sent = envelope(randomBytes(8));
  const uses = keyUses([connection(frame(sent, envelope(randomBytes(8)))), connection(frame(sent))]);
  assert.deepEqual(
    uses.map(({ ciphertexts }) => ciphertexts),
    [1, 1],
  );
  assert.deepEqual(
    uses.map(({ posts }) => posts),
    [2, 1],
  );
});

test('R-STO-2 two ciphertexts under one key identifier are seen', () => {
  const tag = randomBytes(8);
  assert.equal(keyUses([connection(frame(envelope(tag))), connection(frame(envelope(tag)))])[0]?.ciphertexts, 2);
});

test('R-STO-2 a second ciphertext is seen even when a crash cut it off', () => {
  const tag = randomBytes(8);
  const other = frame(envelope(tag));
  const cut = other.subarray(0, other.indexOf(tag) + 40);
  const uses = keyUses([connection(frame(envelope(tag))), connection(cut)]);
  assert.ok((uses[0]?.ciphertexts ?? 0) > 1);
});

test('R-STO-2 the same ciphertext cut off by a crash is no second one', () => {
  const whole = frame(envelope(randomBytes(8)));
  const uses = keyUses([connection(whole), connection(whole.subarray(0, whole.length - 60))]);
  assert.deepEqual([uses[0]?.ciphertexts, uses[0]?.posts], [1, 2]);
});
