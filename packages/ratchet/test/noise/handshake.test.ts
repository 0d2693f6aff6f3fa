import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nativeProvider } from '@sotto/crypto';
import { initiateNoise, readNoise, RatchetError, respondNoise, splitNoise, writeNoise } from '@sotto/ratchet';
import type { NoiseHandshake, NoiseReading, NoiseWriting } from '@sotto/ratchet';
import * as fc from 'fast-check';
import { NoiseCipher } from '../../src/noise/cipher.ts';
import { noisePattern } from '../../src/noise/patterns.ts';
import { noiseSuite } from '../../src/noise/suite.ts';
import { refused } from '../refused.ts';

const provider = nativeProvider();
const suite = noiseSuite(provider, 'ChaChaPoly', 'SHA256');
const prologue = Uint8Array.of(1, 2, 3);
const nothing = new Uint8Array(0);
type Pattern = 'IK' | 'XX';

function pair(pattern: Pattern, prologues = [prologue, prologue] as const) {
  const alice = provider.generate('x25519');
  const bob = provider.generate('x25519');
  const common = { provider, own: alice, prologue: prologues[0] };
  return {
    alice,
    bob,
    initiator: initiateNoise(pattern === 'IK' ? { ...common, pattern, peer: bob.publicKey } : { ...common, pattern }),
    responder: respondNoise({ provider, pattern, own: bob, prologue: prologues[1] }),
  };
}

interface Step {
  readonly writer: NoiseHandshake;
  readonly reader: NoiseHandshake;
}

/** Runs all messages; `tamper` sees each before it is read. */
function run(pattern: Pattern, payloads: readonly Uint8Array[], inspect: (message: Uint8Array, step: Step) => void) {
  const parties = pair(pattern);
  let writer: NoiseHandshake = parties.initiator;
  let reader: NoiseHandshake = parties.responder;
  const received: Uint8Array[] = [];
  for (let i = 0; writer.kind !== 'complete' || reader.kind !== 'complete'; i++) {
    const { message, next } = writeNoise(writer, payloads[i] ?? nothing);
    inspect(message, { writer, reader });
    const read = readNoise(reader, message);
    received.push(read.payload);
    [writer, reader] = [read.next, next];
  }
  const [initiator, responder] = writer.role === 'initiator' ? [writer, reader] : [reader, writer];
  return { ...parties, received, initiator, responder };
}

for (const pattern of ['IK', 'XX'] as const) {
  describe(`R-PAIR-3 Noise ${pattern}`, () => {
    it('carries payloads, agrees on the hash, tells each side the other one’s key, and opens a transport', () => {
      const payload = fc.uint8Array({ maxLength: 300 });
      fc.assert(
        fc.property(
          fc.array(payload, { maxLength: 3 }),
          fc.array(fc.tuple(fc.boolean(), payload)),
          (texts, traffic) => {
            const { alice, bob, received, initiator, responder } = run(pattern, texts, () => {});
            for (const [i, text] of received.entries()) assert.deepEqual(text, texts[i] ?? nothing);
            assert.deepEqual(initiator.handshakeHash, responder.handshakeHash);
            assert.deepEqual(initiator.peer, bob.publicKey);
            assert.deepEqual(responder.peer, alice.publicKey);
            const ends = [splitNoise(initiator), splitNoise(responder)] as const;
            for (const [fromInitiator, text] of traffic) {
              const [from, to] = fromInitiator ? [ends[0], ends[1]] : [ends[1], ends[0]];
              assert.deepEqual(to.receive.decrypt(from.send.encrypt(text)), text);
            }
          },
        ),
        { numRuns: 20 },
      );
    });

    it('every changed, cut or extended byte of every message is refused, and the right message still goes through', () => {
      run(pattern, [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)], (message, { reader, writer }) => {
        // The first message of XX is all in clear: a change shows with the second.
        const clear = pattern === 'XX' && writer.role === 'initiator' && writer.peer === null;
        for (let i = clear ? message.length : 0; i < message.length; i++) {
          const changed = message.slice();
          changed[i]! ^= 1 << (i % 8);
          assert.throws(() => readNoise(reader, changed), refused('not_authentic'), `byte ${i}`);
        }
        for (let length = 0; length < message.length - (clear ? 1 : 0); length++) {
          assert.throws(() => readNoise(reader, message.subarray(0, length)), RatchetError, `cut to ${length}`);
        }
        if (!clear) assert.throws(() => readNoise(reader, Uint8Array.of(...message, 0)), refused('not_authentic'));
      });
    });

    it('a change of what travels in clear, or of the prologue, is found with the next message', () => {
      const { initiator, responder } = pair(pattern, [prologue, Uint8Array.of(9)]);
      const first = writeNoise(initiator, nothing);
      if (pattern === 'IK') {
        assert.throws(() => readNoise(responder, first.message), refused('not_authentic'));
      } else {
        const second = writeNoise(readNoise(responder, first.message).next, nothing);
        assert.throws(() => readNoise(first.next, second.message), refused('not_authentic'));
      }
    });

    it('a step out of turn, with a used state, or after the end is refused by name', () => {
      const { initiator, responder } = pair(pattern);
      assert.throws(() => readNoise(initiator, nothing), refused('wrong_state'));
      assert.throws(() => writeNoise(responder, nothing), refused('wrong_state'));
      assert.throws(() => splitNoise(initiator), refused('wrong_state'));
      const { message } = writeNoise(initiator, nothing);
      // Writing twice from one state could seal two payloads under one key and nonce.
      assert.throws(() => writeNoise(initiator, Uint8Array.of(1)), refused('wrong_state'));
      const { next } = readNoise(responder, message);
      assert.throws(() => readNoise(responder, message), refused('wrong_state'));
      next[Symbol.dispose]();
      assert.throws(() => writeNoise(next, nothing), refused('wrong_state'));

      const done = run(pattern, [], () => {});
      assert.throws(() => writeNoise(done.initiator, nothing), refused('wrong_state'));
      const { send } = splitNoise(done.initiator);
      assert.throws(() => splitNoise(done.initiator), refused('wrong_state'));
      send[Symbol.dispose]();
      assert.throws(() => send.encrypt(nothing), refused('wrong_state'));
    });

    it('Noise §3: 65,535 bytes are the most a message may have; a refused write leaves the state usable', () => {
      const { initiator, responder } = pair(pattern);
      const overhead = pattern === 'IK' ? 32 + 48 + 16 : 32;
      assert.throws(() => writeNoise(initiator, new Uint8Array(65_536 - overhead)), refused('too_long'));
      assert.throws(() => readNoise(responder, new Uint8Array(65_536)), refused('too_long'));
      const { message } = writeNoise(initiator, new Uint8Array(65_535 - overhead));
      assert.equal(message.length, 65_535);
      assert.equal(readNoise(responder, message).payload.length, 65_535 - overhead);
    });

    it('low-order ephemeral keys are refused', () => {
      const { initiator, responder } = pair(pattern);
      if (pattern === 'IK') {
        const { message } = writeNoise(initiator, nothing);
        message.fill(0, 0, 32);
        assert.throws(() => readNoise(responder, message), refused('bad_key'));
      } else {
        const { next } = readNoise(responder, new Uint8Array(32));
        assert.throws(() => writeNoise(next, nothing), refused('bad_key'));
      }
    });
  });
}

