import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { capabilityHashOf, loginMessage, WireError } from '../src/index.ts';

const bytes = (length: number, value: number) => new Uint8Array(length).fill(value);
const sha256 = (...parts: readonly Uint8Array[]) => createHash('sha256').update(Buffer.concat(parts)).digest();
const facts = { gatewayIdentity: bytes(32, 1), device: bytes(16, 3), nonce: bytes(32, 4) };

test('a login signs label, gateway, binding, device and nonce, and nothing else', () => {
  const bound = loginMessage({ ...facts, channelBinding: bytes(32, 2) });
  const expected = [Buffer.from('sotto/v1/login'), bytes(32, 1), bytes(32, 2), bytes(16, 3), bytes(32, 4)];
  assert.deepEqual(Buffer.from(bound), Buffer.concat(expected));
  const unbound = loginMessage({ ...facts, channelBinding: null });
  assert.equal(unbound.length, bound.length - 32);
});

test('a login of wrong lengths is refused, so that no part can slide into its neighbour', () => {
  for (const wrong of [
    { ...facts, channelBinding: bytes(31, 2) },
    { ...facts, channelBinding: bytes(0, 2) },
    { ...facts, channelBinding: null, gatewayIdentity: bytes(33, 1) },
    { ...facts, channelBinding: null, nonce: bytes(16, 4) },
    { ...facts, channelBinding: null, device: bytes(17, 3) },
  ]) {
    assert.throws(
      () => loginMessage(wrong),
      (error) => error instanceof WireError && error.code === 'length',
    );
  }
});

test('a capability is kept as the hash of its labelled secret', () => {
  const secret = bytes(32, 9);
  const expected = createHash('sha256').update('sotto/v1/capability').update(secret).digest();
  assert.deepEqual(Buffer.from(capabilityHashOf(secret, sha256)), expected);
  assert.throws(() => capabilityHashOf(bytes(31, 9), sha256), WireError);
});
