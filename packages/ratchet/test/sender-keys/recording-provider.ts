import assert from 'node:assert/strict';
import { bytesOf } from '@sotto/crypto';
import type { CryptoProvider } from '@sotto/crypto';
import { idHex } from '@sotto/wire';

/**
 * A provider that remembers what every AEAD key and nonce sealed, and fails when the same pair meets another text or
 * other associated data. `calls` counts calls by name.
 */
export function recordingProvider(inner: CryptoProvider): {
  readonly provider: CryptoProvider;
  readonly calls: Map<string, number>;
  readonly pairs: ReadonlyMap<string, string>;
} {
  const pairs = new Map<string, string>();
  const calls = new Map<string, number>();
  const provider = new Proxy(inner, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        calls.set(String(name), (calls.get(String(name)) ?? 0) + 1);
        if (name === 'seal') remember(pairs, args as Parameters<CryptoProvider['seal']>);
        return (value as (...args: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  return { provider, calls, pairs };
}

function remember(pairs: Map<string, string>, args: Parameters<CryptoProvider['seal']>): void {
  const [name, key, nonce, plaintext, associated] = args;
  const pair = `${name} ${idHex(bytesOf(key))} ${idHex(nonce)}`;
  const sealed = `${idHex(plaintext)} ${idHex(associated)}`;
  assert.equal(pairs.get(pair) ?? sealed, sealed, 'one key and nonce for two texts');
  pairs.set(pair, sealed);
}
