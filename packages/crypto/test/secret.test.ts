import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { Secret } from '@sotto/crypto';

test('R-RULE-3 a Secret prints as [secret] under string, JSON and inspect', () => {
  using secret = Secret.copy(new Uint8Array([1, 2, 3]));
  assert.equal(String(secret), '[secret]');
  assert.equal(JSON.stringify({ secret }), '{"secret":"[secret]"}');
  assert.equal(inspect({ secret }), '{ secret: [secret] }');
});

test('R-RULE-3 disposing overwrites the bytes and ends their use', () => {
  const secret = Secret.copy(new Uint8Array([1, 2, 3]));
  const bytes = secret.reveal();
  secret.dispose();
  assert.deepEqual(bytes, new Uint8Array(3));
  assert.throws(() => secret.reveal());
});

test('taking pooled bytes copies them out and wipes the original', () => {
  const pool = new Uint8Array(16).fill(7);
  using secret = Secret.take(pool.subarray(4, 8));
  assert.equal(secret.reveal().buffer.byteLength, 4);
  assert.deepEqual(pool.subarray(4, 8), new Uint8Array(4));
});

test('taking a part keeps its memory alone and wipes the rest', () => {
  const bytes = new Uint8Array(8).fill(7);
  using secret = Secret.take(bytes, 3);
  assert.deepEqual(secret.reveal(), Uint8Array.of(7, 7, 7));
  assert.deepEqual(bytes, Uint8Array.of(7, 7, 7, 0, 0, 0, 0, 0));
  secret.dispose();
  assert.deepEqual(bytes, new Uint8Array(8));
  const pool = new Uint8Array(16).fill(7);
  assert.deepEqual(Secret.take(pool.subarray(4, 8), 2).reveal(), Uint8Array.of(7, 7));
  assert.deepEqual(pool.subarray(4, 8), new Uint8Array(4));
});
