import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { messageId } from '@sotto/wire';
import { StoredConversationSchema } from '@sotto/wire/stored';
import * as fc from 'fast-check';
import { dueAt, resume } from '../src/conversations/countdown.ts';
import { followTimer, timerOf } from '../src/conversations/timer.ts';
import { disappear, step } from './support/disappear.ts';
import { DAY, HOUR, MINUTE, pair } from './support/pair.ts';
import { residue } from './support/residue.ts';
import { texts } from './support/people.ts';

suite('disappearing messages', { timeout: 120_000 }, () => {
  test('stay for their time from reading, for their author from sending, and are then gone from every row and the index', async () => {
    await using scene = await pair({ bobs: 2 });
    const { alice, bob, tablet, clock, conversation } = scene;
    await alice.messenger.send(conversation, 'before');
    await alice.messenger.send(conversation, { kind: 'timer', seconds: 3600 });
    const secret = await alice.messenger.send(conversation, 'the treasure lies here');
    await alice.messenger.send(conversation, { kind: 'edit', message: secret.id, text: 'the treasure lies there' });
    await alice.messenger.send(conversation, { kind: 'pin', message: secret.id, pinned: true });
    await clock.advance(MINUTE);
    await bob.messenger.send(conversation, { kind: 'reaction', message: secret.id, emoji: '👍' });
    await clock.advance(MINUTE);
    assert.equal((await bob.messenger.conversation(conversation))?.timer, 3600);
    const unread = await bob.messenger.message(secret.id);
    assert.deepEqual([unread?.expiresAfter, unread?.expiresAt], [3600, null]);
    const mine = await alice.messenger.message(secret.id);
    assert.ok(mine!.expiresAt! <= clock.now() + HOUR);
    await clock.advance(HOUR);
    assert.deepEqual(await texts(alice.messenger, conversation), ['before', '[timer]']);
    assert.deepEqual(await texts(bob.messenger, conversation), ['before', '[timer]', 'the treasure lies there']);
    const removed = tablet.messenger.events.next('message-removed');
    await bob.messenger.markRead(conversation);
    await clock.advance(HOUR - MINUTE);
    assert.equal((await texts(bob.messenger, conversation)).length, 3);
    await clock.advance(2 * MINUTE);
    // Read on one own device, it goes from the other too.
    assert.deepEqual(await removed, {
      type: 'message-removed',
      conversation,
      message: secret.id,
      why: 'disappeared',
    });
    for (const person of [alice, bob, tablet]) {
      assert.deepEqual(await texts(person.messenger, conversation), ['before', '[timer]'], person.name);
      assert.deepEqual(await person.messenger.pins(conversation), []);
      const { steps } = await person.messenger.explain(secret.id);
      // Nothing of its way before is left; that it was read came later.
      assert.deepEqual(
        steps.map((each) => each.code),
        person === alice ? ['disappeared', 'read'] : ['disappeared'],
      );
      await person.messenger.close();
      assert.deepEqual(await residue(person, 'treasure'), []);
      await person.open();
    }
    // What was there before, and what says so, stays.
    await bob.messenger.send(conversation, { kind: 'timer', seconds: null });
    const last = await bob.messenger.send(conversation, 'stays');
    await clock.advance(DAY);
    assert.equal((await alice.messenger.message(last.id))?.expiresAfter, null);
  });

  test('a message that was taken back before its author’s time was over is still taken back at who was away', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation, gateway, deviceB } = scene;
    await alice.messenger.send(conversation, { kind: 'timer', seconds: 60 });
    const { id } = await alice.messenger.send(conversation, 'slip of the tongue');
    await clock.advance(1000);
    gateway.cutOff.add(deviceB);
    await alice.messenger.send(conversation, { kind: 'delete', message: id });
    await clock.advance(HOUR);
    gateway.cutOff.delete(deviceB);
    await clock.advance(MINUTE);
    assert.deepEqual(await texts(bob.messenger, conversation), ['[timer]', '[deleted]']);
  });

  test('time runs on while the messenger is closed, and a message that never left disappears from its author too', async () => {
    await using scene = await pair({ settings: { messageLifetimeMs: 3 * HOUR } });
    const { alice, bob, clock, conversation, gateway, deviceA } = scene;
    await alice.messenger.send(conversation, { kind: 'timer', seconds: 600 });
    await alice.messenger.send(conversation, 'one');
    await clock.advance(MINUTE);
    await bob.messenger.markRead(conversation);
    await bob.messenger.close();
    await alice.messenger.close();
    await clock.advance(HOUR);
    await bob.open();
    await alice.open();
    assert.deepEqual(await texts(bob.messenger, conversation), ['[timer]']);
    assert.deepEqual(await texts(alice.messenger, conversation), ['[timer]']);
    gateway.cutOff.add(deviceA);
    await alice.reopen();
    const { id } = await alice.messenger.send(conversation, 'never leaves');
    await clock.advance(2 * HOUR);
    assert.equal((await alice.messenger.message(id))?.state, 'waiting');
    await clock.advance(2 * HOUR);
    assert.deepEqual(await texts(alice.messenger, conversation), ['[timer]']);
    assert.deepEqual(await alice.messenger.outbox(), []);
  });

  test('whatever happens to clocks and processes, nothing goes before its time or stays long after it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => disappear(steps)),
      { numRuns: 2, interruptAfterTimeLimit: 8000 },
    );
  });
});

test('a countdown never lasts longer than its time from when a clock that was set back was noticed', () => {
  fc.assert(
    fc.property(
      fc.nat(2 ** 41),
      fc.integer({ min: 1, max: 31_536_000 }),
      fc.nat(2 ** 41),
      (startedAt, seconds, now) => {
        const resumed = resume({ startedAt, seconds }, now);
        assert.ok(dueAt(resumed) <= Math.max(dueAt({ startedAt, seconds }), 0));
        assert.ok(dueAt(resumed) - now <= seconds * 1000);
      },
    ),
  );
});

// An id is a hash of the content, which says the seconds: one id, one timer.
const timer = fc
  .nat(255)
  .map((by) => ({ seconds: by * 7, height: 1 + (by % 9), setBy: messageId(new Uint8Array(32).fill(by)) }));

test('all devices end with the same timer in whatever sequence they hear of those that were set', () => {
  fc.assert(
    fc.property(
      fc
        .array(timer, { minLength: 1, maxLength: 8 })
        .chain((all) => fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))),
      ([all, shuffled]) => {
        const [one, other] = [create(StoredConversationSchema), create(StoredConversationSchema)];
        for (const each of all) followTimer(one, each);
        for (const each of shuffled) followTimer(other, each);
        assert.deepEqual(timerOf(one), timerOf(other));
      },
    ),
  );
});
