import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeEnvelope } from '@sotto/wire';
import { bodyKey, chainStep } from '../src/double-ratchet/kdf.ts';
import { associatedData, HEAD_BYTES } from '../src/double-ratchet/seal.ts';
import { AT, keyAt, readSession } from '../src/double-ratchet/state.ts';
import { attempt, conversation, copyOf, read, write } from './support/conversation.ts';
import type { Side } from './support/conversation.ts';
import { native } from './support/world.ts';

/** How far the attacker follows a chain key, and how many turns of messages it is given. */
const STEPS = 40;
/** Keys of a session record stand at multiples of this. */
const KEY_ALIGNMENT = 4;

/**
 * Someone who got hold of everything a side had on disk at one moment, and records all envelopes. It runs the protocol
 * with what it has, and tries all places of its records where a key could stand, as a message key and as a chain key.
 */
class Attacker {
  readonly #stolen: Side;
  /** Goes on living as the side did, with what arrives. */
  readonly #living: Side;

  constructor(victim: Side) {
    this.#stolen = copyOf(victim);
    this.#living = copyOf(victim);
  }

  /** Whether any of it opens the envelope. */
  reads(envelope: Uint8Array): boolean {
    for (const side of [this.#stolen, this.#living]) {
      if (attempt(side, envelope).kind === 'decrypted') return true;
    }
    return this.#opensByForce(envelope);
  }

  /** Lets the copy live on with a message that the victim received. */
  follow(envelope: Uint8Array): void {
    read(this.#living, envelope);
  }

  #opensByForce(envelope: Uint8Array): boolean {
    for (const side of [this.#stolen, this.#living]) {
      for (let at = 0; at + 32 <= side.session.length; at += KEY_ALIGNMENT) {
        if (this.#opensFrom(side.session.slice(at, at + 32), side, envelope)) return true;
      }
      for (const record of side.skipped.values()) {
        for (let at = 0; at + 32 <= record.length; at++) {
          if (openBody(record.slice(at, at + 32), side, envelope)) return true;
        }
      }
    }
    return false;
  }

  /** Follows `candidate` as a chain key for as long as anything could come of it: only where the layout has a key. */
  #opensFrom(candidate: Uint8Array, side: Side, envelope: Uint8Array): boolean {
    if (openBody(candidate, side, envelope)) return true;
    if (!isKeyOf(side, candidate)) return false;
    let chain = candidate;
    for (let step = 0; step < STEPS; step++) {
      using next = chainStep(native, chain);
      if (openBody(next.reveal().slice(0, 32), side, envelope)) return true;
      chain = next.reveal().slice(32);
    }
    return false;
  }
}

function isKeyOf(side: Side, candidate: Uint8Array): boolean {
  const state = readSession(side.session);
  return [AT.rootKey, AT.sendingChain, AT.receivingChain].some((at) => Buffer.from(keyAt(state, at)).equals(candidate));
}

/** Opens the body with a message key; the header need not be readable. */
function openBody(messageKey: Uint8Array, side: Side, envelope: Uint8Array): boolean {
  const { sealed, header } = decodeEnvelope(envelope);
  const associated = associatedData(readSession(side.session), header, sealed.subarray(0, HEAD_BYTES));
  using forBody = bodyKey(native, messageKey, sealed.subarray(8, 24));
  const secret = forBody.reveal();
  const body = sealed.subarray(HEAD_BYTES);
  return native.open('chacha20-poly1305', secret.subarray(0, 32), secret.subarray(32), body, associated) !== null;
}

test('keys stand where the attacker looks', () => {
  for (const [name, at] of Object.entries(AT)) assert.ok(at < 12 || at % KEY_ALIGNMENT === 0, name);
});

test('the attacker is a real one: stolen state opens what is to come and what was kept for late messages', () => {
  const { anh, binh } = conversation();
  const late = write(anh, 'late');
  assert.equal(read(binh, write(anh, 'one')), 'one');
  const sending = new Attacker(anh);
  const receiving = new Attacker(binh);
  const next = write(anh, 'next');
  const answer = write(binh, 'answer');
  assert.ok(receiving.reads(next) && receiving.reads(late) && receiving.reads(answer));
  assert.ok(sending.reads(next) && sending.reads(answer));
});

test('forward secrecy: the state of either side opens nothing that was sent or received before', () => {
  const { anh, binh } = conversation();
  const past: Uint8Array[] = [];
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 3; i++) {
      past.push(write(anh, `a${i}`));
      assert.equal(read(binh, past.at(-1)!), `a${i}`);
      past.push(write(binh, `b${i}`));
      assert.equal(read(anh, past.at(-1)!), `b${i}`);
    }
    past.push(write(anh, 'same chain'), write(anh, 'same chain'));
    for (const envelope of past.slice(-2)) assert.equal(read(binh, envelope), 'same chain');
  }
  const late = write(anh, 'late');
  assert.equal(read(binh, write(anh, 'one')), 'one');
  assert.equal(read(binh, late), 'late');
  past.push(late);
  for (const attacker of [new Attacker(anh), new Attacker(binh)]) {
    for (const envelope of past) assert.ok(!attacker.reads(envelope), 'a past message was opened');
  }
});

test('post-compromise security: after one undisturbed round trip a stolen state opens nothing any more', () => {
  for (const who of ['anh', 'binh'] as const) {
    const { anh, binh } = conversation();
    const [victim, peer] = who === 'anh' ? [anh, binh] : [binh, anh];
    assert.equal(read(peer, write(victim, 'before')), 'before');
    const attacker = new Attacker(victim);
    // What is in flight when the state is stolen can be read, and so can the peer's next turn.
    const toVictim = write(peer, 'can be read');
    assert.ok(attacker.reads(toVictim));
    attacker.follow(toVictim);
    assert.equal(read(victim, toVictim), 'can be read');
    // The victim answers with a key that the attacker never saw.
    const fromVictim = write(victim, 'healing');
    assert.ok(!attacker.reads(fromVictim));
    assert.equal(read(peer, fromVictim), 'healing');
    for (let round = 0; round < 2; round++) {
      const down = write(peer, 'down');
      assert.ok(!attacker.reads(down), 'the attacker reads on');
      attacker.follow(down);
      assert.equal(read(victim, down), 'down');
      const up = write(victim, 'up');
      assert.ok(!attacker.reads(up), 'the attacker reads on');
      assert.equal(read(peer, up), 'up');
    }
  }
});

test('a superseded record that was wiped is not needed by anything', () => {
  const { anh, binh } = conversation();
  for (let i = 0; i < 3; i++) {
    const before = anh.session;
    const envelope = write(anh, `${i}`);
    before.fill(0);
    const peerBefore = binh.session;
    assert.equal(read(binh, envelope), `${i}`);
    peerBefore.fill(0);
    assert.equal(read(anh, write(binh, 'answer')), 'answer');
  }
});
