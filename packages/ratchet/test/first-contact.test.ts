import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  continueInitial,
  decryptMessage,
  encryptMessage,
  openInitial,
  sessionFacts,
  startSession,
} from '@sotto/ratchet';
import type { CreatedPrekey } from '@sotto/ratchet';
import { decodeEnvelope, deviceId, mailboxId, SUITE_PQXDH, SUITE_X3DH, WireError } from '@sotto/wire';
import { flightHash } from '../src/x3dh/transcript.ts';
import { codeOf } from './support/codes.ts';
import { pick, prekeysOf, START, testDevice, verified } from './support/devices.ts';
import {
  accept,
  EXPIRES,
  firstContact,
  firstMessage,
  firstOfEach,
  outcome,
  unsealed,
} from './support/first-contact.ts';
import { native, text, twoParties } from './support/world.ts';

const DAY = 86_400_000;
const noKem = ({ kind }: CreatedPrekey): boolean => !kind.endsWith('kem');

/** The header of an envelope that differs only in its last field. */
function otherUrgency(header: Uint8Array): Uint8Array {
  const last = header.length - 1;
  return header.with(last, header[last]! ^ 3);
}

test('R-PAIR-1: PQXDH: the first message decrypts, the answer does, and messages stop being initial ones', () => {
  const { anh, binh } = twoParties();
  const session = anh.start(binh);
  for (const greeting of ['một', 'hai']) {
    assert.ok(sessionFacts(anh.records(session).session).awaitingAnswer);
    const received = binh.receive(anh.send(text(greeting), binh), anh);
    assert.ok(received.kind === 'message');
    assert.deepEqual(received.content, text(greeting));
  }
  const answer = binh.send(text('ba'), anh);
  assert.ok(anh.expects(answer));
  assert.equal(anh.receive(answer, binh).kind, 'message');
  const facts = sessionFacts(anh.records(session).session);
  assert.deepEqual([facts.awaitingAnswer, facts.role, facts.suite], [false, 'initiator', SUITE_PQXDH]);
  assert.equal(anh.records(session).opening, null);
  const next = anh.send(text('bốn'), binh);
  assert.ok(binh.expects(next));
  assert.equal(binh.receive(next, anh).kind, 'message');
  assert.deepEqual(anh.sessions, binh.sessions);
});

test('R-PAIR-1: a session starts without one-time keys: last resort, and the signed prekey alone', () => {
  const contact = firstContact({ handsOut: ({ kind }) => !kind.startsWith('one-time') });
  const result = accept(contact);
  assert.ok(result.kind === 'accepted');
  assert.deepEqual(result.spent, []);
  assert.equal(unsealed(contact).prekeys.oneTime, null);
});

test('R-PAIR-1: used one-time keys are named to be deleted; the replay mark lives as long as the prekeys', () => {
  const contact = firstContact();
  const result = accept(contact);
  assert.ok(result.kind === 'accepted');
  assert.deepEqual(
    result.spent.toSorted((a, b) => a - b),
    [pick(contact.prekeys, 'one-time').id, pick(contact.prekeys, 'one-time-kem').id],
  );
  assert.ok(result.replayUntil * 1000 >= START + 30 * DAY);
});

test('X3DH only where both certificates allow it: a bundle without its KEM key is refused otherwise', () => {
  for (const suites of [
    [SUITE_PQXDH, SUITE_PQXDH],
    [SUITE_PQXDH, SUITE_X3DH],
    [SUITE_X3DH, SUITE_PQXDH],
  ] as const) {
    assert.throws(() => firstContact({ minimumSuites: suites, handsOut: noKem }), /no-kem/);
  }
  const plain = firstContact({ minimumSuites: [SUITE_X3DH, SUITE_X3DH], handsOut: noKem });
  assert.equal(plain.started.suite, SUITE_X3DH);
  assert.equal(decodeEnvelope(plain.envelope).suite, SUITE_X3DH);
  assert.equal(outcome(accept(plain)), 'accepted');
  // Where a KEM key is there, it is used, even if both would do without.
  assert.equal(firstContact({ minimumSuites: [SUITE_X3DH, SUITE_X3DH] }).started.suite, SUITE_PQXDH);
});

test('attack: an initial message without its post-quantum part is refused by whoever demands that part', () => {
  const plain = firstContact({ minimumSuites: [SUITE_X3DH, SUITE_X3DH], handsOut: noKem });
  const own = { ...plain.binh.local, minimumSuite: SUITE_PQXDH } as const;
  const peer = { ...plain.anh.local, minimumSuite: SUITE_PQXDH } as const;
  assert.equal(outcome(accept(plain, { own })), 'suite');
  assert.equal(outcome(accept(plain, { peer })), 'suite');
});

