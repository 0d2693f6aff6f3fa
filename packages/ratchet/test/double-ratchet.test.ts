import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decryptMessage, encryptMessage, expectedTags, expireSkipped, MAX_SKIPPED, sessionFacts } from '@sotto/ratchet';
import { decodeEnvelope, encodeEnvelope, greaseValues } from '@sotto/wire';
import { decodeHeader, encodeHeader } from '../src/double-ratchet/header.ts';
import { bodyKey, chainStep, headerKey } from '../src/double-ratchet/kdf.ts';
import { associatedData, sealMessage } from '../src/double-ratchet/seal.ts';
import { AT, keyAt, readSession, setCounter } from '../src/double-ratchet/state.ts';
import type { SessionState } from '../src/double-ratchet/state.ts';
import { tagRange } from '../src/double-ratchet/tags.ts';
import { START } from './support/devices.ts';
import { attempt, conversation, copyOf, read, write } from './support/conversation.ts';
import { EXPIRES } from './support/first-contact.ts';
import { native, text } from './support/world.ts';

const DAY = 86_400_000;
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const tagOf = (envelope: Uint8Array): string => hex(decodeEnvelope(envelope).sealed.subarray(0, 8));

test('R-PAIR-2: messages one way, by turns, out of order, over several turns', () => {
  const { anh, binh } = conversation();
  for (let i = 0; i < 40; i++) assert.equal(read(binh, write(anh, `${i}`)), `${i}`);
  for (let i = 0; i < 10; i++) {
    assert.equal(read(anh, write(binh, `b${i}`)), `b${i}`);
    assert.equal(read(binh, write(anh, `a${i}`)), `a${i}`);
  }
  const late = Array.from({ length: 5 }, (_, i) => write(anh, `late ${i}`));
  assert.equal(read(binh, late[4]!), 'late 4');
  assert.equal(read(anh, write(binh, 'turn')), 'turn');
  const next = write(anh, 'next chain');
  assert.equal(read(anh, write(binh, 'again')), 'again');
  assert.equal(read(binh, write(anh, 'third chain')), 'third chain');
  assert.equal(read(binh, late[0]!), 'late 0');
  assert.equal(read(binh, next), 'next chain');
  for (const i of [3, 1, 2]) assert.equal(read(binh, late[i]!), `late ${i}`);
  assert.equal(binh.skipped.size, 0);
  for (const envelope of [...late, next]) assert.notEqual(attempt(binh, envelope).kind, 'decrypted');
});

test('R-PAIR-2: the furthest jump is 2,000 messages; one more is refused by name and changes nothing', () => {
  const { anh, binh } = conversation();
  const far = copyOf(anh);
  for (let i = 0; i < MAX_SKIPPED; i++) write(far, '');
  const reachable = write(far, 'reachable');
  const beyond = write(far, 'beyond');
  const before = hex(binh.session);
  assert.equal(read(copyOf(binh), beyond), 'too-far-ahead');
  assert.equal(hex(binh.session), before);
  assert.equal(read(binh, reachable), 'reachable');
  assert.equal(binh.skipped.size, MAX_SKIPPED);
  assert.equal(read(binh, beyond), 'beyond');
});

test('R-PAIR-2: numbers skipped at the end of one chain and at the start of the next count together', () => {
  const { anh, binh } = conversation();
  for (let i = 0; i < 1500; i++) write(anh, '');
  assert.equal(read(anh, write(binh, 'turn')), 'turn');
  const far = copyOf(anh);
  for (let i = 0; i < 501; i++) write(far, '');
  assert.equal(read(copyOf(binh), write(far, 'beyond')), 'too-far-ahead');
  for (let i = 0; i < 500; i++) write(anh, '');
  assert.equal(read(binh, write(anh, 'just so')), 'just so');
  assert.equal(binh.skipped.size, MAX_SKIPPED);
});

test('R-PAIR-2: at most 2,000 skipped keys a session: new ones take the place of the oldest', () => {
  const { anh, binh } = conversation();
  const first = write(anh, 'first');
  const second = write(anh, 'second');
  for (let i = 0; i < MAX_SKIPPED - 2; i++) write(anh, '');
  assert.equal(read(binh, write(anh, 'one')), 'one');
  const third = write(anh, 'third');
  assert.equal(read(binh, write(anh, 'two')), 'two');
  assert.equal(binh.skipped.size, MAX_SKIPPED);
  assert.equal(read(binh, first), 'duplicate');
  assert.equal(read(binh, second), 'second');
  assert.equal(read(binh, third), 'third');
  assert.equal(sessionFacts(binh.session).skippedSlots.length, MAX_SKIPPED);
});

