import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { extend, IdentityError, replay, signStatement, stateAt } from '@sotto/identity';
import { equalBytes, idHex } from '@sotto/wire';
import { account, addition, codeOf, crypto, device, heads, revocation, viewOf } from './support.ts';

test('R-ID-1 a Genesis alone is an account with one active device', () => {
  const alice = account();
  const view = viewOf([alice.genesis]);
  assert.equal(view.head.sequence, 0);
  assert.deepEqual(view.account, alice.genesis.hash);
  const [only] = [...view.devices.values()];
  assert.deepEqual(only?.certificate.device, alice.first.id);
  assert.equal(only?.state.kind, 'active');
  assert.equal(only?.certifiedBy.sequence, 0);
});

test('R-ID-1 devices are added and revoked by a managing device and by the account key', () => {
  const alice = account();
  const [tablet, watch] = [device(), device({ messages: true, manage: false })];
  const s0 = viewOf([alice.genesis]);
  const s1 = signStatement(crypto, s0, alice.first.keys.ed25519, addition(alice, tablet), 1);
  const s2 = signStatement(crypto, viewOf([alice.genesis, s1]), tablet.keys.ed25519, addition(alice, watch), 2);
  const s3 = signStatement(crypto, viewOf([alice.genesis, s1, s2]), alice.keys.account, revocation(tablet), 3);
  const view = viewOf([alice.genesis, s1, s2, s3]);
  const states = [...view.devices.values()].map((entry) => entry.state.kind);
  assert.deepEqual(states, ['active', 'revoked', 'active']);
  const revoked = view.devices.get(idHex(tablet.id))!;
  assert.ok(revoked.state.kind === 'revoked' && equalBytes(revoked.state.revokedBy.hash, s3.hash));
  assert.deepEqual(revoked.certifiedBy, { sequence: 1, hash: s1.hash });
});

test('replay is a function of the set: any order, any duplicates, any split into extensions', () => {
  const { alice, statements } = forked();
  const reference = heads(
    replay(
      crypto,
      statements.map((s) => s.bytes),
    ),
  );
  fc.assert(
    fc.property(
      fc.shuffledSubarray(statements, { minLength: statements.length }),
      fc.nat(),
      fc.array(fc.nat()),
      (order, cut, again) => {
        const bytes = [...order, ...again.map((i) => order[i % order.length]!)].map((s) => s.bytes);
        assert.deepEqual(heads(replay(crypto, bytes)), reference);
        // In order of sequence, so that each part has its predecessors.
        const sorted = order.toSorted((a, b) => a.sequence - b.sequence);
        const at = 1 + (cut % sorted.length);
        const begun = replay(
          crypto,
          sorted.slice(0, at).map((s) => s.bytes),
        );
        assert.deepEqual(
          heads(
            extend(
              crypto,
              begun.view,
              sorted.slice(at).map((s) => s.bytes),
            ),
          ),
          reference,
        );
      },
    ),
    { numRuns: 40 },
  );
  assert.equal(reference.kind, 'consistent');
  assert.equal(reference.void > 0, true);
  void alice;
});

/** A fork of three at sequence 2, each with a child, and a chain before and after. */
function forked() {
  const alice = account();
  const [tablet, watch, laptop] = [device(), device(), device()];
  const s0 = viewOf([alice.genesis]);
  const s1 = signStatement(crypto, s0, alice.first.keys.ed25519, addition(alice, tablet), 1);
  const base = viewOf([alice.genesis, s1]);
  const byFirst = signStatement(crypto, base, alice.first.keys.ed25519, addition(alice, watch), 2);
  const byTablet = signStatement(crypto, base, tablet.keys.ed25519, addition(alice, laptop), 2);
  const byAccount = signStatement(crypto, base, alice.keys.account, addition(alice, device()), 2);
  const onFirst = signStatement(
    crypto,
    viewOf([alice.genesis, s1, byFirst]),
    alice.first.keys.ed25519,
    revocation(watch),
    3,
  );
  const onTablet = signStatement(
    crypto,
    viewOf([alice.genesis, s1, byTablet]),
    tablet.keys.ed25519,
    revocation(alice.first),
    3,
  );
  const onAccount = signStatement(
    crypto,
    viewOf([alice.genesis, s1, byAccount]),
    tablet.keys.ed25519,
    revocation(alice.first),
    3,
  );
  return { alice, statements: [alice.genesis, s1, byFirst, byTablet, byAccount, onFirst, onTablet, onAccount] };
}

test('sibling rule: the account key goes before devices, even before a device that revokes', () => {
  const alice = account();
  const tablet = device();
  const s1 = signStatement(crypto, viewOf([alice.genesis]), alice.first.keys.ed25519, addition(alice, tablet), 1);
  const base = viewOf([alice.genesis, s1]);
  const adds = signStatement(crypto, base, alice.keys.account, addition(alice, device()), 2);
  const revokes = signStatement(crypto, base, alice.first.keys.ed25519, revocation(tablet), 2);
  assert.deepEqual(viewOf([alice.genesis, s1, revokes, adds]).head.hash, adds.hash);
});

