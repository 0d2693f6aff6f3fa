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
  Secret,
  xWingKem,
} from '@sotto/crypto';
import type {
  DhKind,
  HashName,
  HpkeAead,
  HpkeKem,
  HpkeReceiverMode,
  HpkeSealed,
  HpkeSenderMode,
  KeyKind,
  PrivateKey,
  PublicKey,
} from '@sotto/crypto';
import { native, NOTHING, utf8 } from './providers.ts';

const info = utf8('test');
const psk = { psk: native.random(32), pskId: utf8('id') };

function pair<Kind extends KeyKind>(kind: Kind): { own: PrivateKey<Kind>; peer: PublicKey<Kind> } {
  const own = native.generate(kind);
  return { own, peer: native.importPublic(kind, own.publicKey) };
}

const receiver = pair('x25519');
const sender = pair('x25519');
const stranger = pair('x25519');
const suite = hpke(native, { kem: dhkemX25519, kdf: 'sha256', aead: 'chacha20-poly1305' });

const MODES: readonly { from: HpkeSenderMode<'x25519'>; to: HpkeReceiverMode<'x25519'> }[] = [
  { from: { kind: 'base' }, to: { kind: 'base' } },
  { from: { kind: 'psk', ...psk }, to: { kind: 'psk', ...psk } },
  { from: { kind: 'auth', sender: sender.own }, to: { kind: 'auth', sender: sender.peer } },
  { from: { kind: 'auth-psk', sender: sender.own, ...psk }, to: { kind: 'auth-psk', sender: sender.peer, ...psk } },
];