test('R-PAIR-2: skipped keys go with age: kept for 8 days at least, gone after 16, also in sessions at rest', () => {
  const { anh, binh } = conversation();
  const late = write(anh, 'late');
  assert.equal(read(binh, write(anh, 'one'), START), 'one');
  assert.equal(expireSkipped(binh.session, START + 8 * DAY - 1), null);
  assert.equal(read(copyOf(binh), late, START + 8 * DAY), 'late');
  assert.equal(read(copyOf(binh), late, START + 16 * DAY - 1), 'late');
  assert.equal(read(copyOf(binh), late, START + 16 * DAY), 'duplicate');
  const expired = expireSkipped(binh.session, START + 16 * DAY);
  assert.deepEqual(expired?.skipped, [{ slot: 0, record: null }]);
  assert.deepEqual(sessionFacts(expired.session).skippedSlots, []);
  // In passing, with a message that opens.
  const next = write(anh, 'two');
  assert.equal(read(binh, next, START + 16 * DAY), 'two');
  assert.equal(binh.skipped.size, 0);
  // A clock that was set back does not make keys old.
  const again = conversation();
  const kept = write(again.anh, 'kept');
  assert.equal(read(again.binh, write(again.anh, 'one'), START), 'one');
  assert.equal(read(again.binh, kept, START - 400 * DAY), 'kept');
});

test('keys skipped in one period go one period later, younger ones stay', () => {
  const { anh, binh } = conversation();
  const [old, ,] = [write(anh, 'old'), write(anh, '')];
  assert.equal(read(binh, write(anh, 'a'), START), 'a');
  const young = write(anh, 'young');
  assert.equal(read(binh, write(anh, 'b'), START + 9 * DAY), 'b');
  assert.equal(read(binh, write(anh, 'c'), START + 10 * DAY), 'c');
  assert.equal(read(binh, write(anh, 'd'), START + 18 * DAY), 'd');
  assert.equal(read(copyOf(binh), old, START + 18 * DAY), 'duplicate');
  assert.equal(read(binh, young, START + 18 * DAY), 'young');
});

test('a message is recognised by its tag: upcoming ones, those of the next turn, skipped ones', () => {
  const { anh, binh } = conversation();
  const known = () => {
    const { upcoming, skipped } = expectedTags(binh.components, binh.session, binh.skipped);
    return { upcoming: upcoming.map(hex), skipped: new Map(skipped.map(({ tag, slot }) => [hex(tag), slot])) };
  };
  assert.equal(read(binh, write(anh, 'first')), 'first');
  for (let round = 0; round < 3; round++) {
    const sender = copyOf(anh);
    for (let i = 0; i < 17; i++) assert.ok(known().upcoming.includes(tagOf(write(sender, ''))));
    for (let i = 0; i < 7; i++) assert.equal(read(binh, write(anh, `${i}`)), `${i}`);
  }
  const late = write(anh, 'late');
  assert.equal(read(binh, write(anh, 'jump')), 'jump');
  assert.ok(!known().upcoming.includes(tagOf(late)));
  assert.ok(known().skipped.has(tagOf(late)));
  assert.equal(read(anh, write(binh, 'turn')), 'turn');
  for (let i = 0; i < 16; i++) assert.ok(known().upcoming.includes(tagOf(write(anh, ''))));
  assert.equal(read(binh, late), 'late');
  assert.equal(known().skipped.size, 0);
});

