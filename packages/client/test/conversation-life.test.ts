import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { MessengerErrorCode } from '../src/index.ts';
import { DAY, HOUR, MINUTE, pair, SECOND } from './support/pair.ts';
import { texts } from './support/people.ts';
import { addDevice } from './support/second-device.ts';

const code = (expected: MessengerErrorCode) => ({ name: 'MessengerError', code: expected });

suite('mentions', { timeout: 60_000 }, () => {
  test('name accounts by ranges of the text, on both sides alike, and wake who is named in a muted conversation', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation } = scene;
    const { account } = await bob.messenger.self();
    const text = '👋 @Bình, xin chào @Bình';
    const mentions = [...text.matchAll(/@Bình/gu)].map(({ index }) => ({ account, start: index, length: 5 }));
    const stream = bob.messenger.events.stream(['message-received']);
    await bob.messenger.configureConversation(conversation, { mutedUntil: 'forever' });
    const { id } = await alice.messenger.send(conversation, { kind: 'text', text, mentions });
    await alice.messenger.send(conversation, 'to nobody in particular');
    await clock.advance(MINUTE);
    const received = await bob.messenger.message(id);
    assert.ok(received?.body.kind === 'text' && received.mentioned);
    assert.deepEqual(received.body.mentions, mentions);
    assert.equal((await alice.messenger.message(id))?.mentioned, false);
    const notified = [(await stream.next()).value?.notify, (await stream.next()).value?.notify];
    assert.deepEqual(notified, [true, false]);
    // An edit has mentions of its own.
    await alice.messenger.send(conversation, { kind: 'edit', message: id, text: 'to nobody' });
    await clock.advance(MINUTE);
    assert.equal((await bob.messenger.message(id))?.mentioned, false);
  });

  test('ranges outside the text, over one another or through a character are refused', async () => {
    await using scene = await pair();
    const { alice, conversation } = scene;
    const { account } = await alice.messenger.self();
    const mention = (start: number, length: number) => ({ account, start, length });
    for (const [text, mentions] of [
      ['abc', [mention(2, 2)]],
      ['abc', [mention(-1, 2)]],
      ['abc', [mention(0, 0)]],
      ['abc', [mention(0.5, 1)]],
      ['abc', [mention(0, 2), mention(1, 1)]],
      ['👋a', [mention(1, 2)]],
      ['a'.repeat(65), Array.from({ length: 65 }, (_, at) => mention(at, 1))],
    ] as const) {
      await assert.rejects(
        alice.messenger.send(conversation, { kind: 'text', text, mentions }),
        code('invalid_argument'),
      );
    }
  });
});

suite('pins', { timeout: 60_000 }, () => {
  test('a pin is seen by all members, the latest in the order wins, and what is taken back is no longer pinned', async () => {
    await using scene = await pair({ bobs: 2 });
    const { alice, bob, tablet, clock, conversation } = scene;
    const first = await alice.messenger.send(conversation, 'first');
    const second = await bob.messenger.send(conversation, 'second');
    await clock.advance(MINUTE);
    const told = alice.messenger.events.next('pins-changed');
    await bob.messenger.send(conversation, { kind: 'pin', message: first.id, pinned: true });
    await clock.advance(MINUTE);
    assert.equal((await told).account, (await bob.messenger.self()).account);
    await alice.messenger.send(conversation, { kind: 'pin', message: second.id, pinned: true });
    await clock.advance(MINUTE);
    for (const { messenger } of [alice, bob, tablet]) {
      const pins = await messenger.pins(conversation);
      assert.deepEqual(
        pins.map((each) => each.id),
        [second.id, first.id],
      );
      assert.equal(pins[0]?.pinned, true);
    }
    await alice.messenger.send(conversation, { kind: 'pin', message: second.id, pinned: false });
    await alice.messenger.send(conversation, { kind: 'delete', message: first.id });
    await clock.advance(MINUTE);
    for (const { messenger } of [alice, bob, tablet]) assert.deepEqual(await messenger.pins(conversation), []);
    await assert.rejects(
      alice.messenger.send(conversation, { kind: 'pin', message: first.id, pinned: true }),
      code('not_found'),
    );
  });
});

