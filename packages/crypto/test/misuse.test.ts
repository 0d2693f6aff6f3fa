import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { ed25519 } from '@noble/curves/ed25519.js';
import { ed448 } from '@noble/curves/ed448.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { shake256 } from '@noble/hashes/sha3.js';
import { CryptoError } from '@sotto/crypto';
import type { CryptoErrorCode, CryptoProvider, KeyKind, PrivateKey, PublicKey } from '@sotto/crypto';
import { fromHex, native, NOTHING, portable, providers } from './providers.ts';

const NIST_KINDS = [
  'p-256',
  'p-384',
  'p-521',
  'ecdsa-p256-sha256',
  'ecdsa-p384-sha384',
  'ecdsa-p521-sha512',
] as const satisfies readonly KeyKind[];
const KINDS: readonly KeyKind[] = ['x25519', 'x448', 'ed25519', 'ed448', ...NIST_KINDS, 'ml-kem-768', 'x-wing'];

/** Every encoding of a point of order 1, 2, 4 or 8 on Curve25519 or its twist, top bit clear and set. */
const LOW_ORDER_X25519 = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
].flatMap((hex) => [fromHex(hex), withTopBit(fromHex(hex))]);

/** The eight points of the torsion subgroup, from noble's arithmetic rather than from a list. */
const TORSION = Array.from({ length: 8 }, (_, i) => torsionPoint().multiplyUnsafe(BigInt(i)));

/** u = 0, 1, -1 on curve448, and p and p + 1, which mean 0 and 1. */
const LOW_ORDER_X448 = [0n, 1n, ed448.Point.Fp.ORDER - 1n, ed448.Point.Fp.ORDER, ed448.Point.Fp.ORDER + 1n].map((u) =>
  littleEndian(u, 56),
);

/** The four points of Ed448's torsion subgroup. */
const TORSION_448 = Array.from({ length: 4 }, (_, i) =>
  ed448.Point.fromAffine({ x: 1n, y: 0n }).multiplyUnsafe(BigInt(i)),
);

const NOBLE = {
  'p-256': p256,
  'p-384': p384,
  'p-521': p521,
  'ecdsa-p256-sha256': p256,
  'ecdsa-p384-sha384': p384,
  'ecdsa-p521-sha512': p521,
};

