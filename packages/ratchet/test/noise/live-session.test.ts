import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nativeProvider, Secret } from '@sotto/crypto';
import { portableProvider } from '@sotto/crypto/portable';
import {
  acceptLiveSession,
  completeLiveSession,
  decryptMessage,
  encryptMessage,
  pairwiseComponents,
  sessionFacts,
  splitNoise,
  startLiveSession,
} from '@sotto/ratchet';
import type { LiveSession, LocalDevice, PairwiseComponents } from '@sotto/ratchet';
import { accountId, decodeEnvelope, deviceId, idHex, mailboxId, statementHash, SUITE_PQXDH } from '@sotto/wire';
import * as fc from 'fast-check';
import { readNoise, writeNoise } from '../../src/noise/handshake.ts';
import type { NoiseComplete } from '../../src/noise/handshake.ts';
import { decodeAnswer, decodeHello, encodeHello } from '../../src/noise/live-payload.ts';
import { livePrologue } from '../../src/noise/live-prologue.ts';
import { seedFromNoise } from '../../src/noise/seed.ts';
import { initiateNoise, respondNoise } from '../../src/noise/sotto.ts';
import { refused } from '../refused.ts';

const NOW = 1_800_000_000_000;
const native = nativeProvider();
const on = pairwiseComponents({ provider: native, cachedKeys: 64 });

function device({ provider }: PairwiseComponents, sequence = 3): LocalDevice {
  const identityKey = provider.generate('x25519');
  return {
    device: deviceId(provider.random(16)),
    head: {
      account: accountId(provider.random(32)),
      sequence,
      hash: statementHash(provider.random(32)),
      seenAt: NOW,
    },
    ed25519: provider.generate('ed25519').publicKey,
    x25519: identityKey.publicKey,
    minimumSuite: SUITE_PQXDH,
    identityKey,
  };
}

/** A session record that moves on, as an engine would store it. */
class End {
  readonly #on: PairwiseComponents;
  session: Uint8Array;
  readonly #skipped = new Map<number, Uint8Array>();

  constructor(components: PairwiseComponents, { session }: LiveSession) {
    this.#on = components;
    this.session = session;
  }

  send(text: string): Uint8Array {
    const result = encryptMessage(this.#on, {
      session: this.session,
      opening: null,
      content: new TextEncoder().encode(text),
      mailbox: mailboxId(new Uint8Array(16)),
      expiresAt: 1_800_003_600,
      urgency: 'normal',
    });
    assert.ok(result.kind === 'encrypted');
    this.session = result.session;
    return result.envelope;
  }

  receive(envelope: Uint8Array): string {
    const result = decryptMessage(this.#on, {
      session: this.session,
      envelope: decodeEnvelope(envelope),
      skipped: this.#skipped,
      now: NOW,
    });
    if (result.kind === 'need-skipped') return this.#receiveWithout(envelope, result.slots);
    if (result.kind !== 'decrypted') return `(${result.kind})`;
    this.session = result.session;
    for (const { slot, record } of result.skipped) {
      if (record === null) this.#skipped.delete(slot);
      else this.#skipped.set(slot, record);
    }
    return new TextDecoder().decode(result.content);
  }

  #receiveWithout(envelope: Uint8Array, slots: readonly number[]): string {
    const skipped = new Map<number, Uint8Array | null>(this.#skipped);
    for (const slot of slots) skipped.set(slot, this.#skipped.get(slot) ?? null);
    const request = { session: this.session, envelope: decodeEnvelope(envelope), skipped, now: NOW };
    return `(${decryptMessage(this.#on, request).kind})`;
  }
}

function connect(left = on, right = on) {
  const alice = device(left);
  const bob = device(right);
  const { message, pending } = startLiveSession(left, { own: alice, peer: bob, now: NOW });
  const accepted = acceptLiveSession(right, { own: bob, peer: alice, message, now: NOW });
  const completed = completeLiveSession(left, { pending, reply: accepted.reply });
  return { alice, bob, message, accepted, completed, a: new End(left, completed), b: new End(right, accepted) };
}

const portable = pairwiseComponents({ provider: portableProvider(native), cachedKeys: 64 });
for (const [name, left, right] of [
  ['native', on, on],
  ['native to portable', on, portable],
  ['portable to native', portable, on],
] as const) {
  describe(`R-PAIR-3 live session, ${name}`, () => {
    it('after one round trip both send at once, in any order, through the Double Ratchet', () => {
      const { a, b, accepted, completed, alice, bob } = connect(left, right);
      assert.deepEqual(accepted.hash, completed.hash);
      assert.deepEqual(accepted.peerHead, alice.head);
      assert.deepEqual(completed.peerHead, bob.head);
      assert.deepEqual(completed.ownHeadAtPeer, alice.head);
      const [fromA, fromB] = [a.send('from a'), b.send('from b')];
      assert.equal(a.receive(fromB), 'from b');
      assert.equal(b.receive(fromA), 'from a');
      for (let turn = 0; turn < 5; turn++) {
        assert.equal(b.receive(a.send(`ping ${turn}`)), `ping ${turn}`);
        assert.equal(a.receive(b.send(`pong ${turn}`)), `pong ${turn}`);
      }
    });
  });
}