describe('Noise handshake', () => {
  it('IK: a message for another responder’s key cannot be read', () => {
    const { initiator } = pair('IK');
    const { message } = writeNoise(initiator, nothing);
    assert.throws(() => readNoise(pair('IK').responder, message), refused('not_authentic'));
  });

  it('parameters that do not fit the pattern are refused', () => {
    const own = provider.generate('x25519');
    const start = { provider, pattern: 'IK', prologue, own } as const;
    assert.throws(() => initiateNoise({ ...start, peer: new Uint8Array(31) }), refused('parameters'));
    assert.throws(() => initiateNoise({ ...start, peer: new Uint8Array(33) }), refused('parameters'));
    assert.throws(
      () => initiateNoise({ ...start, peer: new Uint8Array(32) }) && writeNoiseTo(start),
      refused('bad_key'),
    );
    for (const name of ['', 'YY', 'IKpsk9', 'IKpsk', 'IKhfs', 'toString', 'XXpsk0+', 'XXfallback']) {
      assert.throws(() => noisePattern(name), refused('unsupported'), name);
    }

    function writeNoiseTo(common: typeof start) {
      return writeNoise(initiateNoise({ ...common, peer: new Uint8Array(32) }), nothing);
    }
  });

  it('types allow only what is this side’s turn to begin with', () => {
    const { initiator, responder } = pair('XX');
    const writing: NoiseWriting = initiator;
    const reading: NoiseReading = responder;
    assert.deepEqual([writing.kind, reading.kind], ['writing', 'reading']);
  });

  it('prints no key', () => {
    const { initiator } = pair('IK');
    assert.doesNotMatch(JSON.stringify(initiator), /key/i);
  });
});

function ciphers(nonce = 0n) {
  const key = provider.random(32);
  const make = () => new NoiseCipher(suite, provider.hkdf('sha256', key, nothing, nothing, 32), nonce);
  return { send: make(), receive: make() };
}

describe('NoiseCipher', () => {
  it('refuses reordered, repeated and damaged messages without losing its place', () => {
    const { send, receive } = ciphers();
    const first = send.encrypt(Uint8Array.of(1));
    const second = send.encrypt(Uint8Array.of(2));
    assert.throws(() => receive.decrypt(second), refused('not_authentic'));
    assert.throws(() => receive.decrypt(first.subarray(1)), refused('not_authentic'));
    assert.throws(() => receive.decrypt(first.subarray(0, 15)), refused('malformed'));
    assert.throws(() => receive.decrypt(first, Uint8Array.of(1)), refused('not_authentic'));
    assert.deepEqual(receive.decrypt(first), Uint8Array.of(1));
    assert.throws(() => receive.decrypt(first), refused('not_authentic'));
    assert.deepEqual(receive.decrypt(second), Uint8Array.of(2));
  });

  it('Noise §5.1: the last nonce is never used', () => {
    const { send, receive } = ciphers((1n << 64n) - 2n);
    assert.deepEqual(receive.decrypt(send.encrypt(nothing)), nothing);
    assert.throws(() => send.encrypt(nothing), refused('exhausted'));
    assert.throws(() => receive.decrypt(new Uint8Array(16)), refused('exhausted'));
  });

  it('Noise §11.3: rekeying on both sides goes on with the same nonce, on one side it does not', () => {
    const { send, receive } = ciphers();
    receive.decrypt(send.encrypt(nothing));
    send.rekey();
    const sealed = send.encrypt(Uint8Array.of(7));
    assert.throws(() => receive.decrypt(sealed), refused('not_authentic'));
    receive.rekey();
    assert.deepEqual(receive.decrypt(sealed), Uint8Array.of(7));
  });

  it('Noise §3: at most 65,535 bytes', () => {
    const { send, receive } = ciphers();
    assert.throws(() => send.encrypt(new Uint8Array(65_520)), refused('too_long'));
    assert.throws(() => receive.decrypt(new Uint8Array(65_536)), refused('too_long'));
    assert.equal(receive.decrypt(send.encrypt(new Uint8Array(65_519))).length, 65_519);
  });
});
