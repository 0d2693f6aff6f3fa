import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { systemClock } from '@sotto/transport';
import { Messenger } from '../src/index.ts';
import type { MessengerErrorCode } from '../src/index.ts';
import { MemoryGateway } from './support/memory-gateway.ts';
import { befriend, Person, texts, textOf, until } from './support/people.ts';

const code = (expected: MessengerErrorCode) => ({ name: 'MessengerError', code: expected });

/** A gateway and people at it; whatever goes wrong in the background fails the test. */
async function town(names: readonly string[], settings = {}) {
  const gateway = new MemoryGateway(systemClock);
  const problems: unknown[] = [];
  const people: Person[] = [];
  for (const name of names) {
    const effects = { openTransport: gateway.openTransport };
    const person = await Person.create(name, gateway.address, { effects, settings });
    person.messenger.events.on('problem', ({ error }) => void problems.push(error));
    people.push(person);
  }
  return {
    gateway,
    people,
    async [Symbol.asyncDispose]() {
      for (const person of people) await person[Symbol.asyncDispose]();
      assert.deepEqual(problems, []);
    },
  };
}

suite('contacts', { timeout: 60_000 }, () => {
  test('by link: request with greeting, acceptance, messages both ways, receipts', async () => {
    await using scene = await town(['alice', 'bob']);
    const [alice, bob] = scene.people as [Person, Person];
    const request = bob.messenger.events.next('contact-request');
    const contact = await alice.messenger.addContact(await bob.messenger.contactLink(), { greeting: 'It is me' });
    assert.equal(contact.state, 'requested');
    assert.equal((await request).contact.greeting, 'It is me');
    const [incoming] = await bob.messenger.requests();
    assert.equal(incoming?.name, 'alice');
    const accepted = alice.messenger.events.next('contact-changed', {
      where: (each) => each.contact.state === 'accepted',
    });
    await bob.messenger.acceptRequest(incoming.account);
    assert.equal((await accepted).contact.profile?.name, 'bob');

    const got = bob.messenger.events.next('message-received');
    const sent = await alice.messenger.send(contact.conversation, 'Hello');
    const { message } = await got;
    assert.equal(textOf(message), 'Hello');
    assert.equal(message.id, sent.id);
    await sent.accepted();
    await sent.delivered();
    assert.equal((await bob.messenger.conversation(message.conversation))?.unread, 1);
    await bob.messenger.markRead(message.conversation);
    await sent.read();
    assert.equal((await alice.messenger.message(sent.id))?.state, 'read');
    assert.equal((await bob.messenger.conversation(message.conversation))?.unread, 0);
    const back = alice.messenger.events.next('message-received');
    await bob.messenger.send(message.conversation, 'Hello yourself');
    assert.equal(textOf((await back).message), 'Hello yourself');
    assert.deepEqual(await texts(alice.messenger, contact.conversation), ['Hello', 'Hello yourself']);
    assert.deepEqual(await texts(bob.messenger, contact.conversation), ['Hello', 'Hello yourself']);
  });

  test('messages sent before acceptance wait, say why, and arrive in order after it', async () => {
    await using scene = await town(['alice', 'bob']);
    const [alice, bob] = scene.people as [Person, Person];
    const request = bob.messenger.events.next('contact-request');
    const { conversation } = await alice.messenger.addContact(await bob.messenger.contactLink());
    const sent = [];
    for (const text of ['one', 'two', 'three']) sent.push(await alice.messenger.send(conversation, text));
    assert.equal((await alice.messenger.message(sent[0]!.id))?.reason, 'waiting-acceptance');
    const { contact } = await request;
    assert.deepEqual(await bob.messenger.history(contact.conversation), { entries: [], before: null });
    await bob.messenger.acceptRequest(contact.account);
    await Promise.all(sent.map((each) => each.delivered()));
    assert.deepEqual(await texts(bob.messenger, conversation), ['one', 'two', 'three']);
  });

  test('declined: the asking side learns it, its messages fail, and it can ask again', async () => {
    await using scene = await town(['alice', 'bob']);
    const [alice, bob] = scene.people as [Person, Person];
    const request = bob.messenger.events.next('contact-request');
    const { conversation } = await alice.messenger.addContact(await bob.messenger.contactLink());
    const sent = await alice.messenger.send(conversation, 'are you there?');
    const failed = sent.delivered();
    const { contact } = await request;
    assert.equal((await bob.messenger.declineRequest(contact.account)).state, 'declined');
    await assert.rejects(failed, code('undeliverable'));
    assert.equal((await alice.messenger.message(sent.id))?.reason, 'contact-declined');
    await assert.rejects(alice.messenger.send(conversation, 'hello?'), code('wrong_state'));
    assert.equal((await alice.messenger.addContact(await bob.messenger.contactLink())).state, 'requested');
  });

  test('both ask at once: that is an agreement', async () => {
    await using scene = await town(['alice', 'bob']);
    const [alice, bob] = scene.people as [Person, Person];
    const links = await Promise.all([alice.messenger.contactLink(), bob.messenger.contactLink()]);
    const accepted = [acceptance(alice), acceptance(bob)];
    const [{ conversation }] = await Promise.all([
      alice.messenger.addContact(links[1]),
      bob.messenger.addContact(links[0]),
    ]);
    await Promise.all(accepted);
    const sent = await Promise.all([
      alice.messenger.send(conversation, 'first'),
      bob.messenger.send(conversation, 'second'),
    ]);
    await Promise.all(sent.map((each) => each.delivered()));
    assert.deepEqual(await texts(alice.messenger, conversation), await texts(bob.messenger, conversation));
    assert.equal((await alice.messenger.requests()).length + (await bob.messenger.requests()).length, 0);
  });

  test('by account name; unknown names, own account and nonsense are refused by name', async () => {
    await using scene = await town(['alice', 'bob']);
    const [alice, bob] = scene.people as [Person, Person];
    await bob.messenger.claimName('bob');
    await assert.rejects(alice.messenger.claimName('bob'), code('name_taken'));
    assert.equal((await alice.messenger.addContact('Bob')).accountName, 'bob');
    await assert.rejects(alice.messenger.addContact('nobody'), code('not_found'));
    await assert.rejects(alice.messenger.addContact('b'), code('invalid_argument'));
    await assert.rejects(alice.messenger.addContact('sotto:contact/qqqq'), code('invalid_argument'));
    await assert.rejects(alice.messenger.addContact(await alice.messenger.contactLink()), code('wrong_state'));
    const link = Messenger.readLink(await bob.messenger.contactLink());
    assert.equal(link.account, (await bob.messenger.self()).account);
    assert.equal(link.name, 'bob');
  });

  test('an agent accepts by itself, where its settings say so', async () => {
    await using scene = await town(['alice', 'agent'], { autoAccept: true });
    const [alice, agent] = scene.people as [Person, Person];
    const accepted = alice.messenger.events.next('contact-changed', {
      where: (each) => each.contact.state === 'accepted',
    });
    await alice.messenger.addContact(await agent.messenger.contactLink());
    await accepted;
    assert.equal((await agent.messenger.contacts())[0]?.state, 'accepted');
  });

  test('a gateway that shows another chain is not believed', async () => {
    await using scene = await town(['alice', 'bob', 'mallory']);
    const [alice, bob, mallory] = scene.people as [Person, Person, Person];
    const link = await bob.messenger.contactLink();
    // They would see it too, and say so.
    for (const each of [bob, mallory]) await each.messenger.close();
    const chains = [...scene.gateway.chains];
    const [[hers], , [, evil]] = chains as [[string, Uint8Array[]], unknown, [string, Uint8Array[]]];
    scene.gateway.showChain = (account, all) => (account === hers ? all : evil);
    await assert.rejects(alice.messenger.addContact(link), code('untrusted'));
    assert.deepEqual(await alice.messenger.contacts(), []);
  });

  test('blocked: nothing comes through any more, and the permission to post is withdrawn', async () => {
    await using scene = await town(['alice', 'bob']);
    const [alice, bob] = scene.people as [Person, Person];
    const conversation = await befriend(alice, bob);
    const before = scene.gateway.capabilities.size;
    const { account } = (await bob.messenger.contacts())[0]!;
    assert.equal((await bob.messenger.block(account)).state, 'blocked');
    while (scene.gateway.capabilities.size === before) await new Promise((resolve) => setTimeout(resolve, 5));
    const sent = await alice.messenger.send(conversation, 'hello?');
    const waiting = await until(
      () => alice.messenger.message(sent.id),
      (message) => message?.reason === 'address-refused',
    );
    assert.equal(waiting?.state, 'waiting');
    await assert.rejects(bob.messenger.send(conversation, 'x'), code('wrong_state'));
    assert.deepEqual(await texts(bob.messenger, conversation), []);
    // Unblocked, new addresses go out, and what waited arrives.
    assert.equal((await bob.messenger.unblock(account)).state, 'accepted');
    await sent.delivered();
    assert.deepEqual(await texts(bob.messenger, conversation), ['hello?']);
  });

  test('safety numbers agree; comparing them is remembered', async () => {
    await using scene = await town(['alice', 'bob']);
    const [alice, bob] = scene.people as [Person, Person];
    await befriend(alice, bob);
    const [atAlice] = await alice.messenger.contacts();
    const [atBob] = await bob.messenger.contacts();
    const [a, b] = [
      await alice.messenger.safetyNumber(atAlice!.account),
      await bob.messenger.safetyNumber(atBob!.account),
    ];
    assert.equal(a.digits, b.digits);
    assert.equal(a.expected, b.qr);
    assert.equal((await alice.messenger.verifyContact(atAlice!.account, true)).verification, 'verified');
    assert.equal((await alice.messenger.verifyContact(atAlice!.account, false)).verification, 'unverified');
    assert.equal((await alice.messenger.setNickname(atAlice!.account, 'Bobby')).name, 'Bobby');
    assert.equal((await alice.messenger.setNickname(atAlice!.account, null)).name, 'bob');
  });

  test('a changed profile reaches contacts', async () => {
    await using scene = await town(['alice', 'bob']);
    const [alice, bob] = scene.people as [Person, Person];
    await befriend(alice, bob);
    const changed = bob.messenger.events.next('contact-changed', {
      where: ({ contact }) => contact.name === 'Alice B.',
    });
    await alice.messenger.setProfile({ name: 'Alice B.', avatarHash: 'ab'.repeat(32) });
    assert.equal((await changed).contact.profile?.avatarHash, 'ab'.repeat(32));
    await assert.rejects(alice.messenger.setProfile({ name: ' ' }), code('invalid_argument'));
  });
});