test('attack: an envelope that claims another suite than its seal', () => {
  const contact = firstContact();
  const relabelled = contact.envelope.slice();
  assert.deepEqual([...relabelled.subarray(2, 4)], [0x10, SUITE_PQXDH]);
  relabelled[3] = SUITE_X3DH;
  const opened = openInitial(contact.components, {
    envelope: decodeEnvelope(relabelled),
    device: contact.binh.local.device,
    sealingKeys: [pick(contact.prekeys, 'sealing').record],
  });
  assert.equal(opened.kind, 'not-opened');
});

test('attack: unknown key share: every identity on either side is bound', () => {
  const contact = firstContact();
  const { anh, binh } = contact;
  const other = testDevice(native).local;
  const initial = unsealed(contact);
  const own = (fields: object) => outcome(accept(contact, { own: { ...binh.local, ...fields } }));
  const peer = (fields: object) => outcome(accept(contact, { peer: { ...anh.local, ...fields } }));
  assert.equal(peer({}), 'accepted');
  // Another account or device than the message names.
  assert.equal(own({ head: { ...binh.local.head, account: other.head.account } }), 'wrong-party');
  assert.equal(peer({ head: { ...anh.local.head, account: other.head.account } }), 'wrong-party');
  assert.equal(peer({ device: other.device }), 'wrong-party');
  // The same names with other keys: the agreement differs.
  assert.equal(peer({ ed25519: other.ed25519 }), 'damaged');
  assert.equal(peer({ x25519: other.x25519 }), 'damaged');
  assert.equal(own({ ed25519: other.ed25519 }), 'damaged');
  assert.equal(own({ x25519: other.x25519 }), 'damaged');
  assert.equal(own({ identityKey: other.identityKey }), 'damaged');
  // A message that is changed to name somebody else as its sender, down to its hash.
  const senderHead = { ...initial.senderHead, account: other.head.account };
  const flight = { ...initial, senderHead };
  const forged = { ...flight, hash: flightHash(native, flight, binh.local.device) };
  assert.equal(outcome(accept(contact, { initial: forged, peer: { ...anh.local, head: senderHead } })), 'damaged');
});

test('attack: a first flight that differs in anything has another hash, and does not decrypt', () => {
  const contact = firstContact();
  const initial = unsealed(contact);
  const ephemeral = native.generate('x25519').publicKey;
  assert.equal(outcome(accept(contact, { initial: { ...initial, ephemeral } })), 'damaged');
  const kemCiphertext = initial.kemCiphertext.with(5, initial.kemCiphertext[5]! ^ 1);
  assert.equal(outcome(accept(contact, { initial: { ...initial, kemCiphertext } })), 'damaged');
  assert.equal(outcome(accept(contact, { initial: { ...initial, hash: native.random(32) } })), 'damaged');
  assert.equal(outcome(accept(contact, { initial: { ...initial, message: initial.message.subarray(1) } })), 'damaged');
  assert.equal(outcome(accept(contact, { initial: { ...initial, message: new Uint8Array(0) } })), 'damaged');
});

test('attack: swapped prekeys: an id of another kind, another key under the same id', () => {
  const contact = firstContact();
  const initial = unsealed(contact);
  const others = prekeysOf(native, contact.binh, { oneTime: 2 });
  const signed = pick(contact.prekeys, 'signed').record;
  const oneTime = pick(contact.prekeys, 'one-time').record;
  const kem = pick(contact.prekeys, 'one-time-kem').record;
  const prekeys = (fields: object) => outcome(accept(contact, { prekeys: { signed, oneTime, kem, ...fields } }));
  assert.equal(prekeys({}), 'accepted');
  assert.equal(prekeys({ signed: pick(others, 'signed').record }), 'damaged');
  assert.equal(prekeys({ oneTime: pick(others, 'one-time').record }), 'damaged');
  assert.equal(prekeys({ kem: pick(others, 'one-time-kem').record }), 'damaged');
  assert.equal(prekeys({ oneTime: null }), 'prekey-gone');
  assert.equal(prekeys({ signed: null }), 'prekey-gone');
  assert.equal(prekeys({ kem: null }), 'prekey-gone');
  // The sender names the sealing key where a signed prekey belongs.
  const sealing = pick(contact.prekeys, 'sealing');
  const named = { ...initial, prekeys: { ...initial.prekeys, signed: sealing.id } };
  const crossed = accept(contact, { initial: named, prekeys: { signed: sealing.record, oneTime, kem } });
  assert.equal(outcome(crossed), 'prekey-gone');
  // The caller passes a record that was not asked for: a mistake in the program, not in the message.
  const mistaken = { signed: sealing.record, oneTime, kem };
  assert.equal(
    codeOf(() => accept(contact, { prekeys: mistaken })),
    'parameters',
  );
});

