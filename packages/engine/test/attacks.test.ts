import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nativeProvider } from '@sotto/crypto';
import { replay } from '@sotto/identity';
import { encryptMessage, pairwiseComponents, startSession, verifyBundle } from '@sotto/ratchet';
import {
  concatBytes,
  encodeEnvelope,
  encodeEnvelopeHeader,
  decodeEnvelope,
  mailboxId,
  roundExpiry,
  SUITE_X3DH,
} from '@sotto/wire';
import { encodeSigchain } from '@sotto/identity';
import { EXPIRES, NOW, person, sessionOf, TestDevice, textOf } from './support.ts';

const crypto = nativeProvider();

/** A second device of a person's account, certified by the first. */
async function secondDevice(first: TestDevice): Promise<TestDevice> {
  const second = new TestDevice();
  const accountKey = replay(crypto, first.chain).view.accountKey;
  const made = await second.call({ kind: 'create-device', accountKey, deviceName: 'Tablet', now: NOW });
  const statement = { kind: 'add-device', certificate: made.certificate } as const;
  const added = await first.call({ kind: 'sign-statement', chain: first.chain, statement, now: NOW });
  first.chain.push(added.statement);
  second.account = first.account;
  second.device = made.device;
  second.chain = first.chain;
  return second.createPrekeys(2);
}

async function revoke(first: TestDevice, second: TestDevice): Promise<void> {
  const statement = { kind: 'revoke-device', device: second.device, reason: 'compromised' } as const;
  const revoked = await first.call({ kind: 'sign-statement', chain: first.chain, statement, now: NOW });
  second.chain = [...first.chain];
  first.chain.push(revoked.statement);
}

test('R-ID-3 a revoked device is refused: starting to it, and from it as soon as the chain is known', async () => {
  const [alice, bob] = [await person(), await person()];
  const tablet = await secondDevice(alice);
  const session = await tablet.start(bob);
  const first = await tablet.send(bob, session, 'from the tablet');
  const late = await tablet.send(bob, session, 'later');
  await revoke(alice, tablet);
  // The tablet hides its revocation: its messages carry the chain up to before it.
  assert.equal(textOf((await bob.attempt(bob.processRequest(first))).result), 'from the tablet');
  const refused = { kind: 'unreadable', reason: 'revoked-sender' };
  assert.deepEqual(await bob.receive(first, { senderChain: alice.chain }), refused);
  // Nor in a session that was begun before.
  await bob.receive(first);
  assert.deepEqual(await bob.receive(late, { senderChain: alice.chain }), refused);
  const inSession = { session: sessionOf(bob, tablet), senderChain: alice.chain };
  assert.deepEqual(await bob.receive(late, inSession), refused);
  await assert.rejects(bob.call({ ...bob.startRequest(tablet, tablet.bundle()), peerChain: alice.chain }), {
    code: 'revoked',
  });
});

test('R-ID-3 a revoked device cannot undo its revocation with a statement about the time before it', async () => {
  const [alice, bob] = [await person(), await person()];
  const tablet = await secondDevice(alice);
  const before = [...alice.chain];
  await secondDevice(alice);
  await revoke(alice, tablet);
  // Of siblings a revocation wins over an addition, so this one makes its own revocation void.
  const statement = { kind: 'revoke-device', device: alice.device, reason: 'lost' } as const;
  const fork = await tablet.call({ kind: 'sign-statement', chain: before, statement, now: NOW });
  tablet.chain = [...before, fork.statement];
  const forged = await tablet.send(bob, await tablet.start(bob), 'I am alice');
  const refused = { kind: 'unreadable', reason: 'revoked-sender' };
  assert.deepEqual(await bob.receive(forged, { senderChain: alice.chain }), refused);
  // Who knows the fork only takes the first device for revoked; who learns of both refuses both.
  const honest = await alice.send(bob, await alice.start(bob), 'I am');
  assert.deepEqual(await bob.receive(honest, { senderChain: tablet.chain }), refused);
  assert.equal(textOf(await bob.receive(honest, { senderChain: before })), 'I am');
});

test('a second device of an account sends under its own name, to the other side and to the first', async () => {
  const [alice, bob] = [await person(), await person()];
  const tablet = await secondDevice(alice);
  for (const peer of [bob, alice]) {
    const result = await peer.receive(await tablet.send(peer, await tablet.start(peer), 'hi'));
    assert.ok(result.kind === 'message');
    assert.deepEqual(result.from.account, alice.account);
    assert.deepEqual(result.from.device, tablet.device);
  }
});

