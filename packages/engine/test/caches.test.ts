import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeSigchain, replay } from '@sotto/identity';
import { nativeProvider } from '@sotto/crypto';
import { encryptMessage, pairwiseComponents, startSession, verifyBundle } from '@sotto/ratchet';
import { deviceId, mailboxId } from '@sotto/wire';
import { EXPIRES, NOW, person, textOf } from './support.ts';
import type { TestDevice } from './support.ts';

const crypto = nativeProvider();
const copies = (chain: readonly Uint8Array[]): Uint8Array[] => chain.map((statement) => statement.slice());
const wipe = (chain: readonly Uint8Array[] | null): void => chain?.forEach((statement) => statement.fill(0));

test('R-ENG-1 what a caller does to its bytes after a call changes no later call', async () => {
  const [alice, bob] = [await person(), await person()];
  const request = alice.startRequest(bob);
  const lent = { ...request, own: { ...request.own, chain: copies(alice.chain) }, peerChain: copies(bob.chain) };
  await alice.attempt(lent);
  wipe(lent.own.chain);
  wipe(lent.peerChain);
  const first = await alice.send(bob, await alice.start(bob), 'one');
  const received = await bob.receive(first);
  assert.ok(received.kind === 'message');
  wipe(received.from.chain);
  const second = await alice.send(bob, await alice.start(bob), 'two');
  const again = await bob.receive(second, { senderChain: alice.chain });
  assert.ok(again.kind === 'message');
  assert.deepEqual(again.from.chain, alice.chain);
});

test('R-ENG-1 an array that carries one envelope after another is judged by what it holds', async () => {
  const [alice, bob] = [await person(), await person()];
  const one = await alice.send(bob, await alice.start(bob), 'one');
  const two = await alice.send(bob, await alice.start(bob), 'two');
  assert.equal(one.length, two.length);
  const buffer = one.slice();
  assert.equal(textOf(await bob.receive(buffer)), 'one');
  buffer.set(two);
  assert.equal(textOf(await bob.receive(buffer)), 'two');
  buffer.set(one);
  // The same bytes for another device: its seal names this one.
  const elsewhere = { own: { ...bob.own, device: deviceId(crypto.random(16)) } };
  assert.deepEqual(await bob.receive(buffer, elsewhere), { kind: 'unreadable', reason: 'no-session' });
});

/** A first message as no engine writes it: with this chain. */
function firstMessage(from: TestDevice, to: TestDevice, chain: Uint8Array): Uint8Array {
  const components = pairwiseComponents({ provider: crypto, cachedKeys: 16 });
  const party = (device: TestDevice) => {
    const { account, head, devices } = replay(crypto, device.chain).view;
    const [entry] = [...devices.values()];
    assert.ok(entry !== undefined);
    return { ...entry.certificate, head: { account, ...head, seenAt: NOW } };
  };
  const [own, peer] = [party(from), party(to)];
  const bundle = verifyBundle(crypto, { bundle: to.bundle(), device: peer.device, signer: peer.ed25519, now: NOW });
  assert.ok(bundle.kind === 'verified');
  const identityKey = crypto.generate('x25519');
  const started = startSession(components, {
    own: { ...own, identityKey },
    ownChain: chain,
    peer,
    bundle: bundle.bundle,
    now: NOW,
  });
  assert.ok(started.kind === 'started');
  const { session, opening } = started;
  const mailbox = mailboxId(to.mailbox);
  const content = new Uint8Array(3);
  const sealed = encryptMessage(components, {
    session,
    opening,
    content,
    mailbox,
    expiresAt: EXPIRES,
    urgency: 'high',
  });
  assert.ok(sealed.kind === 'encrypted');
  return sealed.envelope;
}

test('R-OPS-2 a chain longer than anybody carries is refused before its signatures are checked', async () => {
  const [alice, bob] = [await person(), await person()];
  let verified = 0;
  const verify = bob.crypto.verify.bind(bob.crypto);
  Object.assign(bob.crypto, {
    verify(...given: Parameters<typeof verify>) {
      verified++;
      return verify(...given);
    },
  });
  const [genesis] = alice.chain;
  const long = encodeSigchain(Array.from({ length: 100 }, () => genesis!));
  assert.ok(long.length > 16 * 1024);
  const refused = { kind: 'unreadable', reason: 'invalid-sender' };
  assert.deepEqual(await bob.receive(firstMessage(alice, bob, long)), refused);
  assert.equal(verified, 0);
  // The key that sent it was never alice's.
  const whole = firstMessage(alice, bob, encodeSigchain(alice.chain));
  assert.deepEqual(await bob.receive(whole), { kind: 'unreadable', reason: 'damaged' });
  assert.notEqual(verified, 0);
});