suite('how an account keeps a conversation', { timeout: 60_000 }, () => {
  test('archive, pin, mute, mark and draft reach own other devices, also after a restart in between, and no one else', async () => {
    await using scene = await pair({ bobs: 2, settings: { settingsDelayMs: 10 * SECOND } });
    const { alice, bob, tablet, clock, conversation } = scene;
    await alice.messenger.send(conversation, 'hello');
    await clock.advance(MINUTE);
    const message = (await bob.messenger.conversation(conversation))!.last!.id;
    const until = clock.now() + DAY;
    await bob.messenger.configureConversation(conversation, { archived: true, pinned: true, mutedUntil: until });
    await bob.messenger.configureConversation(conversation, { draft: { text: 'Dear', replyTo: message } });
    await bob.reopen();
    await bob.messenger.configureConversation(conversation, { markedUnread: true });
    await clock.advance(MINUTE);
    for (const { messenger } of [bob, tablet]) {
      const kept = await messenger.conversation(conversation);
      assert.deepEqual(
        [kept?.archived, kept?.pinned, kept?.mutedUntil, kept?.markedUnread, kept?.draft],
        [true, true, until, true, { text: 'Dear', replyTo: message }],
      );
      assert.deepEqual(await messenger.conversations({ archived: false }), []);
      assert.equal((await messenger.conversations({ archived: true })).length, 1);
    }
    const hers = await alice.messenger.conversation(conversation);
    assert.deepEqual([hers?.archived, hers?.pinned, hers?.mutedUntil, hers?.draft], [false, false, null, null]);
    await tablet.messenger.configureConversation(conversation, { draft: null });
    await tablet.messenger.markRead(conversation);
    await clock.advance(MINUTE);
    const kept = await bob.messenger.conversation(conversation);
    assert.deepEqual([kept?.draft, kept?.markedUnread, kept?.unread], [null, false, 0]);
    // The time of a mute ends by itself.
    await clock.advance(2 * DAY);
    assert.equal((await bob.messenger.conversation(conversation))?.mutedUntil, null);
  });

  test('a device that is added later keeps conversations as the others do, timer included', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation } = scene;
    await bob.messenger.configureConversation(conversation, { pinned: true, draft: { text: 'begun' } });
    await alice.messenger.send(conversation, { kind: 'timer', seconds: 3600 });
    await clock.advance(MINUTE);
    await using tablet = await addDevice(bob, 'tablet', clock.now());
    await clock.advance(2 * MINUTE);
    const kept = await tablet.messenger.conversation(conversation);
    assert.deepEqual([kept?.pinned, kept?.draft?.text, kept?.timer], [true, 'begun', 3600]);
    const { id } = await tablet.messenger.send(conversation, 'disappears too');
    await clock.advance(MINUTE);
    assert.equal((await alice.messenger.message(id))?.expiresAfter, 3600);
  });

  test('a new message brings an archived conversation back, unless it is muted', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation } = scene;
    await bob.messenger.configureConversation(conversation, { archived: true });
    const back = bob.messenger.events.next('conversation-settings-changed');
    await alice.messenger.send(conversation, 'one');
    await clock.advance(MINUTE);
    assert.equal((await back).settings.archived, false);
    assert.equal((await bob.messenger.conversation(conversation))?.archived, false);
    await bob.messenger.configureConversation(conversation, { archived: true, mutedUntil: 'forever' });
    await alice.messenger.send(conversation, 'two');
    await clock.advance(MINUTE);
    assert.equal((await bob.messenger.conversation(conversation))?.archived, true);
  });

  test('a message deleted for oneself goes from all own devices and stays with others; it does not come back', async () => {
    await using scene = await pair({ bobs: 2 });
    const { alice, bob, tablet, clock, conversation } = scene;
    const { id } = await alice.messenger.send(conversation, 'not for my eyes');
    await alice.messenger.send(conversation, 'more');
    await clock.advance(MINUTE);
    const removed = tablet.messenger.events.next('message-removed');
    await bob.messenger.deleteForMe(id);
    await clock.advance(MINUTE);
    assert.deepEqual(await removed, { type: 'message-removed', conversation, message: id, why: 'deleted-for-me' });
    for (const person of [bob, tablet]) {
      await person.reopen();
      assert.deepEqual(await texts(person.messenger, conversation), ['more']);
      assert.deepEqual(await person.messenger.search('eyes'), []);
      assert.equal((await person.messenger.conversation(conversation))?.unread, 1);
      assert.equal((await person.messenger.explain(id)).steps.at(-1)?.code, 'deleted-for-me');
    }
    assert.deepEqual(await texts(alice.messenger, conversation), ['not for my eyes', 'more']);
    await assert.rejects(bob.messenger.deleteForMe(id), code('not_found'));
  });
});

suite('who has got what', { timeout: 60_000 }, () => {
  test('delivery and reading are told per member, with their times, by events and on request', async () => {
    await using scene = await pair({ bobs: 2 });
    const { alice, bob, clock, conversation } = scene;
    const { account } = await bob.messenger.self();
    const told: string[] = [];
    alice.messenger.events.on('delivery-changed', ({ delivery }) => void told.push(delivery.state));
    const { id } = await alice.messenger.send(conversation, 'hello');
    assert.deepEqual(await alice.messenger.deliveryOf(id), [
      { account, state: 'waiting', deliveredAt: null, readAt: null },
    ]);
    const before = clock.now();
    await clock.advance(MINUTE);
    await bob.messenger.markRead(conversation);
    await clock.advance(MINUTE);
    const [delivery] = await alice.messenger.deliveryOf(id);
    assert.equal(delivery?.state, 'read');
    assert.ok(delivery.deliveredAt! >= before && delivery.readAt! > delivery.deliveredAt!);
    assert.deepEqual(told, ['delivered', 'read']);
    await assert.rejects(bob.messenger.deliveryOf(id), code('not_found'));
  });

  test('forwarding marks the text as passed on; texts can be changed only in the time that the settings give', async () => {
    await using scene = await pair({ settings: { editWindowMs: HOUR } });
    const { alice, bob, clock, conversation } = scene;
    const { id } = await alice.messenger.send(conversation, 'an idea');
    await clock.advance(MINUTE);
    const passed = await bob.messenger.forward(id, conversation);
    await clock.advance(MINUTE);
    const { body } = (await alice.messenger.message(passed.id))!;
    assert.ok(body.kind === 'text' && body.forwarded && body.text === 'an idea');
    await alice.messenger.send(conversation, { kind: 'edit', message: id, text: 'a better idea' });
    await clock.advance(HOUR);
    await assert.rejects(
      alice.messenger.send(conversation, { kind: 'edit', message: id, text: 'too late' }),
      code('wrong_state'),
    );
    assert.deepEqual(await texts(bob.messenger, conversation), ['a better idea', 'an idea']);
  });
});
