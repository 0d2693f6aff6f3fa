import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  accountFingerprint,
  avatarHashOf,
  checkProfile,
  checkSafetyCode,
  compareHeads,
  comparePin,
  decodeSigchain,
  deviceFingerprint,
  encodeSigchain,
  makeProfile,
  normaliseName,
  replay,
  safetyNumber,
  signStatement,
} from '@sotto/identity';
import { accountId } from '@sotto/wire';
import { account, addition, certificateOf, codeOf, crypto, device, revocation, viewOf } from './support.ts';

test('R-ID-5 both sides compute the same 60 digits and accept each other’s code', () => {
  const [alice, bob] = [viewOf([account().genesis]), viewOf([account().genesis])];
  const here = safetyNumber(crypto, alice, bob);
  const there = safetyNumber(crypto, bob, alice);
  assert.equal(here.text, there.text);
  assert.match(here.text, /^(?:[0-9]{5} ){11}[0-9]{5}$/);
  assert.equal(checkSafetyCode(crypto, here, there.code), 'match');
  assert.equal(checkSafetyCode(crypto, there, here.code.toUpperCase()), 'match');
});

test('R-ID-5 another key is another number, one’s own code is no match, garbage is refused', () => {
  const [alice, bob, mallory] = [account(), account(), account()].map(({ genesis }) => viewOf([genesis]));
  const number = safetyNumber(crypto, alice!, bob!);
  assert.notEqual(number.text, safetyNumber(crypto, alice!, mallory!).text);
  const rotated = { account: bob!.account, accountKey: mallory!.accountKey };
  assert.notEqual(number.text, safetyNumber(crypto, alice!, rotated).text);
  assert.equal(checkSafetyCode(crypto, number, number.code), 'mismatch');
  assert.equal(checkSafetyCode(crypto, number, safetyNumber(crypto, mallory!, alice!).code), 'mismatch');
  const typo = `${number.expected.slice(0, -1)}${number.expected.endsWith('q') ? 'p' : 'q'}`;
  for (const bad of ['', 'sotto:verify/', typo, number.text, 'sotto:contact/abc']) {
    assert.equal(
      codeOf(() => checkSafetyCode(crypto, number, bad)),
      'malformed',
    );
  }
});

const side = (fill: number) => ({
  account: accountId(new Uint8Array(32).fill(fill)),
  accountKey: new Uint8Array(32).fill(fill + 1),
});

test('the safety number’s construction is fixed: computed by a second implementation', () => {
  assert.equal(
    safetyNumber(crypto, side(1), side(3)).text,
    '61348 46941 35871 89524 35010 44269 22333 82432 25968 48308 79656 24049',
  );
});

test('fingerprints are base32 in fours and differ by key', () => {
  const alice = account();
  assert.match(accountFingerprint(viewOf([alice.genesis]).account), /^(?:[a-z2-7]{4} ){12}[a-z2-7]{4}$/);
  const [a, b] = [certificateOf(alice, device()), certificateOf(alice, device())];
  assert.match(deviceFingerprint(crypto, a), /^(?:[a-z2-7]{4} ){7}[a-z2-7]{4}$/);
  assert.notEqual(deviceFingerprint(crypto, a), deviceFingerprint(crypto, b));
});

test('a pinned position shows rollback, progress and contradiction', () => {
  const alice = account();
  const [tablet, watch] = [device(), device()];
  const s1 = signStatement(crypto, viewOf([alice.genesis]), alice.first.keys.ed25519, addition(alice, tablet), 1);
  const short = viewOf([alice.genesis]);
  const long = viewOf([alice.genesis, s1]);
  assert.deepEqual(comparePin(long.head, long), { kind: 'same' });
  assert.deepEqual(comparePin(short.head, long), { kind: 'ahead' });
  assert.deepEqual(comparePin(long.head, short), { kind: 'behind' });
  const other = signStatement(crypto, short, alice.keys.account, addition(alice, watch), 1);
  const elsewhere = viewOf([alice.genesis, other]);
  assert.deepEqual(comparePin(long.head, elsewhere), { kind: 'fork', explained: false });
  assert.deepEqual(comparePin(long.head, viewOf([alice.genesis, s1, other])), { kind: 'fork', explained: true });
  assert.equal(compareHeads(long.head, long.head), 'same');
  assert.equal(compareHeads(long.head, elsewhere.head), 'fork');
  assert.equal(compareHeads(short.head, long.head), 'ahead');
  assert.equal(compareHeads(long.head, short.head), 'behind');
});

test('a revoked device with a helpful gateway shows pinned contacts a fork, never a quiet continuation', () => {
  const alice = account();
  const tablet = device();
  const s1 = signStatement(crypto, viewOf([alice.genesis]), alice.first.keys.ed25519, addition(alice, tablet), 1);
  const before = viewOf([alice.genesis, s1]);
  const s2 = signStatement(crypto, before, alice.first.keys.ed25519, revocation(tablet), 2);
  const pinned = viewOf([alice.genesis, s1, s2]).head;
  const backdated = signStatement(crypto, before, tablet.keys.ed25519, addition(alice, device()), 2);
  assert.equal(comparePin(pinned, viewOf([alice.genesis, s1, backdated])).kind, 'fork');
});

test('names are shown as they are meant: composed, trimmed, without overrides and controls', () => {
  assert.equal(normaliseName('  Nguye\u0302\u0303n Va\u0306n A '), 'Nguyễn Văn A');
  assert.equal(normaliseName('Семён 👨‍👩‍👧'), 'Семён 👨‍👩‍👧');
  for (const bad of [
    '',
    '   ',
    '\u200d',
    'a\u202eb',
    'a\u2066b',
    'a\nb',
    'a\u0000',
    '\ufeffa\ufeff b',
    '\ud800',
    '\u3164',
    'x'.repeat(65),
  ]) {
    assert.equal(
      codeOf(() => normaliseName(bad)),
      'name',
      JSON.stringify(bad),
    );
  }
  assert.equal(normaliseName('😀'.repeat(64)).length, 128);
});

test('R-STO-1 a profile is a name and an avatar hash, checked on both sides', () => {
  const avatarHash = avatarHashOf(crypto, new Uint8Array([1]));
  assert.deepEqual(checkProfile(makeProfile(' Anna ', avatarHash)), { name: 'Anna', avatarHash });
  assert.equal(
    codeOf(() => checkProfile({ name: ' Anna ', avatarHash: null })),
    'name',
  );
  assert.equal(
    codeOf(() => makeProfile('Anna', new Uint8Array(31))),
    'malformed',
  );
});

test('a chain travels as one message with its statements’ exact bytes', () => {
  const alice = account();
  const s1 = signStatement(crypto, viewOf([alice.genesis]), alice.first.keys.ed25519, addition(alice, device()), 1);
  const statements = [alice.genesis.bytes, s1.bytes];
  assert.deepEqual(decodeSigchain(encodeSigchain(statements)), statements);
  assert.equal(replay(crypto, decodeSigchain(encodeSigchain(statements))).view.head.sequence, 1);
  assert.equal(
    codeOf(() => decodeSigchain(new Uint8Array([8, 1]))),
    'malformed',
  );
});