suite('conversations', { timeout: 60_000 }, () => {
  test('reply, reaction, edit and deletion show the same on both sides', async () => {
    await using scene = await town(['alice', 'bob']);
    const [alice, bob] = scene.people as [Person, Person];
    const conversation = await befriend(alice, bob);
    const first = await alice.messenger.send(conversation, 'helo');
    await first.delivered();
    const reply = await bob.messenger.send(conversation, { kind: 'text', text: 'yes?', replyTo: first.id });
    await (await bob.messenger.send(conversation, { kind: 'reaction', message: first.id, emoji: '👍' })).delivered();
    await (await alice.messenger.send(conversation, { kind: 'edit', message: first.id, text: 'hello' })).delivered();
    await (await bob.messenger.send(conversation, { kind: 'delete', message: reply.id })).delivered();
    for (const { messenger } of [alice, bob]) {
      const message = await messenger.message(first.id);
      assert.deepEqual(message?.body, {
        kind: 'text',
        text: 'hello',
        replyTo: null,
        edited: true,
        mentions: [],
        forwarded: false,
        attachments: [],
      });
      assert.deepEqual(
        message?.reactions.map((each) => each.emoji),
        ['👍'],
      );
      assert.deepEqual((await messenger.message(reply.id))?.body, { kind: 'deleted' });
      assert.deepEqual(await texts(messenger, conversation), ['hello', '[deleted]']);
      assert.equal((await messenger.search('helo')).length, 0);
      assert.deepEqual(
        (await messenger.search('hell')).map((each) => each.message.id),
        [first.id],
      );
      assert.equal((await messenger.search('yes')).length, 0);
    }
    await assert.rejects(
      bob.messenger.send(conversation, { kind: 'edit', message: first.id, text: 'x' }),
      code('invalid_argument'),
    );
    await assert.rejects(bob.messenger.send(conversation, { kind: 'delete', message: reply.id }), code('not_found'));
    await assert.rejects(alice.messenger.send(conversation, ''), code('invalid_argument'));
    await assert.rejects(alice.messenger.send(conversation, 'x'.repeat(65_537)), code('invalid_argument'));
  });

  test('what was taken back before it left is never sent', async () => {
    await using scene = await town(['alice', 'bob']);
    const [alice, bob] = scene.people as [Person, Person];
    const conversation = await befriend(alice, bob);
    const self = Buffer.from([...scene.gateway.devices.keys()][0]!, 'hex').toString('hex');
    scene.gateway.cutOff.add(self);
    const secret = await alice.messenger.send(conversation, 'a slip');
    await alice.messenger.send(conversation, { kind: 'delete', message: secret.id });
    const last = await alice.messenger.send(conversation, 'never mind');
    scene.gateway.cutOff.delete(self);
    await last.delivered();
    assert.deepEqual(await texts(bob.messenger, conversation), ['never mind']);
  });

  test('what is taken back before it was seen is not unread any more', async () => {
    await using scene = await town(['alice', 'bob']);
    const [alice, bob] = scene.people as [Person, Person];
    const conversation = await befriend(alice, bob);
    const slip = await alice.messenger.send(conversation, 'a slip');
    await slip.delivered();
    assert.equal((await bob.messenger.conversation(conversation))?.unread, 1);
    await (await alice.messenger.send(conversation, { kind: 'delete', message: slip.id })).delivered();
    assert.equal((await bob.messenger.conversation(conversation))?.unread, 0);
    await bob.messenger.markRead(conversation);
    assert.equal((await bob.messenger.conversation(conversation))?.unread, 0);
  });

  test('typing is told while it happens and leaves nothing behind', async () => {
    await using scene = await town(['alice', 'bob']);
    const [alice, bob] = scene.people as [Person, Person];
    const conversation = await befriend(alice, bob);
    const typing = bob.messenger.events.next('typing');
    await alice.messenger.typing(conversation, true);
    assert.equal((await typing).active, true);
    await until(
      () => alice.messenger.outbox(),
      (waiting) => waiting.length === 0,
    );
    assert.deepEqual(await texts(bob.messenger, conversation), []);
  });

  test('pages, conversation list and search', async () => {
    await using scene = await town(['alice', 'bob']);
    const [alice, bob] = scene.people as [Person, Person];
    const conversation = await befriend(alice, bob);
    const all = Array.from({ length: 12 }, (_, i) => `message ${i}`);
    for (const text of all) await alice.messenger.send(conversation, text);
    await until(
      () => texts(bob.messenger, conversation),
      (found) => found.length === all.length,
    );
    const seen: string[] = [];
    let before;
    do {
      const page = await bob.messenger.history(conversation, { limit: 5, ...(before === undefined ? {} : { before }) });
      seen.unshift(...page.entries.map((entry) => (entry.kind === 'message' ? textOf(entry.message) : 'gap')));
      before = page.before ?? undefined;
    } while (before !== undefined);
    assert.deepEqual(seen, all);
    const [listed] = await bob.messenger.conversations();
    assert.equal(listed?.unread, 12);
    assert.equal(textOf(listed.last!), 'message 11');
    assert.equal((await bob.messenger.search('mess', { conversation, limit: 3 })).length, 3);
    const third = (await bob.messenger.history(conversation)).entries[2]!;
    await bob.messenger.markRead(conversation, third.kind === 'message' ? third.message.id : undefined);
    assert.equal((await bob.messenger.conversation(conversation))?.unread, 9);
  });
});