describe('RFC 9180 HPKE', () => {
  for (const aead of ['aes-128-gcm', 'aes-256-gcm', 'chacha20-poly1305'] as const satisfies readonly HpkeAead[]) {
    for (const kdf of ['sha256', 'sha384', 'sha512'] as const satisfies readonly HashName[]) {
      it(`round trip in every mode, ${kdf}, ${aead}`, () => {
        const any = hpke(native, { kem: dhkemX25519, kdf, aead });
        for (const { from, to } of MODES) {
          const sealed = any.seal(receiver.peer, { info, mode: from }, utf8('hello'), utf8('aad'));
          assert.deepEqual(any.open(receiver.own, sealed, { info, mode: to }, utf8('aad')), utf8('hello'));
        }
        const hybrid = hpke(native, { kem: xWingKem, kdf, aead });
        const { own, peer } = pair('x-wing');
        const sealed = hybrid.seal(peer, { info }, utf8('hello'), utf8('aad'));
        assert.deepEqual(hybrid.open(own, sealed, { info }, utf8('aad')), utf8('hello'));
      });
    }
  }

  for (const kem of [dhkemP256, dhkemP384, dhkemP521, dhkemX448] as readonly HpkeKem<DhKind>[]) {
    it(`${kem.name}: round trip in every mode, and for no other sender`, () => {
      const any = hpke(native, { kem, kdf: 'sha512', aead: 'aes-256-gcm' });
      const [to, from, other] = [pair(kem.kind), pair(kem.kind), pair(kem.kind)];
      const open = (sealed: HpkeSealed, mode: HpkeReceiverMode<DhKind>) =>
        any.open(to.own, sealed, { info, mode }, utf8('aad'));
      const seal = (mode: HpkeSenderMode<DhKind>) => any.seal(to.peer, { info, mode }, utf8('hello'), utf8('aad'));
      assert.deepEqual(open(seal({ kind: 'base' }), { kind: 'base' }), utf8('hello'));
      assert.deepEqual(open(seal({ kind: 'psk', ...psk }), { kind: 'psk', ...psk }), utf8('hello'));
      for (const extra of [{ kind: 'auth' } as const, { kind: 'auth-psk', ...psk } as const]) {
        const sealed = seal({ ...extra, sender: from.own });
        assert.deepEqual(open(sealed, { ...extra, sender: from.peer }), utf8('hello'));
        assert.equal(open(sealed, { ...extra, sender: other.peer }), null);
      }
    });

    it(`${kem.name}: encapsulated keys that are no points are refused by code`, () => {
      const any = hpke(native, { kem, kdf: 'sha512', aead: 'aes-256-gcm' });
      const { own, peer } = pair(kem.kind);
      const sealed = any.seal(peer, { info }, NOTHING, NOTHING);
      const { encapsulated } = sealed;
      const open = (changed: Uint8Array) => any.open(own, { ...sealed, encapsulated: changed }, { info }, NOTHING);
      assert.throws(() => open(encapsulated.subarray(1)), isCode('length'));
      assert.throws(
        () => open(new Uint8Array(encapsulated.length)),
        isCode(kem.kind === 'x448' ? 'low_order' : 'bad_key'),
      );
      if (kem.kind !== 'x448') {
        const last = encapsulated.length - 1;
        assert.throws(() => open(encapsulated.with(last, (encapsulated[last] ?? 0) ^ 1)), isCode('bad_key'));
      }
    });
  }

  it('MLKEM768-X25519 opens what X-Wing seals, and derives other key pairs', () => {
    const [old, current] = [xWingKem, mlKem768X25519Kem].map((kem) =>
      hpke(native, { kem, kdf: 'sha256', aead: 'aes-128-gcm' }),
    );
    assert.ok(old !== undefined && current !== undefined);
    const { own, peer } = pair('x-wing');
    assert.deepEqual(current.open(own, old.seal(peer, { info }, info, NOTHING), { info }, NOTHING), info);
    const ikm = native.random(32);
    assert.notDeepEqual(old.deriveKeyPair(ikm).publicKey, current.deriveKeyPair(ikm).publicKey);
  });

  it('opens under no other mode, sender, PSK, PSK id, info, associated data or key', () => {
    const other = native.random(32);
    for (const { from, to } of MODES) {
      const sealed = suite.seal(receiver.peer, { info, mode: from }, utf8('hello'), NOTHING);
      const open = (options: { info?: Uint8Array; mode?: HpkeReceiverMode<'x25519'>; own?: PrivateKey<'x25519'> }) =>
        suite.open(
          options.own ?? receiver.own,
          sealed,
          { info: options.info ?? info, mode: options.mode ?? to },
          NOTHING,
        );
      assert.notEqual(open({}), null);
      assert.equal(open({ info: utf8('other') }), null);
      assert.equal(open({ own: stranger.own }), null);
      assert.equal(suite.open(receiver.own, sealed, { info, mode: to }, utf8('other')), null);
      for (const { to: mode } of MODES) if (mode.kind !== to.kind) assert.equal(open({ mode }), null);
      if ('psk' in to) {
        assert.equal(open({ mode: { ...to, psk: other } }), null);
        assert.equal(open({ mode: { ...to, pskId: utf8('other') } }), null);
      }
      if ('sender' in to) assert.equal(open({ mode: { ...to, sender: stranger.peer } }), null);
    }
  });

  it('opens nothing whose encapsulated key or ciphertext was changed', () => {
    const { own, peer } = pair('x-wing');
    const hybrid = hpke(native, { kem: xWingKem, kdf: 'sha256', aead: 'chacha20-poly1305' });
    const sealed = hybrid.seal(peer, { info }, utf8('hello'), NOTHING);
    fc.assert(
      fc.property(fc.constantFrom('encapsulated', 'ciphertext'), fc.nat(), fc.nat(7), (part, at, bit) => {
        const changed = sealed[part].slice();
        const index = at % changed.length;
        changed[index] = (changed[index] ?? 0) ^ (1 << bit);
        assert.equal(hybrid.open(own, { ...sealed, [part]: changed }, { info }, NOTHING), null);
      }),
      { numRuns: 100 },
    );
  });

  it('a context counts: messages open in order only, and a forgery does not cost a turn', () => {
    const { encapsulated, context } = suite.setupSender(receiver.peer, { info });
    const end = suite.setupReceiver(receiver.own, encapsulated, { info });
    const [first, second, third] = ['1', '2', '3'].map((text) => context.seal(utf8(text), NOTHING));
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    assert.equal(end.open(second, NOTHING), null);
    assert.deepEqual(end.open(first, NOTHING), utf8('1'));
    assert.equal(end.open(first, NOTHING), null);
    assert.equal(
      end.open(
        third.map((byte) => byte ^ 1),
        NOTHING,
      ),
      null,
    );
    assert.deepEqual(end.open(second, NOTHING), utf8('2'));
    assert.deepEqual(end.open(third, NOTHING), utf8('3'));
    // 300 messages carry the sequence number over its lowest byte.
    for (let i = 0; i < 300; i++) assert.deepEqual(end.open(context.seal(info, NOTHING), NOTHING), info);
  });

  it('a context begins with the single-shot message and exports the same on both ends', () => {
    const sealed = suite.seal(receiver.peer, { info }, utf8('hello'), NOTHING);
    const end = suite.setupReceiver(receiver.own, sealed.encapsulated, { info });
    assert.deepEqual(end.open(sealed.ciphertext, NOTHING), utf8('hello'));
    const { encapsulated, context } = suite.setupSender(receiver.peer, { info });
    const other = suite.setupReceiver(receiver.own, encapsulated, { info });
    const exported = context.export(utf8('a'), 77).reveal();
    assert.deepEqual(other.export(utf8('a'), 77).reveal(), exported);
    assert.notDeepEqual(other.export(utf8('b'), 77).reveal(), exported);
    assert.notDeepEqual(end.export(utf8('a'), 77).reveal(), exported);
  });

  it('an export-only suite exports and refuses to seal or open', () => {
    const exporter = hpke(native, { kem: dhkemX25519, kdf: 'sha256', aead: 'export-only' });
    const { encapsulated, context } = exporter.setupSender(receiver.peer, { info });
    const end = exporter.setupReceiver(receiver.own, encapsulated, { info });
    assert.deepEqual(end.export(NOTHING, 32).reveal(), context.export(NOTHING, 32).reveal());
    for (const run of [
      () => context.seal(NOTHING, NOTHING),
      () => end.open(NOTHING, NOTHING),
      () => exporter.seal(receiver.peer, { info }, NOTHING, NOTHING),
      () => exporter.open(receiver.own, { encapsulated, ciphertext: NOTHING }, { info }, NOTHING),
    ]) {
      assert.throws(run, isCode('unsupported'));
    }
  });

  it('§5.1 and §9.5: a PSK needs 32 bytes and an id', () => {
    for (const wrong of [
      { psk: native.random(31), pskId: utf8('id') },
      { psk: native.random(32), pskId: NOTHING },
      { psk: NOTHING, pskId: NOTHING },
    ]) {
      assert.throws(
        () => suite.setupSender(receiver.peer, { info, mode: { kind: 'psk', ...wrong } }),
        isCode('parameters'),
      );
    }
  });

  it('X-Wing has no authenticated mode', () => {
    const hybrid = hpke(native, { kem: xWingKem, kdf: 'sha256', aead: 'aes-256-gcm' });
    const { own, peer } = pair('x-wing');
    const { encapsulated } = hybrid.setupSender(peer, { info });
    assert.throws(() => hybrid.setupSender(peer, { info, mode: { kind: 'auth', sender: own } }), isCode('unsupported'));
    assert.throws(
      () => hybrid.setupReceiver(own, encapsulated, { info, mode: { kind: 'auth', sender: peer } }),
      isCode('unsupported'),
    );
  });

  it('encapsulated keys of wrong length or low order are refused by code', () => {
    const ciphertext = new Uint8Array(16);
    for (const [encapsulated, code] of [
      [NOTHING, 'length'],
      [new Uint8Array(33), 'length'],
      [new Uint8Array(32), 'low_order'],
    ] as const) {
      assert.throws(() => suite.open(receiver.own, { encapsulated, ciphertext }, { info }, NOTHING), isCode(code));
    }
  });

  it('R-RULE-3 a disposed context works no more and its inputs stay usable', () => {
    using shared = Secret.copy(psk.psk);
    const mode = { kind: 'psk', psk: shared, pskId: psk.pskId } as const;
    const { context } = suite.setupSender(receiver.peer, { info, mode });
    context[Symbol.dispose]();
    assert.throws(() => context.seal(NOTHING, NOTHING));
    assert.throws(() => context.export(NOTHING, 16));
    assert.deepEqual(shared.reveal(), psk.psk);
  });

  it('every exchange has a key of its own', () => {
    const [one, two] = [
      suite.seal(receiver.peer, { info }, info, NOTHING),
      suite.seal(receiver.peer, { info }, info, NOTHING),
    ];
    assert.notDeepEqual(one.encapsulated, two.encapsulated);
    assert.notDeepEqual(Uint8Array.from(one.ciphertext), Uint8Array.from(two.ciphertext));
  });
});

function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof CryptoError && error.code === code;
}

describe('prepared info', () => {
  const gcm = hpke(native, { kem: dhkemX25519, kdf: 'sha256', aead: 'aes-128-gcm' });
  const prepared = gcm.prepareInfo(info);

  it('seals what opens with the info itself, and the other way round', () => {
    const text = utf8('text');
    const there = gcm.seal(receiver.peer, { info: prepared }, text, NOTHING);
    assert.deepEqual(gcm.open(receiver.own, there, { info }, NOTHING), text);
    const back = gcm.seal(receiver.peer, { info }, text, NOTHING);
    assert.deepEqual(gcm.open(receiver.own, back, { info: prepared }, NOTHING), text);
  });

  it('does not open what was sealed with other info', () => {
    const sealed = gcm.seal(receiver.peer, { info: utf8('other') }, NOTHING, NOTHING);
    assert.equal(gcm.open(receiver.own, sealed, { info: prepared }, NOTHING), null);
  });
});
