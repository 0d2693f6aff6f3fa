import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { bytesOf } from '@sotto/crypto';
import type { AeadName, Bytes, CryptoProvider } from '@sotto/crypto';

/** A provider that fails the test when one key and nonce ever seal two different things. */
export interface WatchedProvider {
  readonly provider: CryptoProvider;
  /** How many seals were made. */
  readonly seals: () => number;
}

export function watchedProvider(inner: CryptoProvider): WatchedProvider {
  const sealed = new Map<string, string>();
  let count = 0;
  const seal = (name: AeadName, key: Bytes, nonce: Uint8Array, plaintext: Uint8Array, associated: Uint8Array) => {
    const pair = `${name}:${Buffer.from(bytesOf(key)).toString('latin1')}${Buffer.from(nonce).toString('latin1')}`;
    const what = createHash('sha256').update(plaintext).update('|').update(associated).digest('latin1');
    const before = sealed.get(pair);
    assert.ok(before === undefined || before === what, 'one key and nonce sealed two different things');
    sealed.set(pair, what);
    count++;
    return inner.seal(name, key, nonce, plaintext, associated);
  };
  const provider = new Proxy(inner, {
    get(target, property) {
      if (property === 'seal') return seal;
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { provider, seals: () => count };
}