test('a statement on somebody else’s chain, or without keys, is refused', async () => {
  const [alice, bob] = [await person(), await person()];
  const statement = { kind: 'revoke-device', device: bob.device, reason: 'lost' } as const;
  await assert.rejects(alice.call({ kind: 'sign-statement', chain: bob.chain, statement, now: NOW }), {
    code: 'identity',
  });
  const nobody = new TestDevice();
  await assert.rejects(nobody.call({ kind: 'sign-statement', chain: bob.chain, statement, now: NOW }), {
    code: 'missing_record',
  });
  const again = { kind: 'create-account', deviceName: 'x', devices: 'multi', now: NOW } as const;
  await assert.rejects(alice.call(again), { code: 'exists' });
  await assert.rejects(nobody.call({ ...again, deviceName: '\u202e' }), { code: 'identity' });
});

test('a gateway cannot strip the post-quantum part, swap bundles or change them', async () => {
  const [alice, bob, mallory] = [await person(), await person(), await person()];
  const start = (bundle: Uint8Array) => alice.call(alice.startRequest(bob, bundle));
  await assert.rejects(start(bob.bundle({ kem: false })), { code: 'suite' });
  await assert.rejects(start(mallory.bundle()), { code: 'bundle' });
  await assert.rejects(start(new Uint8Array(10)), { code: 'bundle' });
  const bundle = bob.bundle();
  for (let at = 20; at < bundle.length; at += 97) {
    await assert.rejects(start(bundle.with(at, bundle[at]! ^ 1)), { name: 'EngineError' });
  }
  await assert.rejects(alice.call(alice.startRequest(bob, bob.bundle(), NOW + 60 * 86_400_000)), { code: 'bundle' });
});

test('an impostor who shows another’s chain is not believed', async () => {
  const [alice, bob, mallory] = [await person(), await person(), await person()];
  // Through the engine: keys and chain do not belong together.
  mallory.account = alice.account;
  mallory.device = alice.device;
  mallory.chain = alice.chain;
  await assert.rejects(mallory.start(bob), { code: 'damaged_record' });
  // Past the engine: with an identity key of one's own.
  const components = pairwiseComponents({ provider: crypto, cachedKeys: 16 });
  const alicesView = replay(crypto, alice.chain).view;
  const bobsView = replay(crypto, bob.chain).view;
  const [alicesDevice] = [...alicesView.devices.values()];
  const [bobsDevice] = [...bobsView.devices.values()];
  const verified = verifyBundle(crypto, {
    bundle: bob.bundle(),
    device: bobsDevice!.certificate.device,
    signer: bobsDevice!.certificate.ed25519,
    now: NOW,
  });
  assert.ok(verified.kind === 'verified');
  const head = (view: typeof alicesView) => ({ account: view.account, ...view.head, seenAt: NOW });
  const started = startSession(components, {
    own: { ...alicesDevice!.certificate, head: head(alicesView), identityKey: crypto.generate('x25519') },
    ownChain: encodeSigchain(alice.chain),
    peer: { ...bobsDevice!.certificate, head: head(bobsView) },
    bundle: verified.bundle,
    now: NOW,
  });
  assert.ok(started.kind === 'started');
  const sealed = encryptMessage(components, {
    session: started.session,
    opening: started.opening,
    content: new Uint8Array(3),
    mailbox: mailboxId(bob.mailbox),
    expiresAt: EXPIRES,
    urgency: 'high',
  });
  assert.ok(sealed.kind === 'encrypted');
  assert.deepEqual(await bob.receive(sealed.envelope), { kind: 'unreadable', reason: 'damaged' });
});

test('a replayed first message begins nothing, even after its session was ended', async () => {
  const [alice, bob] = [await person(0), await person(0)];
  const first = await alice.send(bob, await alice.start(bob), 'pay 100');
  assert.equal(textOf(await bob.receive(first)), 'pay 100');
  assert.equal((await bob.receive(first)).kind, 'duplicate');
  await bob.call({ kind: 'end-session', session: sessionOf(bob, alice) });
  const before = new Map(bob.records);
  assert.deepEqual(await bob.receive(first), { kind: 'unreadable', reason: 'no-session' });
  await bob.createPrekeys(0);
  await bob.call({ kind: 'delete-prekeys', ids: [1] });
  assert.deepEqual(await bob.receive(first), { kind: 'unreadable', reason: 'prekey-gone' });
  assert.deepEqual(
    [...before.keys()].some((name) => name.startsWith('session/')),
    false,
  );
});

