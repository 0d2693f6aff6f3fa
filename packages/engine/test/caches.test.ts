import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeSigchain, replay } from '@sotto/identity';
import { nativeProvider } from '@sotto/crypto';
import { encryptMessage, pairwiseComponents, startSession, verifyBundle } from '@sotto/ratchet';
import { deviceId, mailboxId } from '@sotto/wire';
import type { EngineRequest, RecordChange, RequestKind } from '@sotto/engine';
import { EXPIRES, NOW, person, sessionOf, TestDevice, textOf } from './support.ts';

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

/** A caller that throws every first reply away, and overwrites whatever the contract lets it overwrite, at once. */
class Forgetful extends TestDevice {
  #lent: Map<string, Uint8Array | null>[] = [];

  override given(names: readonly string[]): Map<string, Uint8Array | null> {
    const given = new Map(names.map((name) => [name, this.records.get(name)?.slice() ?? null]));
    this.#lent.push(given);
    return given;
  }

  override async attempt<Kind extends RequestKind>(request: EngineRequest<Kind>, known: readonly string[] = []) {
    const first = await super.attempt(request, known);
    wipeAll(first.changed.map(({ bytes }) => bytes));
    this.#forget();
    const second = await super.attempt(request, known);
    // A session that is started is another one each time; of what is there already, the same changes.
    const shape = ({ name, bytes }: RecordChange) => [
      request.kind === 'start-session' ? name.split('/')[0] : name,
      bytes?.length,
    ];
    assert.deepEqual(second.changed.map(shape), first.changed.map(shape));
    return second;
  }

  override commit(changed: readonly RecordChange[]): void {
    super.commit(changed);
    wipeAll(changed.map(({ bytes }) => bytes));
    this.#forget();
  }

  #forget(): void {
    for (const given of this.#lent) wipeAll([...given.values()]);
    this.#lent = [];
  }
}

function wipeAll(all: readonly (Uint8Array | null)[]): void {
  for (const bytes of all) bytes?.fill(0);
}

test('R-ENG-1 R-STO-2 every reply may be thrown away and every record overwritten: nothing is lost and nothing leans on them', async () => {
  // More sessions than keys fit in the cache.
  const alice = await (await new Forgetful().createAccount()).createPrekeys(20);
  const friends = [];
  for (let i = 0; i < 18; i++) friends.push(await (await new Forgetful().createAccount()).createPrekeys(1));
  for (const [i, friend] of friends.entries()) {
    const [there, late] = [await friend.start(alice), `late ${i}`];
    const first = await friend.send(alice, there, late);
    assert.equal(textOf(await alice.receive(await friend.send(alice, there, 'hi'))), 'hi');
    assert.equal(textOf(await alice.receive(first)), late);
  }
  for (let turn = 0; turn < 3; turn++) {
    for (const friend of friends) {
      const overtaken = await alice.send(friend, sessionOf(alice, friend), 'overtaken');
      const answer = await alice.send(friend, sessionOf(alice, friend), `${turn}`);
      assert.equal(textOf(await friend.receive(answer)), `${turn}`);
      assert.equal(textOf(await friend.receive(overtaken)), 'overtaken');
      const envelope = await friend.send(alice, sessionOf(friend, alice), 'and you?');
      assert.equal(textOf(await alice.receive(envelope)), 'and you?');
      assert.equal((await alice.receive(envelope, { session: sessionOf(alice, friend) })).kind, 'duplicate');
    }
  }
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
