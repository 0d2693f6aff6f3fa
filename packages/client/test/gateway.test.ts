import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { parseGatewayAddress } from '@sotto/wire';
import { Messenger } from '../src/index.ts';
import { testFolder } from './support/folders.ts';
import { startTestGateway } from './support/gateway.ts';
import { befriend, keystoreIn, Person, texts, until } from './support/people.ts';
import { addDevice } from './support/second-device.ts';

suite('over a real gateway', { timeout: 60_000 }, () => {
  test('two people, both ways, with receipts, and a gateway that restarts in the middle', async () => {
    const folder = testFolder('gateway');
    const first = await startTestGateway({ folder });
    await using alice = await Person.create('alice', first.address, { create: { accountName: 'alice' } });
    await using bob = await Person.create('bob', first.address);
    const asked = bob.messenger.events.next('contact-request');
    const accepted = alice.messenger.events.next('contact-changed', {
      where: ({ contact }) => contact.state === 'accepted',
    });
    const { conversation } = await alice.messenger.addContact(await bob.messenger.contactLink(), { greeting: 'hello' });
    const { contact } = await asked;
    assert.equal(contact.accountName, 'alice');
    await bob.messenger.acceptRequest(contact.account);
    await accepted;
    await (await alice.messenger.send(conversation, 'before the restart')).delivered();

    await first[Symbol.asyncDispose]();
    const during = await alice.messenger.send(conversation, 'while it was away');
    await until(
      () => alice.messenger.message(during.id),
      (message) => message?.reason === 'waiting-connection',
    );
    await using second = await startTestGateway({ folder, port: parseGatewayAddress(first.address).port });
    assert.equal(second.address, first.address);
    await during.delivered();
    await (await bob.messenger.send(conversation, 'and back')).delivered();
    const expected = ['before the restart', 'while it was away', 'and back'];
    assert.deepEqual(await texts(alice.messenger, conversation), expected);
    assert.deepEqual(await texts(bob.messenger, conversation), expected);
    await second[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  test('people who are never online together; a full mailbox keeps what does not fit with its sender', async () => {
    await using gateway = await startTestGateway({ limits: { mailboxMessages: 4 } });
    await using alice = await Person.create('alice', gateway.address);
    await using bob = await Person.create('bob', gateway.address);
    const conversation = await befriend(alice, bob);
    for (const person of [alice, bob])
      await until(
        () => person.messenger.outbox(),
        (waiting) => waiting.length === 0,
      );
    await bob.messenger.close();
    const all = ['one', 'two', 'three', 'four', 'five'];
    for (const text of all) await alice.messenger.send(conversation, text);
    const last = (await alice.messenger.history(conversation)).entries.at(-1);
    assert.ok(last?.kind === 'message');
    await until(
      () => alice.messenger.message(last.message.id),
      (message) => message?.reason === 'mailbox-full',
    );
    await alice.messenger.close();
    await bob.open();
    await bob.messenger.events.next('offline-sync-finished');
    await bob.messenger.close();
    await alice.open();
    await until(
      () => alice.messenger.message(last.message.id),
      (message) => message?.state === 'accepted',
    );
    await alice.messenger.close();
    await bob.open();
    assert.deepEqual(
      await until(
        () => texts(bob.messenger, conversation),
        (found) => found.length === 5,
      ),
      all,
    );
    await alice.open();
  });

  test('2 × 2 devices, block and unblock, names', async () => {
    await using gateway = await startTestGateway();
    await using alice = await Person.create('alice', gateway.address, { create: { accountName: 'alice' } });
    await using bob = await Person.create('bob', gateway.address, { create: { accountName: 'bob' } });
    await assert.rejects(Person.create('eve', gateway.address, { create: { accountName: 'bob' } }), {
      code: 'name_taken',
    });
    assert.equal((await alice.messenger.addContact('bob')).accountName, 'bob');
    const [request] = await until(
      () => bob.messenger.requests(),
      (all) => all.length === 1,
    );
    const { conversation, account } = await bob.messenger.acceptRequest(request!.account);
    await (await bob.messenger.send(conversation, 'hello')).delivered();
    await using alice2 = await addDevice(alice, 'second');
    await using bob2 = await addDevice(bob, 'second');
    const four = [alice, alice2, bob, bob2];
    await until(
      () => alice2.messenger.contacts(),
      (all) => all[0]?.state === 'accepted',
    );
    await until(
      () => bob2.messenger.contacts(),
      (all) => all[0]?.state === 'accepted',
    );
    await alice.messenger.send(conversation, 'from the first');
    await until(
      () => texts(bob.messenger, conversation),
      (found) => found.includes('from the first'),
    );
    await bob.messenger.send(conversation, 'from bob');
    for (const each of four) {
      await until(
        () => texts(each.messenger, conversation),
        (found) => found.includes('from bob'),
      );
    }
    await alice2.messenger.send(conversation, 'from the second');
    for (const each of four) {
      await until(
        () => texts(each.messenger, conversation),
        (found) => found.at(-1) === 'from the second',
      );
    }
    for (const each of four)
      await until(
        () => each.messenger.outbox(),
        (waiting) => waiting.length === 0,
      );

    await bob.messenger.block(account);
    await until(
      () => bob2.messenger.contact(account),
      (contact) => contact?.state === 'blocked',
    );
    // What is sent before the gateway knows of it is accepted, and dropped by Bob.
    await until(
      async () => {
        const { id } = await alice.messenger.send(conversation, 'hello?');
        await alice.messenger.events.next('outbox-changed', {
          where: (event) => event.message === id && event.reason !== 'sealed',
        });
        return (await alice.messenger.message(id))?.reason;
      },
      (reason) => reason === 'address-refused',
    );
    assert.ok(!(await texts(bob.messenger, conversation)).includes('hello?'));
  });

  test('creating goes on where it failed, with other choices and the same keys; open needs an account', async () => {
    await using gateway = await startTestGateway();
    await using alice = await Person.create('alice', gateway.address, { create: { accountName: 'alice' } });
    const folder = testFolder('bob');
    const vault = { folder: join(folder, 'vault'), keystore: keystoreIn(folder) };
    let disposed = 0;
    vault.keystore.dispose = () => void disposed++;
    await assert.rejects(Messenger.open({ vault }), { code: 'not_found' });
    const choices = { vault, gateway: gateway.address, name: 'bob' };
    await assert.rejects(Messenger.create({ ...choices, name: ' ' }), { code: 'invalid_argument' });
    const away = gateway.address.replace(/:\d+\//, ':9/');
    await assert.rejects(Messenger.create({ ...choices, gateway: away }), { code: 'unreachable' });
    await assert.rejects(Messenger.create({ ...choices, accountName: 'alice' }), { code: 'name_taken' });
    assert.equal(disposed, 0);
    const bob = await Messenger.create({ ...choices, accountName: 'bob' });
    assert.equal(disposed, 1);
    const { account, accountName } = await bob.self();
    assert.equal(accountName, 'bob');
    await bob.close();
    await bob.close();
    await assert.rejects(bob.contacts(), { code: 'closed' });
    await assert.rejects(Messenger.create(choices), { code: 'account_exists' });
    const again = await Messenger.open({ vault });
    assert.equal((await again.self()).account, account);
    await again.close();
    await assert.rejects(Messenger.open({ vault, signal: AbortSignal.abort() }), { code: 'aborted' });
    rmSync(folder, { recursive: true, force: true });
    assert.equal((await alice.messenger.status()).registered, true);
  });
});