test('sibling rule: a revocation goes before an addition, even by an older device', () => {
  const alice = account();
  const [tablet, watch] = [device(), device()];
  const s1 = signStatement(crypto, viewOf([alice.genesis]), alice.first.keys.ed25519, addition(alice, tablet), 1);
  const base = viewOf([alice.genesis, s1]);
  const adds = signStatement(crypto, base, alice.first.keys.ed25519, addition(alice, watch), 2);
  const revokes = signStatement(crypto, base, tablet.keys.ed25519, revocation(alice.first), 2);
  const view = viewOf([alice.genesis, s1, adds, revokes]);
  assert.deepEqual(view.head.hash, revokes.hash);
  assert.deepEqual(
    view.void.map((s) => s.hash),
    [adds.hash],
  );
  assert.equal(view.devices.has(idHex(watch.id)), false);
});

test('sibling rule: of two revocations the older device’s holds', () => {
  const alice = account();
  const tablet = device();
  const s1 = signStatement(crypto, viewOf([alice.genesis]), alice.first.keys.ed25519, addition(alice, tablet), 1);
  const base = viewOf([alice.genesis, s1]);
  const older = signStatement(crypto, base, alice.first.keys.ed25519, revocation(tablet), 2);
  const younger = signStatement(crypto, base, tablet.keys.ed25519, revocation(alice.first), 2);
  assert.deepEqual(viewOf([alice.genesis, s1, younger, older]).head.hash, older.hash);
});

test('two statements by one signer on one position are an equivocation, and neither is in force', () => {
  const alice = account();
  const tablet = device();
  const s1 = signStatement(crypto, viewOf([alice.genesis]), alice.first.keys.ed25519, addition(alice, tablet), 1);
  const base = viewOf([alice.genesis, s1]);
  const one = signStatement(crypto, base, tablet.keys.ed25519, addition(alice, device()), 2);
  const two = signStatement(crypto, base, tablet.keys.ed25519, addition(alice, device()), 2);
  const caught = replay(
    crypto,
    [alice.genesis, s1, one, two].map((s) => s.bytes),
  );
  assert.ok(caught.kind === 'equivocation');
  assert.deepEqual(caught.view.head, base.head);
  const [evidence] = caught.evidence;
  assert.deepEqual(evidence?.signer, tablet.keys.ed25519.publicKey);
  assert.deepEqual(evidence?.on, base.head);
  // Somebody else's statement still carries the chain on: one liar cannot lock an account.
  const remedy = signStatement(crypto, base, alice.first.keys.ed25519, revocation(tablet), 2);
  const healed = replay(
    crypto,
    [alice.genesis, s1, one, two, remedy].map((s) => s.bytes),
  );
  assert.equal(healed.kind, 'equivocation');
  assert.deepEqual(healed.view.head.hash, remedy.hash);
});

test('the same statement signed by two who may is one statement with the higher authority', () => {
  const alice = account();
  const tablet = device();
  const s1 = signStatement(crypto, viewOf([alice.genesis]), alice.first.keys.ed25519, addition(alice, tablet), 1);
  const base = viewOf([alice.genesis, s1]);
  const body = revocation(tablet);
  const byDevice = signStatement(crypto, base, alice.first.keys.ed25519, body, 2);
  const byAccount = signStatement(crypto, base, alice.keys.account, body, 2);
  assert.deepEqual(byDevice.hash, byAccount.hash);
  for (const order of [
    [byDevice, byAccount],
    [byAccount, byDevice],
  ]) {
    const result = replay(
      crypto,
      [alice.genesis, s1, ...order].map((s) => s.bytes),
    );
    assert.equal(result.kind, 'consistent');
    assert.deepEqual(result.view.statements.at(-1)?.bytes, byAccount.bytes);
  }
});

test('validity is judged up to a position: a device revoked later was active then', () => {
  const alice = account();
  const tablet = device();
  const s1 = signStatement(crypto, viewOf([alice.genesis]), alice.first.keys.ed25519, addition(alice, tablet), 1);
  const s2 = signStatement(crypto, viewOf([alice.genesis, s1]), alice.first.keys.ed25519, revocation(tablet), 2);
  const view = viewOf([alice.genesis, s1, s2]);
  const then = stateAt(view, { sequence: 1, hash: s1.hash });
  assert.ok(then.kind === 'known');
  assert.equal(then.state.devices.get(idHex(tablet.id))?.state.kind, 'active');
  assert.equal(stateAt(viewOf([alice.genesis]), { sequence: 1, hash: s1.hash }).kind, 'ahead');
  assert.equal(stateAt(view, { sequence: 1, hash: s2.hash }).kind, 'fork');
  const loser = signStatement(crypto, viewOf([alice.genesis, s1]), tablet.keys.ed25519, addition(alice, device()), 2);
  assert.equal(stateAt(viewOf([alice.genesis, s1, s2, loser]), { sequence: 2, hash: loser.hash }).kind, 'void');
});

test('every flipped byte of every statement is refused', () => {
  const { statements } = forked();
  const bytes = statements.map((s) => s.bytes);
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.nat(), fc.integer({ min: 1, max: 255 }), (which, where, flip) => {
      const mutated = bytes.map((b) => b.slice());
      const target = mutated[which]!;
      target[where % target.length]! ^= flip;
      const code = codeOf(() => replay(crypto, mutated));
      assert.notEqual(code, null);
    }),
    { numRuns: 300 },
  );
});

test('extend after a refusal leaves the view as it was', () => {
  const alice = account();
  const view = viewOf([alice.genesis]);
  const stranger = account();
  assert.throws(() => extend(crypto, view, [stranger.genesis.bytes]), IdentityError);
  assert.deepEqual(viewOf([alice.genesis]).head, view.head);
  assert.equal(view.statements.length, 1);
});