test('attack: a message for prekeys that should have been deleted by now', () => {
  const contact = firstContact();
  assert.equal(outcome(accept(contact, { now: START + 30 * DAY - 1 })), 'accepted');
  assert.equal(outcome(accept(contact, { now: START + 30 * DAY })), 'prekey-gone');
});

test('attack: replayed initial messages: the session remembers, then the mark, then the prekey is gone', () => {
  const { anh, binh } = twoParties();
  const first = anh.send(text('một'), binh);
  assert.equal(binh.receive(first, anh).kind, 'message');
  assert.deepEqual(binh.receive(first, anh), { kind: 'nothing', reason: 'duplicate' });
  const contact = firstContact();
  assert.equal(outcome(accept(contact)), 'accepted');
  assert.deepEqual(unsealed(contact).hash, contact.started.hash);
  const initial = unsealed(contact);
  const signed = pick(contact.prekeys, 'signed').record;
  assert.equal(outcome(accept(contact, { prekeys: { signed, oneTime: null, kem: null } })), 'prekey-gone');
  assert.ok(initial.prekeys.oneTime !== null);
});

test('attack: the wrong device, the wrong mailbox, other envelope fields', () => {
  const contact = firstContact();
  const envelope = decodeEnvelope(contact.envelope);
  const sealingKeys = [pick(contact.prekeys, 'sealing').record];
  const open = (fields: object, device = contact.binh.local.device) =>
    openInitial(contact.components, { envelope: { ...envelope, ...fields }, device, sealingKeys }).kind;
  assert.equal(open({}), 'opened');
  assert.equal(open({}, deviceId(native.random(16))), 'not-opened');
  assert.equal(open({ mailbox: mailboxId(native.random(16)) }), 'not-opened');
  assert.equal(open({ header: otherUrgency(envelope.header) }), 'not-opened');
  assert.equal(open({ sealed: envelope.sealed.with(0, envelope.sealed[0]! ^ 1) }), 'not-opened');
  assert.equal(open({ sealed: new Uint8Array(512) }), 'not-opened');
  assert.equal(open({ sealed: new Uint8Array(6144) }), 'not-opened');
});

test('an older sealing key still opens; with none left the message is not opened', () => {
  const contact = firstContact();
  const newer = prekeysOf(native, contact.binh, { oneTime: 0, firstId: 50 });
  const request = { envelope: decodeEnvelope(contact.envelope), device: contact.binh.local.device };
  const old = pick(contact.prekeys, 'sealing').record;
  const current = pick(newer, 'sealing').record;
  const { components } = contact;
  assert.equal(openInitial(components, { ...request, sealingKeys: [current, old] }).kind, 'opened');
  assert.equal(openInitial(components, { ...request, sealingKeys: [current] }).kind, 'not-opened');
  assert.equal(openInitial(components, { ...request, sealingKeys: [] }).kind, 'not-opened');
  const signed = pick(contact.prekeys, 'signed').record;
  assert.equal(
    codeOf(() => openInitial(components, { ...request, sealingKeys: [signed] })),
    'parameters',
  );
});

test('attack: low-order points as ephemeral key and as identity key of a sender', () => {
  const contact = firstContact();
  const initial = unsealed(contact);
  for (const point of [
    new Uint8Array(32),
    new Uint8Array(32).fill(1, 0, 1),
    new Uint8Array(32).fill(0xff).fill(0x7f, 31),
  ]) {
    const lowOrder = point[31] === 0x7f ? point.with(0, 0xec) : point;
    assert.equal(outcome(accept(contact, { initial: { ...initial, ephemeral: lowOrder } })), 'damaged');
    assert.equal(outcome(accept(contact, { peer: { ...contact.anh.local, x25519: lowOrder } })), 'damaged');
  }
});

test('a session that claims to start more than a day ahead is refused: it would win over every later one', () => {
  const contact = firstContact();
  assert.equal(outcome(accept(contact, { now: START - DAY })), 'accepted');
  assert.equal(outcome(accept(contact, { now: START - DAY - 1000 })), 'future');
});

