import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { systemClock } from '@sotto/transport';
import { accountOf, deviceOf } from '../src/store/refs.ts';
import { MemoryGateway } from './support/memory-gateway.ts';
import { befriend, Person, until } from './support/people.ts';
import { addDevice, signAnotherSecond } from './support/second-device.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

async function idsOf(person: Person) {
  const { account, device } = await person.messenger.self();
  return { ref: account, account: hex(accountOf(account)), device: hex(deviceOf(device)) };
}

async function scene() {
  const gateway = new MemoryGateway(systemClock);
  const effects = { openTransport: gateway.openTransport };
  const alice = await Person.create('alice', gateway.address, { effects });
  const bob = await Person.create('bob', gateway.address, { effects });
  const conversation = await befriend(alice, bob);
  const ids = { alice: await idsOf(alice), bob: await idsOf(bob) };
  return {
    gateway,
    alice,
    bob,
    conversation,
    ids,
    async [Symbol.asyncDispose]() {
      for (const person of [alice, bob]) await person[Symbol.asyncDispose]();
    },
  };
}

/** One of two devices of an account shows one statement to some and another to others, with the gateway's help. */
suite('R-ID-5 a gateway that shows two different chains', { timeout: 60_000 }, () => {
  test('a head that a contact names and that is not in its chain as known raises the alarm, which stays until compared', async () => {
    await using all = await scene();
    const { alice, bob, gateway, ids, conversation } = all;
    await bob.messenger.close();
    const other = await signAnotherSecond(bob);
    await bob.open();
    gateway.showChain = (account, chain, asker) =>
      account === ids.bob.account && asker === ids.alice.device ? [chain[0]!, other] : chain;
    // Alice is shown one second statement, and everybody else, Bob included, is shown another.
    await alice.messenger.addContact(await bob.messenger.contactLink());
    assert.equal((await alice.messenger.contactDevices(ids.bob.ref))[1]?.name, 'nobody');
    const alarm = alice.messenger.events.next('identity-changed', {
      where: ({ change }) => change.kind === 'forked-chain',
    });
    await using second = await addDevice(bob, 'laptop');
    await bob.messenger.send(conversation, 'my chain ends elsewhere');
    const { contact } = await alarm;
    assert.equal(contact.account, ids.bob.ref);
    assert.notEqual(contact.forkedAt, null);
    assert.equal((await alice.messenger.status()).forkedContacts, 1);
    assert.equal((await alice.messenger.contact(ids.bob.ref))?.verification, 'unverified');
    // Told once, not with each message; it is still there after a restart.
    let again = 0;
    alice.messenger.events.on('identity-changed', () => void again++);
    await (await bob.messenger.send(conversation, 'once more')).delivered();
    assert.equal(again, 0);
    await alice.reopen();
    assert.notEqual((await alice.messenger.contact(ids.bob.ref))?.forkedAt, null);
    assert.equal((await alice.messenger.verifyContact(ids.bob.ref, true)).forkedAt, null);
    assert.equal((await alice.messenger.status()).forkedContacts, 0);
    void second;
  });

  test('the same if the head comes first and the gateway then shows another statement in its place', async () => {
    await using all = await scene();
    const { alice, bob, gateway, ids, conversation } = all;
    await bob.messenger.close();
    const other = await signAnotherSecond(bob);
    await bob.open();
    gateway.showChain = (account, chain, asker) =>
      account === ids.bob.account && asker === ids.alice.device ? [chain[0]!, other] : chain;
    const alarm = alice.messenger.events.next('identity-changed', {
      where: ({ change }) => change.kind === 'forked-chain',
    });
    await using second = await addDevice(bob, 'laptop');
    await bob.messenger.send(conversation, 'I have a second device');
    assert.equal((await alarm).contact.account, ids.bob.ref);
    void second;
  });

  test('who is shown another chain of the own account says so with a first message, and its owner is told', async () => {
    await using all = await scene();
    const { alice, bob, gateway, ids, conversation } = all;
    await alice.messenger.close();
    const other = await signAnotherSecond(alice);
    await alice.open();
    await using second = await addDevice(alice, 'laptop');
    gateway.showChain = (account, chain, asker) =>
      account === ids.alice.account && asker === ids.bob.device ? [chain[0]!, other] : chain;
    await bob.messenger.addContact(await alice.messenger.contactLink());
    const told = alice.messenger.events.next('account-forked');
    // A new session names the chain it was started on.
    gateway.witnesses.set(ids.bob.device, new Uint8Array(64));
    await bob.reopen();
    await bob.messenger.send(conversation, 'hello');
    await told;
    await until(
      () => alice.messenger.status(),
      ({ incidents }) => incidents.some(({ kind }) => kind === 'account-forked'),
    );
    void second;
  });
});
