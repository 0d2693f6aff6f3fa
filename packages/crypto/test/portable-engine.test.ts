// Loads the portable entry point alone, so this file imports no other part of the package.
import assert from 'node:assert/strict';
import { registerHooks } from 'node:module';
import { test } from 'node:test';

test('the portable build imports nothing of Node and needs of the engine only crypto.getRandomValues (blinding)', async () => {
  const loaded: string[] = [];
  const hooks = registerHooks({
    resolve(specifier, context, next) {
      const result = next(specifier, context);
      loaded.push(result.url);
      return result;
    },
  });
  const { hpke, portableProvider, xWingKem } = await import('@sotto/crypto/portable');
  hooks.deregister();
  assert.ok(loaded.some((url) => url.includes('@noble')));
  assert.deepEqual(
    loaded.filter((url) => !url.startsWith('file:')),
    [],
  );

  let counter = 0;
  const provider = portableProvider({ random: (length) => new Uint8Array(length).fill(++counter) });
  const opened = inBareEngine(() => {
    const suite = hpke(provider, { kem: xWingKem, kdf: 'sha256', aead: 'chacha20-poly1305' });
    const own = provider.generate('x-wing');
    const none = new Uint8Array(0);
    const sealed = suite.seal(provider.importPublic('x-wing', own.publicKey), { info: none }, Uint8Array.of(7), none);
    const signer = provider.generate('ed25519');
    const verified = [provider.verify(signer.publicKey, none, provider.sign(signer, none))];
    for (const kind of ['ed448', 'ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'ecdsa-p521-sha512'] as const) {
      const other = provider.generate(kind);
      verified.push(provider.verify(provider.importPublic(kind, other.publicKey), none, provider.sign(other, none)));
    }
    for (const kind of ['x448', 'p-256', 'p-384', 'p-521'] as const) {
      const [alice, bob] = [provider.generate(kind), provider.generate(kind)];
      verified.push(provider.equal(provider.dh(alice, bob.publicKey), provider.dh(bob, alice.publicKey)));
    }
    return { plaintext: suite.open(own, sealed, { info: none }, none), verified };
  });
  assert.deepEqual(opened, { plaintext: Uint8Array.of(7), verified: Array.from({ length: 9 }, () => true) });
});

/** Without what Node adds to the language. */
function inBareEngine<T>(run: () => T): T {
  const { crypto } = globalThis;
  const replaced = {
    Buffer: undefined,
    process: undefined,
    TextEncoder: undefined,
    TextDecoder: undefined,
    crypto: { getRandomValues: (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes) },
  };
  const saved = Object.keys(replaced).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const);
  for (const [name, value] of Object.entries(replaced)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  try {
    return run();
  } finally {
    for (const [name, descriptor] of saved) if (descriptor) Object.defineProperty(globalThis, name, descriptor);
  }
}