test('initial messages may come in any order, any of them begins the session, each decrypts once', () => {
  const { anh, binh } = twoParties();
  const sent = ['một', 'hai', 'ba'].map((content) => ({ content, envelope: anh.send(text(content), binh) }));
  for (const { content, envelope } of [sent[2]!, sent[0]!, sent[1]!]) {
    const received = binh.receive(envelope, anh);
    assert.ok(received.kind === 'message');
    assert.deepEqual(received.content, text(content));
  }
  for (const { envelope } of sent) assert.equal(binh.receive(envelope, anh).kind, 'nothing');
  assert.equal(binh.sessions.length, 1);
});

test('an initial message without its seal is of no use in another session, nor outside its envelope', () => {
  const contact = firstContact();
  const accepted = accept(contact);
  assert.ok(accepted.kind === 'accepted');
  const second = firstMessage(contact.components, contact.session, contact.started, contact.binh);
  const third = firstMessage(contact.components, second.session, contact.started, contact.binh);
  const request = { session: accepted.session, skipped: new Map(), now: START };
  const inner = unsealed(contact, second.envelope);
  const other = decodeEnvelope(third.envelope);
  const { components } = contact;
  const moved = { ...other, header: otherUrgency(other.header) };
  assert.equal(continueInitial(components, { ...request, initial: inner, envelope: moved }).kind, 'unreadable');
  const mine = decodeEnvelope(second.envelope);
  assert.equal(continueInitial(components, { ...request, initial: inner, envelope: mine }).kind, 'decrypted');
  const stranger = firstContact();
  const theirs = accept(stranger);
  assert.ok(theirs.kind === 'accepted');
  const crossed = continueInitial(components, { ...request, session: theirs.session, initial: inner, envelope: mine });
  assert.equal(crossed.kind, 'unreadable');
  // The envelope itself is no message of the session.
  assert.equal(decryptMessage(components, { ...request, envelope: mine }).kind, 'unreadable');
});

test('a bundle of another device than the one to talk to is a mistake in the program', () => {
  const { components, anh, binh } = firstContact();
  const other = testDevice(native);
  const bundle = verified(native, other, prekeysOf(native, other));
  assert.equal(
    codeOf(() => startSession(components, { own: anh.local, ownChain: null, peer: binh.local, bundle, now: START })),
    'parameters',
  );
});

test('a peer whose identity key is of low order is refused by name', () => {
  const { components, anh, binh, prekeys } = firstContact();
  const peer = { ...binh.local, x25519: new Uint8Array(32) };
  const request = {
    own: anh.local,
    ownChain: null,
    peer,
    bundle: verified(native, binh, firstOfEach(prekeys)),
    now: START,
  };
  assert.equal(
    codeOf(() => startSession(components, request)),
    'bad_key',
  );
});

test('content that fits no envelope is refused and the session stays as it was', () => {
  const contact = firstContact();
  const content = new Uint8Array(100_000);
  const request = { content, mailbox: contact.binh.mailbox, expiresAt: EXPIRES, urgency: 'high' as const };
  const { opening } = contact.started;
  const before = contact.session.slice();
  const initial = () => encryptMessage(contact.components, { ...request, session: contact.session, opening });
  assert.throws(initial, (error) => error instanceof WireError && error.code === 'too_large');
  assert.deepEqual(contact.session, before);
  const accepted = accept(contact);
  assert.ok(accepted.kind === 'accepted');
  const later = () => encryptMessage(contact.components, { ...request, session: accepted.session, opening: null });
  assert.throws(later, (error) => error instanceof WireError && error.code === 'too_large');
});

test('first messages and others have the same form: a version, a bucket, and nothing that tells them apart', () => {
  const { anh, binh } = twoParties();
  const long = new Uint8Array(3000);
  const first = decodeEnvelope(anh.send(text('một'), binh));
  binh.receive(anh.send(long, binh), anh);
  const later = decodeEnvelope(binh.send(long, anh));
  assert.equal(first.sealed.length, later.sealed.length);
  assert.equal(first.header.length, later.header.length);
});

test('an initial message needs its opening record, and later ones ignore it', () => {
  const contact = firstContact();
  const request = {
    content: text('hai'),
    mailbox: contact.binh.mailbox,
    expiresAt: EXPIRES,
    urgency: 'normal' as const,
  };
  assert.equal(
    codeOf(() => encryptMessage(contact.components, { ...request, session: contact.session, opening: null })),
    'parameters',
  );
  const accepted = accept(contact);
  assert.ok(accepted.kind === 'accepted');
  const opening = contact.started.opening;
  const answer = encryptMessage(contact.components, { ...request, session: accepted.session, opening });
  assert.ok(answer.kind === 'encrypted');
  assert.equal(decodeEnvelope(answer.envelope).sealed.length, 512);
});