test('changes of tags, put together, give the same table as rebuilding it', () => {
  const { anh, binh } = conversation();
  const table = new Map<string, number | null>();
  for (const tag of expectedTags(binh.components, binh.session, binh.skipped).upcoming) table.set(hex(tag), null);
  const check = (envelope: Uint8Array): void => {
    const result = attempt(binh, envelope);
    assert.ok(result.kind === 'decrypted');
    const { upcoming, skipped, used } = result.tags;
    if (upcoming !== null) {
      for (const [tag, slot] of table) if (slot === null) table.delete(tag);
      for (const tag of upcoming) table.set(hex(tag), null);
    }
    for (const { tag, slot } of skipped) table.set(hex(tag), slot);
    table.delete(hex(used));
    binh.session = result.session;
    for (const { slot, record } of result.skipped) {
      if (record === null) binh.skipped.delete(slot);
      else binh.skipped.set(slot, record);
    }
    const now = expectedTags(binh.components, binh.session, binh.skipped);
    const expected = new Map<string, number | null>(now.upcoming.map((tag) => [hex(tag), null]));
    for (const { tag, slot } of now.skipped) expected.set(hex(tag), slot);
    for (const tag of expected.keys()) assert.ok(table.has(tag), 'a tag is missing');
    // Tags of a block that messages overtook may stay until the block ends; they open nothing twice.
    for (const [tag, slot] of table) if (slot !== null) assert.ok(expected.has(tag), 'a skipped tag is left over');
  };
  const late: Uint8Array[] = [];
  for (let i = 0; i < 90; i++) {
    const envelope = write(anh, `${i}`);
    if (i % 7 === 3) late.push(envelope);
    else check(envelope);
    if (i % 25 === 24) assert.equal(read(anh, write(binh, 'turn')), 'turn');
  }
  for (const envelope of late) check(envelope);
});

test('tags are the keystream at their number, whatever the page, and unrelated between chains', () => {
  const [key, other] = [native.random(32), native.random(32)];
  const long = tagRange(native, key, 0, 1030);
  for (const [from, count] of [
    [0, 16],
    [250, 12],
    [255, 2],
    [256, 16],
    [511, 514],
    [1000, 30],
  ] as const) {
    assert.deepEqual(tagRange(native, key, from, count), long.slice(from * 8, (from + count) * 8));
  }
  const pages = new Uint8Array(12);
  pages[0] = 2;
  assert.deepEqual(tagRange(native, key, 512, 4), native.keystream(key, pages, 32));
  assert.equal(new Set(Array.from({ length: 1030 }, (_, i) => hex(long.subarray(8 * i, 8 * i + 8)))).size, 1030);
  assert.notDeepEqual(tagRange(native, other, 0, 4), long.slice(0, 32));
  const last = tagRange(native, key, 0xffff_fffe, 1);
  pages.set([0xff, 0xff, 0xff]);
  assert.deepEqual(last, native.keystream(key, pages, 2048).subarray(254 * 8, 255 * 8));
});

test('the same content twice gives unrelated bytes of the same length', () => {
  const { anh } = conversation();
  const clone = copyOf(anh);
  const one = decodeEnvelope(write(anh, 'same')).sealed;
  const two = decodeEnvelope(write(clone, 'same')).sealed;
  assert.equal(one.length, two.length);
  // The tag is that of the message number; everything after it is salted.
  assert.deepEqual(one.subarray(0, 8), two.subarray(0, 8));
  const equal = one.subarray(8).reduce((count, byte, index) => count + (byte === two[8 + index] ? 1 : 0), 0);
  assert.ok(equal < one.length / 16, 'the sealed bytes resemble each other');
});

test('R-STO-2: two clones send under the same number: the first to arrive is read, the other is a duplicate', () => {
  const { anh, binh } = conversation();
  const clone = copyOf(anh);
  const [one, two] = [write(anh, 'one'), write(clone, 'two')];
  assert.equal(read(binh, two), 'two');
  assert.equal(read(binh, one), 'duplicate');
});

test('attack: every byte of a message, flipped, and every length but its own', () => {
  const { anh, binh } = conversation();
  const envelope = decodeEnvelope(write(anh, 'xin chào'));
  const before = hex(binh.session);
  const outcome = (sealed: Uint8Array, header = envelope.header) => {
    const changed = { ...envelope, sealed, header };
    const request = { session: binh.session, skipped: new Map(), now: START };
    return decryptMessage(binh.components, { ...request, envelope: changed }).kind;
  };
  for (let at = 0; at < envelope.sealed.length; at++) {
    assert.equal(outcome(envelope.sealed.with(at, envelope.sealed[at]! ^ (1 << (at % 8)))), 'unreadable', `byte ${at}`);
  }
  for (let at = 0; at < envelope.header.length; at++) {
    const header = envelope.header.with(at, envelope.header[at]! ^ (1 << (at % 8)));
    assert.equal(outcome(envelope.sealed, header), 'unreadable', `header byte ${at}`);
  }
  for (let length = 0; length < envelope.sealed.length; length += 7) {
    assert.equal(outcome(envelope.sealed.subarray(0, length)), 'unreadable');
  }
  assert.equal(outcome(new Uint8Array([...envelope.sealed, 0])), 'unreadable');
  assert.equal(hex(binh.session), before);
  assert.equal(outcome(envelope.sealed), 'decrypted');
});

