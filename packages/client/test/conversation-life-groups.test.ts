import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Circle, HOUR, MINUTE, SECOND } from './support/circle.ts';
import { texts } from './support/people.ts';
import { residue } from './support/residue.ts';

suite('groups have what conversations have', { timeout: 60_000 }, () => {
  test('mentions, pins, settings, receipts by member, deletion for oneself, a timer, and a bundle for support', async () => {
    await using circle = await Circle.of(['alice', 'bob', 'carol']);
    const group = await circle.group('Walks');
    const [alice, bob, carol] = circle.people as [
      (typeof circle.people)[0],
      (typeof circle.people)[0],
      (typeof circle.people)[0],
    ];
    const { account } = await carol.messenger.self();
    const mentions = [{ account, start: 3, length: 6 }];
    await carol.messenger.configureConversation(group, { mutedUntil: 'forever', pinned: true, draft: { text: 'so' } });
    const news = carol.messenger.events.next('message-received');
    const sent = await bob.messenger.send(group, { kind: 'text', text: 'To @carol: at nine', mentions });
    await circle.pass(5 * SECOND);
    const { message, notify } = await news;
    assert.ok(notify && message.mentioned && message.body.kind === 'text');
    assert.deepEqual(message.body.mentions, mentions);
    await alice.messenger.send(group, { kind: 'pin', message: sent.id, pinned: true });
    await carol.messenger.markRead(group);
    await circle.pass(MINUTE);
    for (const { messenger } of circle.people) assert.equal((await messenger.pins(group))[0]?.id, sent.id);
    const kept = await carol.messenger.conversation(group);
    assert.deepEqual([kept?.pinned, kept?.mutedUntil, kept?.draft?.text], [true, 'forever', 'so']);
    const states = new Map((await bob.messenger.deliveryOf(sent.id)).map((each) => [each.account, each.state]));
    assert.deepEqual(
      [states.get((await alice.messenger.self()).account), states.get(account), states.size],
      ['delivered', 'read', 2],
    );
    await alice.messenger.deleteForMe(sent.id);
    assert.deepEqual(await texts(alice.messenger, group), []);

    await alice.messenger.groups.setTimer(group, 3600);
    await circle.pass(MINUTE);
    const secret = await bob.messenger.send(group, 'the treasure lies here');
    await circle.pass(MINUTE);
    for (const { messenger } of [alice, carol]) {
      assert.equal((await messenger.message(secret.id))?.expiresAfter, 3600);
      await messenger.markRead(group);
    }
    const bundle = JSON.stringify(await alice.messenger.diagnostics());
    for (const word of ['Walks', 'treasure', 'carol', group, account]) assert.ok(!bundle.includes(word), word);
    await circle.pass(HOUR + 2 * MINUTE);
    for (const person of circle.people) {
      assert.equal(await person.messenger.message(secret.id), null, person.name);
      await person.messenger.close();
      assert.deepEqual(await residue(person, 'treasure'), [], person.name);
      await person.open();
    }
  });
});