test('an envelope moved to another mailbox, device or time is refused by name', async () => {
  const [alice, bob, carol] = [await person(), await person(), await person()];
  const session = await alice.start(bob);
  const envelope = await alice.send(bob, session, 'for bob');
  const other = crypto.random(16);
  assert.deepEqual(await bob.receive(envelope, { mailbox: other }), { kind: 'unreadable', reason: 'wrong-mailbox' });
  assert.deepEqual(await carol.receive(envelope, { mailbox: bob.mailbox }), {
    kind: 'unreadable',
    reason: 'no-session',
  });
  const later = NOW + 9 * 86_400_000;
  assert.deepEqual(await bob.receive(envelope, { now: later }), { kind: 'unreadable', reason: 'expired' });
  const early = NOW - 2 * 86_400_000;
  assert.deepEqual(await bob.receive(envelope, { now: early }), { kind: 'unreadable', reason: 'future' });
  // A gateway rewrites what stands outside the seal: another mailbox, a longer life, less urgency.
  const { suite, mailbox, expiresAt, urgency, sealed } = decodeEnvelope(envelope);
  const fields = { suite, mailbox, expiresAt, urgency };
  for (const change of [
    { mailbox: mailboxId(other) },
    { expiresAt: roundExpiry(expiresAt + 1) },
    { urgency: 'normal' as const },
    { suite: SUITE_X3DH },
  ]) {
    const moved = encodeEnvelope(encodeEnvelopeHeader({ ...fields, ...change }), sealed);
    const result = await bob.receive(moved, { mailbox: decodeEnvelope(moved).mailbox });
    assert.equal(result.kind, 'unreadable');
  }
  const unknown = (at: number, value: number) => envelope.with(at, value);
  assert.deepEqual(await bob.receive(unknown(1, 2)), { kind: 'unreadable', reason: 'unknown-version' });
  assert.deepEqual(await bob.receive(unknown(3, 3)), { kind: 'unreadable', reason: 'unknown-suite' });
  assert.deepEqual(await bob.receive(concatBytes(envelope, envelope)), { kind: 'unreadable', reason: 'damaged' });
  assert.equal(textOf(await bob.receive(envelope)), 'for bob');
});

test('a chain too long to carry is asked for, and one that contradicts the known one is refused', async () => {
  const [alice, bob] = [await person(), await person()];
  while (encodeSigchain(alice.chain).length <= 16 * 1024) await revoke(alice, await secondDevice(alice));
  const envelope = await alice.send(bob, await alice.start(bob), 'long life');
  const sequence = alice.chain.length - 1;
  const asked = { kind: 'need-chain', account: alice.account, sequence };
  assert.deepEqual(await bob.receive(envelope), asked);
  assert.deepEqual(await bob.receive(envelope, { senderChain: alice.chain.slice(0, -1) }), asked);
  assert.deepEqual(await bob.receive(envelope, { senderChain: bob.chain }), {
    kind: 'unreadable',
    reason: 'invalid-sender',
  });
  const broken = [alice.chain[0]!, alice.chain[1]!, alice.chain[3]!];
  assert.deepEqual(await bob.receive(envelope, { senderChain: broken }), {
    kind: 'unreadable',
    reason: 'invalid-sender',
  });
  assert.equal(textOf(await bob.receive(envelope, { senderChain: alice.chain })), 'long life');
});

test('somebody who shows two histories is refused, and so is a head on a history not shown', async () => {
  const [alice, bob] = [await person(), await person()];
  const genesis = [...alice.chain];
  await secondDevice(alice);
  const [, one] = alice.chain;
  alice.chain = [...genesis];
  await secondDevice(alice);
  const envelope = await alice.send(bob, await alice.start(bob), 'hm');
  assert.deepEqual(await bob.receive(envelope, { senderChain: [...genesis, one!] }), {
    kind: 'unreadable',
    reason: 'invalid-sender',
  });
});
