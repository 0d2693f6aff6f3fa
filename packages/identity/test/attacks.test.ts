import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readStatement, replay, signCertificate, signGenesis, signStatement } from '@sotto/identity';
import type { Statement, StatementBody } from '@sotto/identity';
import { parseSigned, signBytes, SUITE_PQXDH, SUITE_X3DH } from '@sotto/wire';
import { writeStatement } from '../src/statement-codec.ts';
import { account, addition, certificateOf, codeOf, crypto, device, revocation, signer, viewOf } from './support.ts';
import type { TestAccount } from './support.ts';

/** Code with which replay refuses a chain. */
function refusal(...statements: readonly Statement[]): string | null {
  return codeOf(() =>
    replay(
      crypto,
      statements.map((statement) => statement.bytes),
    ),
  );
}

/** A statement that its maker did not check, on top of the given one. */
function forge(owner: TestAccount, on: Statement, body: StatementBody, key = owner.first.keys.ed25519, sequence = 1) {
  const place = { account: owner.genesis.hash, sequence: on.sequence + sequence, previous: on.hash };
  return writeStatement(crypto, place, body, 1, [signer(key)]);
}

test('a key that the account does not have has no say', () => {
  const alice = account();
  const stranger = device();
  const forged = forge(alice, alice.genesis, addition(alice, device()), stranger.keys.ed25519);
  assert.equal(refusal(alice.genesis, forged), 'foreign_signer');
  // Not even the recovery key, and not a device that the same statement would add.
  assert.equal(
    refusal(alice.genesis, forge(alice, alice.genesis, addition(alice, device()), alice.keys.recovery)),
    'foreign_signer',
  );
  const added = forge(alice, alice.genesis, addition(alice, stranger), stranger.keys.ed25519);
  assert.equal(refusal(alice.genesis, added), 'foreign_signer');
});

test('a revoked device has no say any more', () => {
  const alice = account();
  const tablet = device();
  const s1 = signStatement(crypto, viewOf([alice.genesis]), alice.first.keys.ed25519, addition(alice, tablet), 1);
  const s2 = signStatement(crypto, viewOf([alice.genesis, s1]), alice.first.keys.ed25519, revocation(tablet), 2);
  const forged = forge(alice, s2, addition(alice, device()), tablet.keys.ed25519);
  assert.equal(refusal(alice.genesis, s1, s2, forged), 'revoked_signer');
});

test('a device without the manage right has no say', () => {
  const alice = account();
  const watch = device({ messages: true, manage: false });
  const s1 = signStatement(crypto, viewOf([alice.genesis]), alice.first.keys.ed25519, addition(alice, watch), 1);
  assert.equal(
    refusal(alice.genesis, s1, forge(alice, s1, revocation(alice.first), watch.keys.ed25519)),
    'missing_right',
  );
});

test('statements cannot be moved: to another account, another place, another number', () => {
  const alice = account();
  const bob = account();
  const body = addition(alice, device());
  const s1 = signStatement(crypto, viewOf([alice.genesis]), alice.first.keys.ed25519, body, 1);
  assert.equal(refusal(bob.genesis, s1), 'wrong_account');
  assert.equal(refusal(alice.genesis, forge(alice, bob.genesis, body)), 'missing_previous');
  assert.equal(refusal(alice.genesis, forge(alice, alice.genesis, body, undefined, 2)), 'wrong_sequence');
  assert.equal(refusal(alice.genesis, forge(alice, alice.genesis, body, undefined, 0)), 'wrong_sequence');
  assert.equal(refusal(s1), 'genesis');
  assert.equal(refusal(), 'genesis');
  assert.equal(refusal(alice.genesis, bob.genesis), 'genesis');
});

test('a certificate made for another account cannot be added', () => {
  const alice = account();
  const bob = account();
  const lured = forge(alice, alice.genesis, { kind: 'add-device', device: certificateOf(bob, device()) });
  assert.equal(refusal(alice.genesis, lured), 'certificate');
});