function littleEndian(value: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

function bigEndian(value: bigint, length: number): Uint8Array {
  return littleEndian(value, length).toReversed();
}

function torsionPoint() {
  return ed25519.Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');
}

function withTopBit(bytes: Uint8Array): Uint8Array {
  bytes[31] = (bytes[31] ?? 0) | 0x80;
  return bytes;
}

function refused(code: CryptoErrorCode, run: () => unknown): void {
  assert.throws(run, (error) => error instanceof CryptoError && error.code === code);
}

for (const provider of providers) {
  describe(`misuse, ${provider.name}`, () => {
    it('keys, nonces and ciphertexts of wrong lengths are refused', () => {
      for (const kind of KINDS) {
        const own = provider.generate(kind);
        for (const wrong of [NOTHING, own.publicKey.subarray(1), Uint8Array.of(...own.publicKey, 0)]) {
          refused('length', () => provider.importPublic(kind, wrong));
          refused('length', () => provider.importPrivate(kind, wrong));
        }
      }
      const key = provider.random(32);
      for (const cipher of ['chacha20-poly1305', 'xchacha20-poly1305', 'aes-256-gcm', 'aes-128-gcm'] as const) {
        refused('length', () => provider.seal(cipher, key, new Uint8Array(8), key, NOTHING));
        refused('length', () => provider.open(cipher, key.subarray(1), new Uint8Array(12), key, NOTHING));
      }
      refused('length', () => provider.keystream(key.subarray(1), new Uint8Array(12), 8));
      refused('length', () => provider.keystream(key, new Uint8Array(11), 8));
      refused('length', () => provider.dh(provider.generate('x25519'), key.subarray(1)));
      refused('length', () => provider.verify(key.subarray(1), key, new Uint8Array(64)));
      refused('length', () => provider.decapsulate(provider.generate('ml-kem-768'), new Uint8Array(1087)));
      refused('length', () => provider.decapsulate(provider.generate('x-wing'), new Uint8Array(1119)));
    });

    it('output lengths that are no lengths are refused', () => {
      const key = provider.random(32);
      for (const length of [0, -1, 1.5, Number.NaN, 255 * 32 + 1]) {
        refused('length', () => provider.hkdf('sha256', key, key, key, length));
        refused('length', () => provider.hkdfExpand('sha256', key, key, length));
      }
      refused('length', () => provider.hkdfExpand('sha512', key, key, 32));
      for (const length of [-1, 0.5, Number.POSITIVE_INFINITY]) {
        refused('length', () => provider.random(length));
        refused('length', () => provider.keystream(key, new Uint8Array(12), length));
        refused('length', () => provider.shake256(key, length));
      }
    });

    it('X25519 and X-Wing refuse every point of low order, wherever it comes in', () => {
      const own = provider.generate('x25519');
      const hybrid = provider.generate('x-wing');
      const { ciphertext } = provider.encapsulate(provider.importPublic('x-wing', hybrid.publicKey));
      for (const point of LOW_ORDER_X25519) {
        refused('low_order', () => provider.importPublic('x25519', point));
        refused('low_order', () => provider.dh(own, point));
        refused('low_order', () => provider.importPublic('x-wing', replaceEnd(hybrid.publicKey, point)));
        refused('low_order', () => provider.decapsulate(hybrid, replaceEnd(ciphertext, point)));
      }
    });

    it('X448 refuses every point of low order, wherever it comes in', () => {
      const own = provider.generate('x448');
      for (const point of LOW_ORDER_X448) {
        refused('low_order', () => provider.importPublic('x448', point));
        refused('low_order', () => provider.dh(own, point));
      }
    });

    it('NIST curves refuse scalars outside 1 to n-1 and take both ends', () => {
      for (const kind of NIST_KINDS) {
        const order = NOBLE[kind].Point.Fn.ORDER;
        const length = provider.generate(kind).export().length;
        const top = (1n << BigInt(8 * length)) - 1n;
        for (const scalar of [0n, order, order + 1n, top]) {
          refused('bad_key', () => provider.importPrivate(kind, bigEndian(scalar, length)));
        }
        for (const scalar of [1n, order - 1n]) {
          const bytes = bigEndian(scalar, length);
          const own = provider.importPrivate(kind, bytes);
          assert.deepEqual(own.export().reveal(), bytes);
          assert.deepEqual(Uint8Array.from(own.publicKey), NOBLE[kind].Point.BASE.multiply(scalar).toBytes(false));
        }
      }
    });

    it('NIST curves refuse points off the curve, the identity, and every form but the uncompressed one', () => {
      for (const kind of NIST_KINDS) {
        const { publicKey } = provider.generate(kind);
        const { Fp } = NOBLE[kind].Point;
        const point = NOBLE[kind].Point.fromBytes(publicKey);
        const size = (publicKey.length - 1) / 2;
        const encoded = (x: bigint, y: bigint) => Uint8Array.of(4, ...bigEndian(x, size), ...bigEndian(y, size));
        refused('length', () => provider.importPublic(kind, point.toBytes(true)));
        refused('length', () => provider.importPublic(kind, Uint8Array.of(0)));
        const hybrid = publicKey.with(0, 6 + Number(point.y & 1n));
        for (const key of [hybrid, publicKey.with(0, 0), encoded(0n, 0n), encoded(point.x, point.y ^ 1n)]) {
          refused('bad_key', () => provider.importPublic(kind, key));
        }
        // x = 0 is on all three curves; x = p means the same and is not canonical.
        const y = Fp.sqrt(NOBLE[kind].Point.CURVE().b);
        assert.equal(provider.importPublic(kind, encoded(0n, y)).bytes.length, publicKey.length);
        refused('bad_key', () => provider.importPublic(kind, encoded(Fp.ORDER, y)));
      }
    });

    it('Ed448 refuses keys of low order or not in canonical form, and signatures whose R is', () => {
      const message = Uint8Array.of(1, 2, 3);
      const top = 0xff;
      const unreduced = [
        littleEndian(ed448.Point.Fp.ORDER, 57),
        littleEndian(ed448.Point.Fp.ORDER + 1n, 57),
        new Uint8Array(57).fill(top, 0, 56),
        provider.generate('ed448').publicKey.with(56, 0x01),
      ];
      for (const key of [...TORSION_448.map((point) => point.toBytes()), ...unreduced]) {
        for (const encoding of [key, key.with(56, (key[56] ?? 0) | 0x80)]) {
          refused('bad_key', () => provider.importPublic('ed448', encoding));
        }
      }
      for (const r of [...TORSION_448.map((point) => point.toBytes()), ...unreduced]) {
        const { publicKey, signature } = sign448({ nonce: 0n, r, torsion: ed448.Point.ZERO, message });
        assert.equal(provider.verify(provider.importPublic('ed448', publicKey), message, signature), false);
      }
    });

    it('Ed448 is verified up to the cofactor: every provider takes what a dishonest signer makes with torsion', () => {
      const message = Uint8Array.of(1, 2, 3);
      for (const torsion of TORSION_448) {
        const { publicKey, signature } = sign448({ nonce: 987654321n, torsion, message });
        const signer = provider.importPublic('ed448', publicKey);
        assert.equal(provider.verify(signer, message, signature), true);
        const scalar = fromLittleEndian(signature.subarray(57)) + ed448.Point.Fn.ORDER;
        assert.equal(provider.verify(signer, message, replaceEnd(signature, littleEndian(scalar, 57))), false);
      }
    });

    it('ECDSA takes DER only, with r and s in 1 to n-1, and both values of s', () => {
      for (const kind of ['ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'ecdsa-p521-sha512'] as const) {
        const curve = NOBLE[kind];
        const order = curve.Point.Fn.ORDER;
        const own = provider.generate(kind);
        const signer = provider.importPublic(kind, own.publicKey);
        const signature = provider.sign(own, NOTHING);
        const holds = (changed: Uint8Array) => provider.verify(signer, NOTHING, changed);
        const { r, s } = curve.Signature.fromBytes(signature, 'der');
        assert.ok(holds(sigValue(derInteger(r), derInteger(s))));
        assert.ok(holds(sigValue(derInteger(r), derInteger(order - s))));
        for (const [one, two] of [
          [0n, s],
          [r, 0n],
          [r + order, s],
          [r, s + order],
          [order, order],
        ] as const) {
          assert.equal(holds(sigValue(derInteger(one), derInteger(two))), false);
        }
        const body = [...derInteger(r), ...derInteger(s)];
        for (const wrong of [
          NOTHING,
          curve.Signature.fromBytes(signature, 'der').toBytes('compact'),
          signature.subarray(0, -1),
          Uint8Array.of(...signature, 0),
          sigValue([...derInteger(r), ...derInteger(s)], [0x05, 0x00]),
          sigValue(paddedInteger(r), derInteger(s)),
          Uint8Array.of(0x30, 0x80, ...body, 0, 0),
          Uint8Array.of(0x30, 0x82, 0, body.length, ...body),
          signature.with(0, 0x31),
        ]) {
          assert.equal(holds(wrong), false);
        }
      }
    });

    it('verifying never throws for bytes of an imported key and a hostile signature', () => {
      for (const kind of ['ed25519', 'ed448'] as const) {
        const length = provider.generate(kind).publicKey.length;
        for (let i = 2; i < 40; i++) {
          // About half of these y are on the curve.
          const signer = provider.importPublic(kind, littleEndian(BigInt(i), length));
          assert.equal(provider.verify(signer, NOTHING, provider.random(2 * length)), false);
        }
      }
    });

    it('ML-KEM refuses coefficients out of range (FIPS 203 §7.2)', () => {
      for (const kind of ['ml-kem-768', 'x-wing'] as const) {
        const { publicKey } = provider.generate(kind);
        for (const at of [0, 1, 1150, 1151]) {
          const key = publicKey.slice();
          key.fill(0xff, at - (at % 3), at - (at % 3) + 3);
          refused('bad_key', () => provider.importPublic(kind, key));
        }
      }
    });

    it('Ed25519 refuses keys of low order, under which one signature holds for many messages', () => {
      for (const point of TORSION) {
        const key = point.toBytes();
        refused('bad_key', () => provider.importPublic('ed25519', key));
        // R = identity and S = 0 satisfy the equation for the identity key and any message.
        const signature = Uint8Array.of(1, ...new Uint8Array(63));
        assert.equal(provider.verify(key, NOTHING, signature), false);
      }
    });

    it('Ed25519 refuses keys that are not canonical (y at or above 2^255 - 19)', () => {
      for (let low = 0xed; low <= 0xff; low++) {
        const key = Uint8Array.of(low, ...new Uint8Array(30).fill(0xff), 0x7f);
        for (const encoding of [key, withTopBit(key.slice())]) {
          refused('bad_key', () => provider.importPublic('ed25519', encoding));
          assert.equal(provider.verify(encoding, NOTHING, new Uint8Array(64)), false);
        }
      }
    });

    it('signatures of wrong lengths and scalars at or above the order do not verify', () => {
      const own = provider.generate('ed25519');
      const signature = provider.sign(own, NOTHING);
      for (const wrong of [NOTHING, signature.subarray(1), Uint8Array.of(...signature, 0)]) {
        assert.equal(provider.verify(own.publicKey, NOTHING, wrong), false);
      }
      const scalar = signature.subarray(32).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
      const malleated = signature.slice();
      let rest = scalar + ed25519.Point.Fn.ORDER;
      for (let i = 32; i < 64; i++, rest >>= 8n) malleated[i] = Number(rest & 0xffn);
      assert.equal(provider.verify(own.publicKey, NOTHING, malleated), false);
    });

    it('a signature made to hold only up to the cofactor is refused', () => {
      const message = Uint8Array.of(1, 2, 3);
      for (const torsion of TORSION.slice(1)) {
        const { publicKey, signature } = signWithTorsion(torsion, message);
        assert.equal(
          ed25519.verify(signature, message, publicKey, { zip215: true }),
          true,
          'the attack works elsewhere',
        );
        assert.equal(provider.verify(publicKey, message, signature), false);
      }
    });

    it('keys of another provider or kind are refused', () => {
      const other: CryptoProvider = provider === portable ? native : portable;
      refused('bad_key', () => provider.dh(other.generate('x25519'), provider.generate('x25519').publicKey));
      refused('bad_key', () => provider.sign(other.generate('ed25519'), NOTHING));
      refused('bad_key', () =>
        provider.encapsulate(other.importPublic('ml-kem-768', other.generate('ml-kem-768').publicKey)),
      );
      refused('bad_key', () => provider.decapsulate(other.generate('x-wing'), new Uint8Array(1120)));
      refused('bad_key', () =>
        provider.sign(provider.generate('x25519') as PrivateKey as PrivateKey<'ed25519'>, NOTHING),
      );
      const p256Key: PublicKey = provider.importPublic('p-256', provider.generate('p-256').publicKey);
      refused('bad_key', () => provider.dh(provider.generate('x25519'), p256Key as PublicKey<'x25519'>));
      refused('bad_key', () => provider.verify(p256Key as PublicKey<'ed25519'>, NOTHING, new Uint8Array(64)));
      refused('bad_key', () =>
        provider.sign(provider.generate('p-256') as PrivateKey as PrivateKey<'ecdsa-p256-sha256'>, NOTHING),
      );
      refused('length', () => provider.dh(provider.generate('p-256'), provider.generate('p-384').publicKey));
      const agreement: PublicKey = provider.importPublic('x25519', provider.generate('x25519').publicKey);
      refused('bad_key', () => provider.verify(agreement as PublicKey<'ed25519'>, NOTHING, new Uint8Array(64)));
    });

    it('R-RULE-3 a disposed key works no more, and none prints', () => {
      for (const kind of KINDS) {
        const own = provider.generate(kind);
        const hex = Buffer.from(own.export().reveal()).toString('hex');
        assert.equal(inspect(own), '[private key]');
        assert.equal(JSON.stringify({ own }), '{"own":"[private key]"}');
        assert.ok(!inspect(own, { showHidden: true, depth: 9, customInspect: false }).includes(hex.slice(0, 16)));
        own[Symbol.dispose]();
        own[Symbol.dispose]();
        assert.throws(() => own.export());
      }
      const signer = provider.generate('ed25519');
      signer[Symbol.dispose]();
      assert.throws(() => provider.sign(signer, NOTHING));
      const receiver = provider.generate('x-wing');
      receiver[Symbol.dispose]();
      assert.throws(() => provider.decapsulate(receiver, new Uint8Array(1120)));
    });

    it('importing keeps nothing of the caller: changing the bytes later changes no key', () => {
      for (const kind of KINDS) {
        const secret = provider.generate(kind).export().reveal();
        const own = provider.importPrivate(kind, secret);
        const given = own.publicKey.slice();
        const peer = provider.importPublic(kind, given);
        const [before, exported] = [given.slice(), secret.slice()];
        secret.fill(0);
        given.fill(0);
        assert.deepEqual(Uint8Array.from(peer.bytes), before);
        assert.deepEqual(own.export().reveal(), exported);
      }
    });

    it('Argon2 parameters outside RFC 9106 §3.1 are refused', async () => {
      const fine = { memoryKiB: 64, passes: 1, lanes: 1, length: 32 };
      const salt = new Uint8Array(16);
      for (const wrong of [
        { ...fine, lanes: 0 },
        { ...fine, memoryKiB: 7 },
        { ...fine, memoryKiB: 31, lanes: 4 },
        { ...fine, passes: 0 },
        { ...fine, passes: 1.5 },
        { ...fine, length: 3 },
        { ...fine, memoryKiB: 2 ** 32 },
      ]) {
        await assert.rejects(provider.argon2id(NOTHING, salt, wrong), { code: 'parameters' });
      }
      await assert.rejects(provider.argon2id(NOTHING, salt.subarray(9), fine), { code: 'parameters' });
    });

    it('secrets lie alone in their ArrayBuffer', () => {
      const key = provider.random(32);
      const own = provider.generate('x25519');
      const kem = provider.generate('x-wing');
      for (const secret of [
        provider.hmac('sha256', key, key),
        provider.hkdf('sha256', key, key, key, 96),
        provider.hkdfExpand('sha256', key, key, 96),
        provider.hkdfExpand('sha256', key, key, 32),
        provider.shake256(key, 64),
        provider.dh(own, provider.generate('x25519').publicKey),
        provider.encapsulate(provider.importPublic('x-wing', kem.publicKey)).sharedSecret,
        own.export(),
      ]) {
        assert.equal(secret.reveal().buffer.byteLength, secret.length);
      }
    });
  });
}

function replaceEnd(bytes: Uint8Array, end: Uint8Array): Uint8Array {
  const changed = bytes.slice();
  changed.set(end, bytes.length - end.length);
  return changed;
}

/** DER INTEGER with the fewest bytes, X.690 §8.3. */
function derInteger(value: bigint): number[] {
  const digits = value.toString(16);
  const bytes = [...fromHex(digits.length % 2 === 0 ? digits : `0${digits}`)];
  return [0x02, bytes.length + ((bytes[0] ?? 0) >> 7), ...((bytes[0] ?? 0) >> 7 === 1 ? [0] : []), ...bytes];
}

/** The same number with a needless zero in front. */
function paddedInteger(value: bigint): number[] {
  const [tag = 0, length = 0, ...bytes] = derInteger(value);
  return [tag, length + 1, 0, ...bytes];
}

function sigValue(r: readonly number[], s: readonly number[]): Uint8Array {
  const length = r.length + s.length;
  return Uint8Array.of(0x30, ...(length < 0x80 ? [length] : [0x81, length]), ...r, ...s);
}

function fromLittleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** RFC 8032 §5.2.6 by a signer free to choose the nonce, R's bytes and a torsion point in its key. */
function sign448(choice: {
  readonly nonce: bigint;
  readonly r?: Uint8Array;
  readonly torsion: InstanceType<typeof ed448.Point>;
  readonly message: Uint8Array;
}) {
  const { BASE, Fn } = ed448.Point;
  const secret = 123456789n;
  const publicKey = BASE.multiply(secret).add(choice.torsion).toBytes();
  const r = choice.r ?? BASE.multiply(choice.nonce).toBytes();
  const dom4 = Uint8Array.of(...new TextEncoder().encode('SigEd448'), 0, 0);
  const digest = shake256(Uint8Array.of(...dom4, ...r, ...publicKey, ...choice.message), { dkLen: 114 });
  const k = fromLittleEndian(digest) % Fn.ORDER;
  const signature = Uint8Array.of(...r, ...littleEndian(Fn.create(choice.nonce + k * secret), 57));
  return { publicKey, signature };
}

/** A dishonest signer adds a torsion point to its key: [8]S·B = [8]R + [8]k·A holds, S·B = R + k·A does not. */
function signWithTorsion(torsion: InstanceType<typeof ed25519.Point>, message: Uint8Array) {
  const { BASE, Fn } = ed25519.Point;
  const [secret, nonce] = [123456789n, 987654321n];
  const publicKey = BASE.multiply(secret).add(torsion).toBytes();
  for (let tweak = 0n; ; tweak++) {
    const r = BASE.multiply(nonce + tweak).toBytes();
    const digest = sha512.create().update(r).update(publicKey).update(message).digest();
    const k = digest.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n) % Fn.ORDER;
    if (torsion.multiplyUnsafe(k).is0()) continue;
    const signature = new Uint8Array(64);
    signature.set(r);
    signature.set(Fn.toBytes(Fn.create(nonce + tweak + k * secret)), 32);
    return { publicKey, signature };
  }
}