test('attack: parts of two messages put together', () => {
  const { anh, binh } = conversation();
  const one = decodeEnvelope(write(anh, 'one'));
  const two = decodeEnvelope(write(anh, 'two'));
  // tag, salt, sealed header, sealed body
  const cuts = [8, 24, 82];
  for (const cut of cuts) {
    const sealed = new Uint8Array([...one.sealed.subarray(0, cut), ...two.sealed.subarray(cut)]);
    const envelope = encodeEnvelope(one.header, sealed);
    assert.notEqual(attempt(binh, envelope).kind, 'decrypted');
  }
});

test('attack: a message back to its sender, and in another session', () => {
  const { anh, binh } = conversation();
  const other = conversation();
  const envelope = write(anh, 'one');
  assert.equal(read(anh, envelope), 'no-match');
  assert.equal(read(other.binh, envelope), 'no-match');
  assert.equal(read(binh, envelope), 'one');
});

/** A message of the peer with a header of the test's choosing: what a malicious or newer peer could send. */
function forged(
  sender: { session: Uint8Array },
  header: Uint8Array,
  number: number,
  options: { readonly tag?: Uint8Array; readonly body?: Uint8Array } = {},
): Uint8Array {
  const state = readSession(sender.session);
  const fields = decodeEnvelope(write(copyOf({ ...(sender as Parameters<typeof copyOf>[0]) }), '')).header;
  const salt = native.random(16);
  const tag = options.tag ?? tagRange(native, keyAt(state, AT.sendingTag), number, 1);
  const associated = associatedData(state, fields, new Uint8Array([...tag, ...salt]));
  const at = 32 + fields.length + 24;
  using forHeader = headerKey(native, keyAt(state, AT.sendingHeader), salt);
  const sealedHeader = native.seal(
    'chacha20-poly1305',
    forHeader,
    salt.subarray(0, 12),
    header,
    associated.subarray(0, at),
  );
  associated.set(sealedHeader, at);
  using step = chainStep(native, keyAt(state, AT.sendingChain));
  using forBody = bodyKey(native, step.reveal().subarray(0, 32), salt);
  const padded = options.body ?? new Uint8Array(512 - 98).fill(0x80, 0, 1);
  const secret = forBody.reveal();
  const body = native.seal(
    'chacha20-poly1305',
    secret.subarray(0, 32),
    secret.subarray(32),
    padded,
    associated.subarray(0, at + 58),
  );
  return encodeEnvelope(fields, tag, salt, sealedHeader, body);
}

test('headers that announce an extension are refused by name (GREASE values included), not skipped over', () => {
  const { anh, binh } = conversation();
  const state = readSession(anh.session);
  const plain = { ratchetKey: keyAt(state, AT.ownPublic), previous: 0, number: 0 };
  assert.equal(attempt(binh, forged(anh, encodeHeader(plain), 0)).kind, 'decrypted');
  for (const value of [1, 2, 0x00ff, 0x0100, 0xffff, ...greaseValues().slice(0, 64)]) {
    const header = encodeHeader(plain);
    header[40] = value >>> 8;
    header[41] = value;
    assert.deepEqual(attempt(binh, forged(anh, header, 0)), { kind: 'unreadable', reason: 'unknown-extension' });
  }
  for (const length of [0, 41, 43, 142]) assert.equal(decodeHeader(new Uint8Array(length)), null);
});

test('attack: a peer that lies in its header: another key or number, a tag that is not the message’s, no padding', () => {
  const { anh, binh } = conversation();
  const state = readSession(anh.session);
  const ratchetKey = keyAt(state, AT.ownPublic);
  const before = hex(binh.session);
  const reason = (envelope: Uint8Array) => {
    const result = attempt(binh, envelope);
    assert.equal(hex(binh.session), before);
    return result.kind === 'unreadable' ? result.reason : result.kind;
  };
  const header = (fields: object) => encodeHeader({ ratchetKey, previous: 0, number: 0, ...fields });
  assert.equal(reason(forged(anh, header({ number: 5 }), 5)), 'damaged');
  assert.equal(reason(forged(anh, header({ number: 2001 }), 2001)), 'too-far-ahead');
  assert.equal(reason(forged(anh, header({ number: 0xffff_ffff }), 0)), 'too-far-ahead');
  assert.equal(reason(forged(anh, header({ previous: 0xffff_ffff }), 0)), 'too-far-ahead');
  assert.equal(reason(forged(anh, header({}), 0, { tag: native.random(8) })), 'damaged');
  assert.equal(reason(forged(anh, header({}), 1)), 'damaged');
  assert.equal(reason(forged(anh, header({}), 0, { body: new Uint8Array(414) })), 'damaged');
  // anh's chain is new to binh, so its ratchet key is not known yet: any point is taken, but for those of low order.
  assert.equal(reason(forged(anh, header({ ratchetKey: new Uint8Array(32) }), 0)), 'damaged');
  assert.equal(reason(forged(anh, header({ ratchetKey: native.generate('x25519').publicKey }), 0)), 'damaged');
  // Within a chain the key cannot change.
  assert.equal(read(binh, write(anh, 'one')), 'one');
  const changed = forged(anh, header({ ratchetKey: native.generate('x25519').publicKey, number: 1 }), 1);
  assert.deepEqual(attempt(binh, changed), { kind: 'unreadable', reason: 'damaged' });
  assert.equal(read(binh, forged(anh, header({ number: 1 }), 1)), '');
});

