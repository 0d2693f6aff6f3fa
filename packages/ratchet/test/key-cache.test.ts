import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CryptoError } from '@sotto/crypto';
import type { PrivateKey } from '@sotto/crypto';
import { KeyCache, pairwiseComponents } from '@sotto/ratchet';
import { codeOf } from './support/codes.ts';
import { conversation, read, write } from './support/conversation.ts';
import { native } from './support/world.ts';

function alive(key: PrivateKey<'x25519'>): boolean {
  try {
    native.dh(key, native.generate('x25519').publicKey).dispose();
    return true;
  } catch (error) {
    assert.ok(error instanceof CryptoError);
    return false;
  }
}

function made(): { readonly key: PrivateKey<'x25519'>; readonly bytes: Uint8Array } {
  const key = native.generate('x25519');
  return { key, bytes: key.export().reveal() };
}

test('a key is imported once, found by its public half, and disposed when it makes room or is forgotten', () => {
  const cache = new KeyCache({ provider: native, capacity: 16 });
  const keys = Array.from({ length: 17 }, made);
  const [first] = keys;
  assert.ok(first !== undefined);
  const held = cache.get('x25519', first.key.publicKey, first.bytes);
  assert.equal(cache.get('x25519', first.key.publicKey, first.bytes), held);
  for (const { key } of keys.slice(1)) cache.put(key);
  assert.ok(!alive(held), 'the oldest key made room');
  assert.ok(keys.slice(1).every(({ key }) => alive(key)));
  const second = keys[1]!.key;
  cache.forget('x25519', keys[2]!.key.publicKey);
  assert.ok(!alive(keys[2]!.key) && alive(second));
  cache.clear();
  assert.ok(!alive(second));
});

test('keys whose public halves begin alike are told apart', () => {
  const cache = new KeyCache({ provider: native, capacity: 16 });
  const [one, two] = [made(), made()];
  const alike = one.key.publicKey.slice();
  alike.set(native.random(24), 8);
  const a = cache.get('x25519', one.key.publicKey, one.bytes);
  const publicOfA = a.publicKey.slice();
  const b = cache.get('x25519', alike, two.bytes);
  assert.notDeepEqual(b.publicKey, publicOfA);
  assert.deepEqual(cache.get('x25519', one.key.publicKey, one.bytes).publicKey, publicOfA);
});

test('a cache of 16 at least; losing it in the middle of a conversation loses nothing', () => {
  assert.equal(
    codeOf(() => pairwiseComponents({ provider: native, cachedKeys: 15 })),
    'parameters',
  );
  const { anh, binh } = conversation();
  for (let i = 0; i < 6; i++) {
    assert.equal(read(binh, write(anh, `${i}`)), `${i}`);
    anh.components.keys.clear();
    assert.equal(read(anh, write(binh, `${i}`)), `${i}`);
  }
});
