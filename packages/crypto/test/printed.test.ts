// Values printed in the standards themselves: they run in a checkout without the vector files too.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { dhkemX25519, hpke, mlKem768X25519Kem, xWingKem } from '@sotto/crypto';
import { portableProvider } from '@sotto/crypto/portable';
import { fromHex, NOTHING, providers, utf8 } from './providers.ts';

for (const provider of providers) {
  describe(`printed values, ${provider.name}`, () => {
    it('FIPS 180-4: SHA-256 of "abc", whole and in parts', () => {
      const expected = fromHex('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
      assert.deepEqual(provider.hash('sha256', utf8('abc')), expected);
      assert.deepEqual(provider.hash('sha256', utf8('a'), NOTHING, utf8('bc')), expected);
    });

    it('RFC 4231 §4.3: HMAC-SHA-256 of "what do ya want for nothing?"', () => {
      assert.deepEqual(
        provider.hmac('sha256', utf8('Jefe'), utf8('what do ya want '), utf8('for nothing?')).reveal(),
        fromHex('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'),
      );
    });

    it('RFC 7748 §6.1: X25519 between Bob and Alice', () => {
      const bob = provider.importPrivate(
        'x25519',
        fromHex('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb'),
      );
      const alice = fromHex('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a');
      assert.deepEqual(bob.publicKey, fromHex('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f'));
      assert.deepEqual(
        provider.dh(bob, alice).reveal(),
        fromHex('4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742'),
      );
    });

    it('RFC 8032 §7.1: Ed25519 test 2', () => {
      const key = provider.importPrivate(
        'ed25519',
        fromHex('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'),
      );
      const signature = fromHex(
        '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
          '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
      );
      assert.deepEqual(key.publicKey, fromHex('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'));
      assert.deepEqual(provider.sign(key, fromHex('72')), signature);
      assert.equal(provider.verify(key.publicKey, fromHex('72'), signature), true);
    });

    it('RFC 7748 §6.2: X448 between Bob and Alice', () => {
      const bob = provider.importPrivate(
        'x448',
        fromHex(
          '1c306a7ac2a0e2e0990b294470cba339e6453772b075811d8fad0d1d6927c120' +
            'bb5ee8972b0d3e21374c9c921b09d1b0366f10b65173992d',
        ),
      );
      const alice = fromHex(
        '9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bb' +
          'c836647241d953d40c5b12da88120d53177f80e532c41fa0',
      );
      assert.deepEqual(
        provider.dh(bob, alice).reveal(),
        fromHex(
          '07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56' +
            'fd2464c335543936521c24403085d59a449a5037514a879d',
        ),
      );
    });

    it('RFC 8032 §7.4: Ed448 of one octet', () => {
      const key = provider.importPrivate(
        'ed448',
        fromHex(
          'c4eab05d357007c632f3dbb48489924d552b08fe0c353a0d4a1f00acda2c463a' +
            'fbea67c5e8d2877c5e3bc397a659949ef8021e954e0a12274e',
        ),
      );
      const signature = fromHex(
        '26b8f91727bd62897af15e41eb43c377efb9c610d48f2335cb0bd0087810f435' +
          '2541b143c4b981b7e18f62de8ccdf633fc1bf037ab7cd779805e0dbcc0aae1cb' +
          'cee1afb2e027df36bc04dcecbf154336c19f0af7e0a6472905e799f1953d2a0f' +
          'f3348ab21aa4adafd1d234441cf807c03a00',
      );
      assert.deepEqual(provider.sign(key, fromHex('03')), signature);
      assert.equal(provider.verify(provider.importPublic('ed448', key.publicKey), fromHex('03'), signature), true);
    });

    it('RFC 5903 §8.1: P-256 between initiator and responder', () => {
      const initiator = provider.importPrivate(
        'p-256',
        fromHex('c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433'),
      );
      const responder = fromHex(
        '04d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63' +
          '56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab',
      );
      assert.deepEqual(
        provider.dh(initiator, responder).reveal(),
        fromHex('d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de'),
      );
    });

    it('RFC 6979 §A.2.5: ECDSA on P-256 with SHA-256 of "sample"', () => {
      const key = provider.importPrivate(
        'ecdsa-p256-sha256',
        fromHex('c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721'),
      );
      const signature = fromHex(
        '3046' +
          '022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716' +
          '022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
      );
      const signer = provider.importPublic('ecdsa-p256-sha256', key.publicKey);
      assert.equal(provider.verify(signer, utf8('sample'), signature), true);
      if (provider.name !== 'native') assert.deepEqual(provider.sign(key, utf8('sample')), signature);
    });

    it('draft-ietf-hpke-pq: DeriveKeyPair of MLKEM768-X25519, which X-Wing alone does otherwise', () => {
      const ikm = fromHex('b86e76a59fabfc87b30cd7b1f7aaa28a834eb64e7a261c197b9a842893fbce56');
      const seed = fromHex('3ec47fa82dd5689d27c6190e724c74ec8f608df3331ce331929e37b829676630');
      assert.deepEqual(mlKem768X25519Kem.derive(provider, ikm).export().reveal(), seed);
      assert.notDeepEqual(xWingKem.derive(provider, ikm).export().reveal(), seed);
    });

    it('RFC 8439 §2.4.2: ChaCha20 keystream from block 1, §2.3.2', () => {
      const key = Uint8Array.from({ length: 32 }, (_, i) => i);
      const blocks = provider.keystream(key, fromHex('000000090000004a00000000'), 128);
      assert.deepEqual(
        blocks.subarray(64),
        fromHex(
          '10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e' +
            'd2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e',
        ),
      );
    });

    it('FIPS 202: SHAKE256 of nothing', () => {
      assert.deepEqual(
        provider.shake256(NOTHING, 32).reveal(),
        fromHex('46b9dd2b0ba88d13233b3feb743eeb243fcd52ea62b81b82b50c27646ed5762f'),
      );
    });

    it('RFC 9106 §5.3: Argon2id with secret and associated data', async () => {
      const tag = await provider.argon2id(
        new Uint8Array(32).fill(1),
        new Uint8Array(16).fill(2),
        { memoryKiB: 32, passes: 3, lanes: 4, length: 32 },
        { secret: new Uint8Array(8).fill(3), associatedData: new Uint8Array(12).fill(4) },
      );
      assert.deepEqual(tag.reveal(), fromHex('0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659'));
    });

    it('RFC 9180 §A.1.1: HPKE base mode opens the first message', () => {
      const suite = hpke(provider, { kem: dhkemX25519, kdf: 'sha256', aead: 'aes-128-gcm' });
      const own = provider.importPrivate(
        'x25519',
        fromHex('4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8'),
      );
      const sealed = {
        encapsulated: fromHex('37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431'),
        ciphertext: fromHex(
          'f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a',
        ),
      };
      const info = utf8('Ode on a Grecian Urn');
      assert.deepEqual(suite.open(own, sealed, { info }, utf8('Count-0')), utf8('Beauty is truth, truth beauty'));
    });
  });
}

describe('draft-connolly-cfrg-xwing-kem, first test vector', () => {
  const seed = fromHex('7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26');
  const coins = fromHex(
    '3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e2' +
      '35b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2',
  );
  const expected = fromHex('d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384');
  const sender = portableProvider({ random: () => coins.slice() });
  const { ciphertext, sharedSecret } = sender.encapsulate(
    sender.importPublic('x-wing', sender.importPrivate('x-wing', seed).publicKey),
  );

  it('encapsulation with the printed coins', () => assert.deepEqual(sharedSecret.reveal(), expected));
  for (const provider of providers) {
    it(`decapsulation with the printed seed, ${provider.name}`, () => {
      assert.deepEqual(provider.decapsulate(provider.importPrivate('x-wing', seed), ciphertext).reveal(), expected);
    });
  }
});