test('a message that fails leaves no trace: the next one is read as if it had not been', () => {
  const { anh, binh } = conversation();
  const lying = forged(
    anh,
    encodeHeader({ ratchetKey: native.generate('x25519').publicKey, previous: 0, number: 0 }),
    0,
  );
  const keys = binh.components.keys;
  for (let i = 0; i < 3; i++) assert.equal(attempt(binh, lying).kind, 'unreadable');
  keys.clear();
  assert.equal(read(binh, write(anh, 'one')), 'one');
});

test('a message in work needs its skipped record: it is asked for, and told apart from a duplicate', () => {
  const { anh, binh } = conversation();
  const late = [write(anh, 'late'), write(anh, 'later')];
  assert.equal(read(binh, write(anh, 'one')), 'one');
  const asked = attempt(binh, late[0]!, START, new Map());
  assert.deepEqual(asked, { kind: 'need-skipped', slots: [0, 1] });
  // With the record of its tag, nothing else is needed.
  const { skipped } = expectedTags(binh.components, binh.session, binh.skipped);
  const tag = decodeEnvelope(late[1]!).sealed.subarray(0, 8);
  const match = skipped.find((entry) => hex(entry.tag) === hex(tag));
  assert.equal(match?.slot, 1);
  assert.equal(attempt(binh, late[1]!, START, new Map([[1, binh.skipped.get(1)!]])).kind, 'decrypted');
  // A record in the wrong slot, of another session or already replaced opens nothing.
  const wrong = new Map([[0, binh.skipped.get(1)!]]);
  assert.deepEqual(attempt(binh, late[1]!, START, wrong), { kind: 'need-skipped', slots: [1] });
  assert.equal(read(binh, late[0]!), 'late');
  assert.equal(read(binh, late[0]!), 'duplicate');
});

test('a chain ends before its numbers do', () => {
  const { anh } = conversation();
  const state = anh.session.slice() as SessionState;
  setCounter(state, AT.sent, 0xffff_fffe);
  const request = { opening: null, content: text('x'), mailbox: decodeEnvelope(write(anh, '')).mailbox };
  const last = encryptMessage(anh.components, { ...request, session: state, expiresAt: EXPIRES, urgency: 'high' });
  assert.ok(last.kind === 'encrypted');
  const next = encryptMessage(anh.components, {
    ...request,
    session: last.session,
    expiresAt: EXPIRES,
    urgency: 'high',
  });
  assert.equal(next.kind, 'exhausted');
  assert.equal(sealMessage(native, readSession(last.session), new Uint8Array(1), new Uint8Array(0)), null);
});

test('inputs are never changed: the same record encrypts and decrypts again', () => {
  const { anh, binh } = conversation();
  const [before, peerBefore] = [hex(anh.session), hex(binh.session)];
  const sender = { ...anh };
  const envelope = write(sender, 'one');
  assert.equal(hex(anh.session), before);
  for (let i = 0; i < 2; i++) assert.equal(attempt(binh, envelope).kind, 'decrypted');
  assert.equal(hex(binh.session), peerBefore);
});

test('what is superseded is named to be wiped', () => {
  const { anh, binh } = conversation();
  const late = write(anh, 'late');
  assert.equal(read(binh, write(anh, 'one')), 'one');
  const result = attempt(binh, late);
  assert.ok(result.kind === 'decrypted');
  assert.deepEqual(result.wipe, [binh.session, binh.skipped.get(0)]);
});
