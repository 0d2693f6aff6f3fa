import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { dhkemX25519, hpke, xWingKem } from '@sotto/crypto';
import type { AeadName, CryptoProvider, HashName, KeyKind } from '@sotto/crypto';
import { NOTHING, portable, providers } from './providers.ts';

const runs = { numRuns: 40 };
/** Curves and ML-KEM in JavaScript take milliseconds. */
const fewRuns = { numRuns: 8 };
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const some = fc.uint8Array({ maxLength: 200 });
const hashes: readonly HashName[] = ['sha256', 'sha384', 'sha512'];
const ciphers: readonly AeadName[] = ['chacha20-poly1305', 'xchacha20-poly1305', 'aes-256-gcm', 'aes-128-gcm'];

/** What each provider makes of the same input; they must all agree. */
function agree<T>(run: (provider: CryptoProvider) => T): T {
  const [first, ...others] = providers.map((provider) => run(provider));
  for (const other of others) assert.deepEqual(other, first);
  return first as T;
}

describe('providers agree on random input', () => {
  for (const hash of hashes) {
    it(`${hash}: hash, HMAC, HKDF`, () => {
      fc.assert(
        fc.property(some, some, some, fc.integer({ min: 1, max: 300 }), (a, b, c, length) => {
          agree((provider) => provider.hash(hash, a, b, c));
          agree((provider) => provider.hmac(hash, a, b, c).reveal());
          const whole = agree((provider) => provider.hkdf(hash, a, b, c, length).reveal());
          agree((provider) => {
            const prk = provider.hkdfExtract(hash, b, a);
            const inParts = provider.hkdfExpand(hash, prk, [c.subarray(0, 3), NOTHING, c.subarray(3)], length);
            assert.deepEqual(inParts.reveal(), whole);
            return provider.hkdfExpand(hash, prk, c, length).reveal();
          });
        }),
        runs,
      );
    });
  }

  it('HKDF with more info than node:crypto takes in one call', () => {
    const info = new Uint8Array(5000).fill(7);
    agree((provider) => provider.hkdf('sha256', info, NOTHING, info, 100).reveal());
  });

  it('SHAKE256 and keystream', () => {
    fc.assert(
      fc.property(some, bytes(32), bytes(12), fc.nat(600), (input, key, nonce, length) => {
        agree((provider) => provider.shake256(input, length).reveal());
        agree((provider) => provider.keystream(key, nonce, length));
      }),
      runs,
    );
  });

  for (const cipher of ciphers) {
    it(`${cipher}: what one seals all open, and nobody opens it changed`, () => {
      const key = bytes(cipher === 'aes-128-gcm' ? 16 : 32);
      const nonce = bytes(cipher === 'xchacha20-poly1305' ? 24 : 12);
      fc.assert(
        fc.property(key, nonce, some, some, fc.nat(), fc.nat(7), (k, n, plaintext, associated, at, bit) => {
          const sealed = agree((provider) => Uint8Array.from(provider.seal(cipher, k, n, plaintext, associated)));
          assert.deepEqual(
            agree((provider) => Uint8Array.from(provider.open(cipher, k, n, sealed, associated) ?? [255])),
            plaintext,
          );
          const changed = sealed.slice();
          changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ (1 << bit);
          assert.equal(
            agree((provider) => provider.open(cipher, k, n, changed, associated)),
            null,
          );
          assert.equal(
            agree((provider) => provider.open(cipher, k, n, sealed.subarray(0, at % sealed.length), associated)),
            null,
          );
          assert.equal(
            agree((provider) => provider.open(cipher, k, n, sealed, Uint8Array.of(...associated, 0))),
            null,
          );
        }),
        runs,
      );
    });
  }

  const privateSizes = { x25519: 32, ed25519: 32, 'ml-kem-768': 64, 'x-wing': 32 } as const;
  for (const kind of Object.keys(privateSizes) as KeyKind[]) {
    it(`${kind}: the same private bytes are the same key everywhere, and come out again`, () => {
      fc.assert(
        fc.property(bytes(privateSizes[kind]), (secret) => {
          const publicKey = agree((provider) => Uint8Array.from(provider.importPrivate(kind, secret).publicKey));
          agree((provider) => provider.importPrivate(kind, secret).export().reveal());
          agree((provider) => Uint8Array.from(provider.importPublic(kind, publicKey).bytes));
        }),
        fewRuns,
      );
    });
  }

  it('x25519: shared secrets', () => {
    fc.assert(
      fc.property(bytes(32), bytes(32), (a, b) => {
        agree((provider) => {
          const [alice, bob] = [provider.importPrivate('x25519', a), provider.importPrivate('x25519', b)];
          const shared = provider.dh(alice, bob.publicKey).reveal();
          assert.deepEqual(provider.dh(bob, provider.importPublic('x25519', alice.publicKey)).reveal(), shared);
          return shared;
        });
      }),
      fewRuns,
    );
  });

  it('ed25519: signatures, and what is refused', () => {
    fc.assert(
      fc.property(bytes(32), some, fc.nat(63), fc.nat(7), (seed, message, at, bit) => {
        const signature = agree((provider) => provider.sign(provider.importPrivate('ed25519', seed), message));
        const { publicKey } = portable.importPrivate('ed25519', seed);
        const changed = signature.slice();
        changed[at] = (changed[at] ?? 0) ^ (1 << bit);
        assert.equal(
          agree((provider) => provider.verify(publicKey, message, signature)),
          true,
        );
        assert.equal(
          agree((provider) => provider.verify(publicKey, message, changed)),
          false,
        );
        assert.equal(
          agree((provider) => provider.verify(publicKey, Uint8Array.of(...message, 0), signature)),
          false,
        );
      }),
      fewRuns,
    );
  });

  for (const kind of ['ml-kem-768', 'x-wing'] as const) {
    it(`${kind}: what one encapsulates all decapsulate; a changed ciphertext gives another secret, the same for all`, () => {
      for (const sender of providers) {
        const seed = sender.random(privateSizes[kind]);
        const own = (provider: CryptoProvider) => provider.importPrivate(kind, seed);
        const { ciphertext, sharedSecret } = sender.encapsulate(sender.importPublic(kind, own(sender).publicKey));
        const shared = agree((provider) => provider.decapsulate(own(provider), ciphertext).reveal());
        assert.deepEqual(shared, sharedSecret.reveal());
        const changed = ciphertext.slice();
        changed[0] = (changed[0] ?? 0) ^ 1;
        assert.notDeepEqual(
          agree((provider) => provider.decapsulate(own(provider), changed).reveal()),
          shared,
        );
      }
    });
  }

  for (const [name, kem] of [
    ['x25519', dhkemX25519],
    ['x-wing', xWingKem],
  ] as const) {
    it(`HPKE over ${name}: what one seals all open; derived key pairs are equal`, () => {
      const suites = new Map(
        providers.map((provider) => [
          provider,
          hpke<'x25519' | 'x-wing'>(provider, { kem, kdf: 'sha512', aead: 'chacha20-poly1305' }),
        ]),
      );
      const ikm = portable.random(40);
      const info = portable.random(20);
      const publicKey = agree((provider) => Uint8Array.from(suites.get(provider)!.deriveKeyPair(ikm).publicKey));
      for (const [sender, sealing] of suites) {
        const sealed = sealing.seal(sender.importPublic(name, publicKey), { info }, info, NOTHING);
        for (const suite of suites.values()) {
          assert.deepEqual(suite.open(suite.deriveKeyPair(ikm), sealed, { info }, NOTHING), info);
        }
      }
    });
  }

  it('Argon2id', async () => {
    const parameters = { memoryKiB: 64, passes: 2, lanes: 2, length: 40 };
    const [password, salt] = [portable.random(9), portable.random(16)];
    const tags = await Promise.all(providers.map((provider) => provider.argon2id(password, salt, parameters)));
    for (const tag of tags) assert.deepEqual(tag.reveal(), tags[0]?.reveal());
  });

  it('constant-time comparison', () => {
    fc.assert(
      fc.property(some, some, (a, b) => {
        assert.equal(
          agree((provider) => provider.equal(a, b)),
          Buffer.compare(a, b) === 0,
        );
        assert.equal(
          agree((provider) => provider.equal(a, a.slice())),
          true,
        );
      }),
      runs,
    );
  });
});
