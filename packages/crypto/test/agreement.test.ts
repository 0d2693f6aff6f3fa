import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  CryptoError,
  dhkemP256,
  dhkemP384,
  dhkemP521,
  dhkemX25519,
  dhkemX448,
  hpke,
  mlKem768X25519Kem,
  xWingKem,
} from '@sotto/crypto';
import type { AeadName, CryptoProvider, DhKind, HashName, HpkeKem, KeyKind, SignatureKind } from '@sotto/crypto';
import { NOTHING, portable, providers } from './providers.ts';

const runs = { numRuns: 40 };
/** Curves and ML-KEM in JavaScript take milliseconds. */
const fewRuns = { numRuns: 8 };
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const some = fc.uint8Array({ maxLength: 200 });
const hashes: readonly HashName[] = ['sha256', 'sha384', 'sha512'];
const ciphers: readonly AeadName[] = ['chacha20-poly1305', 'xchacha20-poly1305', 'aes-256-gcm', 'aes-128-gcm'];

const signatureKinds = [
  'ed25519',
  'ed448',
  'ecdsa-p256-sha256',
  'ecdsa-p384-sha384',
  'ecdsa-p521-sha512',
] as const satisfies readonly SignatureKind[];

const scalar = (length: number, topMask: number) =>
  bytes(length).map((value) => Uint8Array.from(value, (byte, i) => (i === 0 ? byte & topMask : byte)));
/** Scalars below the order, which random bytes on P-521 nearly never are; nobody meets a zero. */
const privateKeys: { readonly [Kind in KeyKind]: fc.Arbitrary<Uint8Array> } = {
  x25519: bytes(32),
  x448: bytes(56),
  'p-256': scalar(32, 0x7f),
  'p-384': scalar(48, 0x7f),
  'p-521': scalar(66, 0x00),
  ed25519: bytes(32),
  ed448: bytes(57),
  'ecdsa-p256-sha256': scalar(32, 0x7f),
  'ecdsa-p384-sha384': scalar(48, 0x7f),
  'ecdsa-p521-sha512': scalar(66, 0x00),
  'ml-kem-768': bytes(64),
  'x-wing': bytes(32),
};

function codeOf(run: () => unknown): string {
  try {
    run();
    return 'accepted';
  } catch (error) {
    return error instanceof CryptoError ? error.code : 'another error';
  }
}

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

  for (const kind of Object.keys(privateKeys) as KeyKind[]) {
    it(`${kind}: the same private bytes are the same key everywhere, and come out again`, () => {
      fc.assert(
        fc.property(privateKeys[kind], (secret) => {
          const publicKey = agree((provider) => Uint8Array.from(provider.importPrivate(kind, secret).publicKey));
          agree((provider) => provider.importPrivate(kind, secret).export().reveal());
          agree((provider) => Uint8Array.from(provider.importPublic(kind, publicKey).bytes));
        }),
        fewRuns,
      );
    });
  }

  for (const kind of ['x25519', 'x448', 'p-256', 'p-384', 'p-521'] as const satisfies readonly DhKind[]) {
    it(`${kind}: shared secrets`, () => {
      fc.assert(
        fc.property(privateKeys[kind], privateKeys[kind], (a, b) => {
          agree((provider) => {
            const [alice, bob] = [provider.importPrivate(kind, a), provider.importPrivate(kind, b)];
            const shared = provider.dh(alice, bob.publicKey).reveal();
            assert.deepEqual(provider.dh(bob, provider.importPublic(kind, alice.publicKey)).reveal(), shared);
            return shared;
          });
        }),
        fewRuns,
      );
    });
  }

  for (const kind of signatureKinds) {
    it(`${kind}: what one signs all verify, and nobody verifies it changed`, () => {
      fc.assert(
        fc.property(privateKeys[kind], some, fc.nat(), fc.nat(7), (secret, message, at, bit) => {
          const { publicKey } = portable.importPrivate(kind, secret);
          const verify = (text: Uint8Array, signature: Uint8Array) =>
            agree((provider) => provider.verify(provider.importPublic(kind, publicKey), text, signature));
          const signatures = providers.map((provider) => provider.sign(provider.importPrivate(kind, secret), message));
          const [fromNative, ...others] = signatures;
          // Native ECDSA takes a random nonce; all else follows from key and message.
          for (const signature of kind.startsWith('ecdsa') ? others : signatures) {
            assert.deepEqual(signature, signatures[1]);
          }
          assert.ok(fromNative !== undefined && verify(message, fromNative));
          const signature = signatures[1]!;
          assert.equal(verify(message, signature), true);
          assert.equal(verify(Uint8Array.of(...message, 0), signature), false);
          const changed = signature.slice();
          changed[at % changed.length] = (changed[at % changed.length] ?? 0) ^ (1 << bit);
          assert.equal(verify(message, changed), false);
        }),
        fewRuns,
      );
    });
  }

  for (const kind of ['p-256', 'p-384', 'p-521', 'x448', 'ed448', 'ed25519', 'x25519'] as const) {
    it(`${kind}: the same public keys are taken and refused, by the same code`, () => {
      const { publicKey } = portable.generate(kind);
      const hostile = fc.oneof(
        bytes(publicKey.length),
        fc.tuple(fc.nat(publicKey.length - 1), fc.nat(255)).map(([at, value]) => publicKey.with(at, value)),
      );
      fc.assert(
        fc.property(hostile, (key) => {
          agree((provider) => codeOf(() => provider.importPublic(kind, key)));
        }),
        runs,
      );
    });
  }

  for (const kind of ['ml-kem-768', 'x-wing'] as const) {
    it(`${kind}: what one encapsulates all decapsulate; a changed ciphertext gives another secret, the same for all`, () => {
      for (const sender of providers) {
        const seed = sender.random(kind === 'ml-kem-768' ? 64 : 32);
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

  for (const kem of [
    dhkemX25519,
    dhkemX448,
    dhkemP256,
    dhkemP384,
    dhkemP521,
    xWingKem,
    mlKem768X25519Kem,
  ] as readonly HpkeKem[]) {
    it(`HPKE over ${kem.name}: what one seals all open; derived key pairs are equal`, () => {
      const suites = new Map(
        providers.map((provider) => [provider, hpke(provider, { kem, kdf: 'sha512', aead: 'aes-128-gcm' })]),
      );
      const ikm = portable.random(40);
      const info = portable.random(20);
      const publicKey = agree((provider) => Uint8Array.from(suites.get(provider)!.deriveKeyPair(ikm).publicKey));
      for (const [sender, sealing] of suites) {
        const sealed = sealing.seal(sender.importPublic(kem.kind, publicKey), { info }, info, NOTHING);
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