suite('a restart in the middle', { timeout: 60_000 }, () => {
  test('two people who are never online at the same time', async () => {
    await using scene = await town(['alice', 'bob']);
    const [alice, bob] = scene.people as [Person, Person];
    const link = await bob.messenger.contactLink();
    await bob.messenger.close();
    const { conversation } = await alice.messenger.addContact(link, { greeting: 'hello' });
    await alice.messenger.send(conversation, 'from alice');
    await posted(scene.gateway, 1);
    await alice.messenger.close();

    await bob.open();
    const [request] = await until(
      () => bob.messenger.requests(),
      (all) => all.length > 0,
    );
    await bob.messenger.acceptRequest(request!.account);
    await bob.messenger.send(conversation, 'from bob');
    await posted(scene.gateway, 3);
    await bob.messenger.close();

    await alice.open();
    await until(
      () => texts(alice.messenger, conversation),
      (all) => all.length === 2,
    );
    await until(
      () => alice.messenger.outbox(),
      (all) => all.every((each) => each.reason === 'accepted'),
    );
    await alice.messenger.close();
    await bob.open();
    await until(
      () => texts(bob.messenger, conversation),
      (all) => all.length === 2,
    );
    assert.deepEqual((await texts(bob.messenger, conversation)).toSorted(), ['from alice', 'from bob']);
    await alice.open();
    assert.deepEqual(await texts(alice.messenger, conversation), await texts(bob.messenger, conversation));
  });

  test('waits and events survive it: a sent message is found again by its id', async () => {
    await using scene = await town(['alice', 'bob']);
    const [alice, bob] = scene.people as [Person, Person];
    const conversation = await befriend(alice, bob);
    await bob.messenger.close();
    const sent = await alice.messenger.send(conversation, 'hello');
    const delivered = sent.delivered();
    await sent.accepted();
    const closed = assert.rejects(delivered, code('closed'));
    await alice.reopen();
    await closed;
    const again = await alice.messenger.sent(sent.id);
    await again.accepted();
    await bob.open();
    await again.delivered();
    const { steps } = await alice.messenger.explain(sent.id);
    assert.deepEqual(
      steps.map((step) => step.code),
      ['stored', 'sealed', 'accepted', 'taken-up', 'delivered'],
    );
    assert.ok(steps.every((step) => step.sentence.endsWith('.')));
  });
});

/** Some contact of theirs becomes an accepted one. */
function acceptance(person: Person) {
  return person.messenger.events.next('contact-changed', { where: ({ contact }) => contact.state === 'accepted' });
}

async function posted(gateway: MemoryGateway, count: number): Promise<void> {
  await until(
    () => Promise.resolve(gateway.posted.filter((each) => each.outcome === 'accepted').length),
    (n) => n >= count,
  );
}