describe('R-PAIR-3 live session', () => {
  it('its first messages carry tags that the other side expects', () => {
    const { a, b, accepted, completed } = connect();
    assert.ok(completed.tags.map(idHex).includes(tagOf(b.send('hello'))));
    assert.ok(accepted.tags.map(idHex).includes(tagOf(a.send('hello'))));
  });

  it('every message arrives once, whatever the order, with losses and duplicates', () => {
    const event = fc.record({ by: fc.boolean(), deliver: fc.boolean(), which: fc.nat({ max: 20 }) });
    fc.assert(
      fc.property(fc.array(event, { minLength: 10, maxLength: 60 }), (events) => {
        const { a, b } = connect();
        const sent = { a: [] as Uint8Array[], b: [] as Uint8Array[] };
        const opened = new Set<string>();
        for (const { by, deliver, which } of events) {
          const [from, to, list, name] = by ? [a, b, sent.a, 'a'] : [b, a, sent.b, 'b'];
          if (!deliver) {
            list.push(from.send(`${name}${list.length}`));
            continue;
          }
          const index = which % Math.max(1, list.length);
          const envelope = list[index];
          if (envelope === undefined) continue;
          const text = `${name}${index}`;
          const outcome = to.receive(envelope);
          if (opened.has(text)) assert.match(outcome, /^\((?:duplicate|unreadable)\)$/);
          else assert.equal(outcome, text);
          opened.add(text);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('both sides know the session by the handshake hash, as initiator and responder of the same start', () => {
    const { a, b, completed } = connect();
    const [left, right] = [sessionFacts(a.session), sessionFacts(b.session)];
    assert.deepEqual([left.role, right.role], ['initiator', 'responder']);
    assert.deepEqual([left.hash, right.hash], [completed.hash, completed.hash]);
    assert.deepEqual([left.startedAt, right.startedAt], [NOW / 1000, NOW / 1000]);
    assert.deepEqual([left.awaitingAnswer, right.awaitingAnswer], [false, false]);
  });

  it('the handshake keys are discarded: what seeded a Double Ratchet cannot be split', () => {
    const [initiator, responder] = handshake();
    using _one = seedFromNoise(native, initiator, Secret.copy(new Uint8Array(32)));
    assert.throws(() => splitNoise(initiator), refused('wrong_state'));
    assert.throws(() => seedFromNoise(native, initiator, Secret.copy(new Uint8Array(32))), refused('wrong_state'));
    responder[Symbol.dispose]();
  });

  it('the KEM secret and the handshake both decide what the session starts from', () => {
    const [first, second, third] = [handshake(), handshake(), handshake()];
    assert.equal(rootOf(first[0], 1), rootOf(first[1], 1));
    assert.notEqual(rootOf(second[0], 1), rootOf(second[1], 2));
    assert.notEqual(rootOf(third[0], 1), rootOf(handshake()[0], 1));
  });
});

describe('R-PAIR-3 attacks on live sessions', () => {
  it('every changed or cut byte of both messages is refused, and the right one still goes through', () => {
    const alice = device(on);
    const bob = device(on);
    const { message, pending } = startLiveSession(on, { own: alice, peer: bob, now: NOW });
    const accept = (bytes: Uint8Array) => acceptLiveSession(on, { own: bob, peer: alice, message: bytes, now: NOW });
    for (let i = 0; i < message.length; i += i < 100 ? 1 : 13) {
      assert.throws(() => accept(flipped(message, i)), refused('not_authentic'), `byte ${i}`);
    }
    assert.throws(() => accept(message.subarray(0, 95)), refused('malformed'));
    assert.throws(() => accept(Uint8Array.of(...message, 0)), refused('not_authentic'));
    const { reply } = accept(message);
    const complete = (bytes: Uint8Array) => completeLiveSession(on, { pending, reply: bytes });
    for (let i = 0; i < reply.length; i += i < 60 ? 1 : 13) {
      assert.throws(() => complete(flipped(reply, i)), refused('not_authentic'), `byte ${i}`);
    }
    assert.throws(() => complete(reply.subarray(0, 40)), refused('malformed'));
    complete(reply);
    assert.throws(() => complete(reply), refused('wrong_state'));
  });

  it('a peer that is taken for someone else, by account, device or key, is refused', () => {
    const alice = device(on);
    const bob = device(on);
    const other = device(on);
    const { message } = startLiveSession(on, { own: alice, peer: bob, now: NOW });
    for (const peer of [
      { ...alice, device: other.device },
      { ...alice, head: other.head },
      { ...alice, ed25519: other.ed25519 },
      { ...alice, x25519: other.x25519 },
    ]) {
      assert.throws(() => acceptLiveSession(on, { own: bob, peer, message, now: NOW }), refused('not_authentic'));
    }
    assert.throws(
      () => acceptLiveSession(on, { own: other, peer: alice, message, now: NOW }),
      refused('not_authentic'),
    );
  });

  it('a recorded first message begins nothing: its author never confirms the session it leads to', () => {
    const { alice, bob, message, a } = connect();
    const replayed = acceptLiveSession(on, { own: bob, peer: alice, message, now: NOW });
    const b = new End(on, replayed);
    assert.equal(b.receive(a.send('to the real session')), '(unreadable)');
    assert.equal(a.receive(b.send('to nobody')), '(unreadable)');
  });

  it('a pending session that was given up completes no more', () => {
    const alice = device(on);
    const bob = device(on);
    const { message, pending } = startLiveSession(on, { own: alice, peer: bob, now: NOW });
    const { reply } = acceptLiveSession(on, { own: bob, peer: alice, message, now: NOW });
    pending[Symbol.dispose]();
    assert.throws(() => completeLiveSession(on, { pending, reply }), refused('wrong_state'));
  });

  it('payloads: heads of other accounts, unusable keys, wrong lengths and other versions are refused', () => {
    const alice = device(on);
    const bob = device(on);
    const good = {
      heads: { own: alice.head, peer: bob.head },
      startedAt: 1,
      kemKey: native.generate('ml-kem-768').publicKey,
      ratchetKey: native.generate('x25519').publicKey,
    };
    const accept = (payload: Uint8Array) => {
      const common = { provider: native, pattern: 'IK', prologue: livePrologue(alice, bob) } as const;
      const writing = initiateNoise({ ...common, own: alice.identityKey, peer: bob.x25519 });
      const { message } = writeNoise(writing, payload);
      return acceptLiveSession(on, { own: bob, peer: alice, message, now: NOW });
    };
    accept(encodeHello(good));
    accept(encodeHello({ ...good, startedAt: NOW / 1000 + 86_400 }));
    const cases = [
      [{ heads: { own: bob.head, peer: bob.head } }, 'malformed'],
      [{ heads: { own: alice.head, peer: alice.head } }, 'malformed'],
      [{ ratchetKey: new Uint8Array(32) }, 'bad_key'],
      [{ kemKey: new Uint8Array(1184).fill(0xff) }, 'bad_key'],
      [{ ratchetKey: new Uint8Array(31) }, 'malformed'],
      [{ kemKey: new Uint8Array(1183) }, 'malformed'],
      [{ startedAt: 0 }, 'malformed'],
      // It would win over every session that is started later.
      [{ startedAt: NOW / 1000 + 86_401 }, 'future'],
      [{ startedAt: Number.MAX_SAFE_INTEGER }, 'future'],
    ] as const;
    for (const [change, code] of cases) {
      assert.throws(
        () => accept(encodeHello({ ...good, ...change })),
        refused(code),
        JSON.stringify(Object.keys(change)),
      );
    }
    const version = encodeHello(good);
    version[1] = 2;
    assert.throws(() => accept(version), refused('unsupported'));
    assert.throws(() => accept(Uint8Array.of(...encodeHello(good), 0x78, 1)), refused('malformed'));
  });

  it('payload parsers survive any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        assert.throws(() => decodeHello(bytes), /RatchetError/);
        assert.throws(() => decodeAnswer(bytes), /RatchetError/);
      }),
    );
  });
});

function flipped(bytes: Uint8Array, index: number): Uint8Array {
  const changed = bytes.slice();
  changed[index]! ^= 1;
  return changed;
}

function handshake(): [NoiseComplete, NoiseComplete] {
  const [own, theirs] = [native.generate('x25519'), native.generate('x25519')];
  const common = { provider: native, pattern: 'IK', prologue: new Uint8Array(0) } as const;
  const first = writeNoise(initiateNoise({ ...common, own, peer: theirs.publicKey }), new Uint8Array(0));
  const read = readNoise(respondNoise({ ...common, own: theirs }), first.message);
  const second = writeNoise(read.next, new Uint8Array(0));
  const done = readNoise(first.next, second.message).next;
  assert.ok(done.kind === 'complete' && second.next.kind === 'complete');
  return [done, second.next];
}

function tagOf(envelope: Uint8Array): string {
  return idHex(decodeEnvelope(envelope).sealed.subarray(0, 8));
}

function rootOf(complete: NoiseComplete, kem: number): string {
  using seed = seedFromNoise(native, complete, Secret.copy(new Uint8Array(32).fill(kem)));
  return idHex(seed.rootKey);
}