test('a device comes once: not again after its revocation, nor any of its keys', () => {
  const alice = account();
  const tablet = device();
  const s1 = signStatement(crypto, viewOf([alice.genesis]), alice.first.keys.ed25519, addition(alice, tablet), 1);
  assert.equal(refusal(alice.genesis, s1, forge(alice, s1, addition(alice, tablet))), 'known_device');
  const s2 = signStatement(crypto, viewOf([alice.genesis, s1]), alice.first.keys.ed25519, revocation(tablet), 2);
  assert.equal(refusal(alice.genesis, s1, s2, forge(alice, s2, addition(alice, tablet))), 'known_device');
  assert.equal(refusal(alice.genesis, s1, s2, forge(alice, s2, revocation(tablet))), 'unknown_device');
  const sharing = device();
  const mixed = { ...sharing, keys: { ed25519: sharing.keys.ed25519, x25519: tablet.keys.x25519 } };
  assert.equal(refusal(alice.genesis, s1, forge(alice, s1, addition(alice, mixed))), 'known_device');
});

test('R-ID-4 an account with one active device at a time takes no second one', () => {
  const alice = account('single-active');
  assert.equal(refusal(alice.genesis, forge(alice, alice.genesis, addition(alice, device()))), 'policy');
});

test('statements whose rules are not in force parse and are refused by name', () => {
  const alice = account();
  const bodies: StatementBody[] = [
    { kind: 'take-over', device: certificateOf(alice, device()) },
    { kind: 'set-endpoints', endpoints: [{ gateway: `sotto://example.org:443/${'a'.repeat(52)}`, accountName: null }] },
    { kind: 'set-policy', policy: { devices: 'single-active' } },
    { kind: 'rotate-account-key', newAccountKey: new Uint8Array(32) },
  ];
  for (const body of bodies) {
    const statement = forge(alice, alice.genesis, body, alice.keys.account);
    assert.deepEqual(readStatement(crypto, statement.bytes).body, body);
    assert.equal(refusal(alice.genesis, statement), 'unsupported_statement');
  }
});

test('a Genesis needs both keys, different, and a first device that can manage', () => {
  const alice = account();
  const { body } = alice.genesis;
  const both = [signer(alice.keys.account), signer(alice.keys.recovery)];
  for (const signers of [
    both.slice(0, 1),
    both.slice(1),
    both.toReversed(),
    [...both, signer(alice.first.keys.ed25519)],
  ]) {
    assert.equal(refusal(writeStatement(crypto, null, body, 0, signers)), 'foreign_signer');
  }
  const same = { account: alice.keys.account, recovery: alice.keys.account };
  const fields = { deviceName: 'a', policy: { devices: 'multi' }, minimumSuite: SUITE_PQXDH, now: 0 } as const;
  const rights = { messages: true, manage: true };
  assert.notEqual(
    codeOf(() => signGenesis(crypto, same, alice.first.keys, { ...fields, rights })),
    null,
  );
  assert.equal(
    codeOf(() =>
      signGenesis(crypto, alice.keys, alice.first.keys, { ...fields, rights: { ...rights, manage: false } }),
    ),
    'genesis',
  );
});

test('a signature for one purpose is none for another, and strange signatures are refused', () => {
  const alice = account();
  const { body } = parseSigned(alice.genesis.bytes);
  const signers = [signer(alice.keys.account), signer(alice.keys.recovery)];
  assert.equal(
    codeOf(() => replay(crypto, [signBytes('sotto/v1/device', body, signers)])),
    'signature',
  );
  assert.equal(
    codeOf(() => replay(crypto, [body])),
    'malformed',
  );
  assert.equal(
    codeOf(() => replay(crypto, [new Uint8Array(20_000)])),
    'too_large',
  );
  assert.equal(
    codeOf(() => replay(crypto, [new Uint8Array()])),
    'malformed',
  );
});

test('a certificate states its keys’ own id, its own signature and the least suite', () => {
  const alice = account();
  const tablet = device();
  const fields = { accountKey: alice.keys.account.publicKey, rights: tablet.rights, name: 'Tablet', createdAt: 5 };
  const weak = signCertificate(crypto, tablet.keys, { ...fields, minimumSuite: SUITE_X3DH });
  assert.equal(weak.minimumSuite, SUITE_X3DH);
  const { body } = parseSigned(weak.bytes);
  // Somebody who does not hold the private key presents the certificate as their own.
  const stolen = signBytes('sotto/v1/device', body, [signer(device().keys.ed25519)]);
  const s1 = codeOf(() => forge(alice, alice.genesis, { kind: 'add-device', device: { ...weak, bytes: stolen } }));
  assert.equal(s1, 'certificate');
  assert.equal(
    codeOf(() => signCertificate(crypto, tablet.keys, { ...fields, name: ' ', minimumSuite: 1 })),
    'name',
  );
});
