import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { decodeEnvelope, encodeEnvelope, idHex } from '@sotto/wire';
import type { EnvelopeRef, MessengerEvent } from '../src/index.ts';
import { damaged } from './support/damage.ts';
import { DAY, HOUR, MINUTE, pair, SECOND } from './support/pair.ts';
import { texts } from './support/people.ts';

type Scene = Awaited<ReturnType<typeof pair>>;

/** From now on, what `damage` says yes to arrives damaged at a device. */
function damageOnWay({ gateway }: Scene, device: string, damage: (urgent: boolean) => boolean): void {
  const box = gateway.mailboxes.get(idHex(gateway.devices.get(device)!.mailbox))!;
  gateway.bend = (mailbox, envelope) =>
    mailbox === idHex(box.id) && damage(decodeEnvelope(envelope).urgency === 'high') ? damaged(envelope) : envelope;
}

const none = (scene: Scene): void => {
  scene.gateway.bend = (_mailbox, envelope) => envelope;
};

/** Waits a little, as people do. */
async function talk({ alice, bob, clock, conversation }: Scene): Promise<void> {
  await alice.messenger.send(conversation, 'hello');
  await clock.advance(SECOND);
  await bob.messenger.send(conversation, 'hello yourself');
  await clock.advance(MINUTE);
}

suite('what could not be opened heals', { timeout: 120_000 }, () => {
  test('a placeholder stands for it, becomes the message in its place, is told by one event, and explain tells the story on both sides', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation, deviceB } = scene;
    await talk(scene);
    const events: MessengerEvent[] = [];
    const types = ['message-awaited', 'message-healed', 'message-received', 'placeholder-removed'] as const;
    for (const type of types) bob.messenger.events.on(type, (event) => void events.push(event as MessengerEvent));
    damageOnWay(scene, deviceB, (urgent) => urgent);
    const sent = await alice.messenger.send(conversation, 'the one that was damaged');
    await clock.advance(200);
    assert.deepEqual(await texts(bob.messenger, conversation), ['hello', 'hello yourself', 'awaited']);
    const awaited = events[0];
    assert.ok(awaited?.type === 'message-awaited' && awaited.placeholder.recovering);
    const { id } = awaited.placeholder;
    assert.equal(awaited.placeholder.author, (await alice.messenger.self()).account);
    assert.deepEqual(
      (await bob.messenger.explain(id)).steps.map((step) => step.code),
      ['damaged'],
    );
    none(scene);
    await clock.advance(MINUTE);
    assert.deepEqual(await texts(bob.messenger, conversation), ['hello', 'hello yourself', 'the one that was damaged']);
    assert.deepEqual(
      events.map((event) => event.type),
      ['message-awaited', 'message-healed', 'message-received'],
    );
    const healed = events[1];
    assert.ok(healed?.type === 'message-healed' && healed.placeholder === id && healed.message.id === sent.id);
    await sent.delivered();
    // By the id of the envelope, of the message, and at who sent it.
    for (const subject of [id, sent.id]) {
      const { message, steps } = await bob.messenger.explain(subject);
      assert.equal(message, sent.id);
      assert.deepEqual(
        steps.map((step) => step.code),
        ['damaged', 'asking', 'found', 'healed', 'received', 'receipt-sent'],
      );
    }
    const hers = (await alice.messenger.explain(sent.id)).steps.map((step) => step.code);
    assert.deepEqual(hers, [
      'stored',
      'sealed',
      'accepted',
      'asked-for-again',
      'sent-again',
      'sealed',
      'accepted',
      'delivered',
    ]);
  });

  test('what a damaged envelope held is asked for also when it was nothing to be seen, and nobody hears of it', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation, deviceB } = scene;
    await talk(scene);
    damageOnWay(scene, deviceB, () => true);
    await alice.messenger.setProfile({ name: 'Alice the Great' });
    await clock.advance(500);
    none(scene);
    await clock.advance(MINUTE);
    const [contact] = await bob.messenger.contacts();
    assert.equal(contact?.profile?.name, 'Alice the Great');
    assert.deepEqual(await texts(bob.messenger, conversation), ['hello', 'hello yourself']);
  });

  test('what an own device sent and this one could not open is asked for at that device, and takes its place', async () => {
    await using scene = await pair({ bobs: 2 });
    const { bob, tablet, clock, conversation, deviceT } = scene;
    await talk(scene);
    damageOnWay(scene, deviceT, () => true);
    const sent = await bob.messenger.send(conversation, 'from my phone');
    await clock.advance(500);
    assert.deepEqual(await texts(tablet.messenger, conversation), ['hello', 'hello yourself']);
    none(scene);
    await clock.advance(MINUTE);
    assert.deepEqual(await texts(tablet.messenger, conversation), ['hello', 'hello yourself', 'from my phone']);
    const codes = (await tablet.messenger.explain(sent.id)).steps.map((step) => step.code);
    assert.deepEqual(codes.slice(0, 4), ['damaged', 'asking-own', 'found', 'healed']);
  });

  test('restarts at every point of it change nothing', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation, deviceB } = scene;
    await talk(scene);
    damageOnWay(scene, deviceB, (urgent) => urgent);
    const sent = await alice.messenger.send(conversation, 'heals all the same');
    await clock.advance(200);
    none(scene);
    for (let i = 0; i < 12; i++) {
      await (i % 2 === 0 ? bob : alice).reopen();
      await clock.advance(250);
    }
    await clock.advance(MINUTE);
    assert.deepEqual(await texts(bob.messenger, conversation), ['hello', 'hello yourself', 'heals all the same']);
    assert.equal((await alice.messenger.message(sent.id))?.state, 'delivered');
  });

  test('a question whose answer is damaged too is asked again in a new session, at most one an hour', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation, gateway, deviceA, deviceB } = scene;
    await talk(scene);
    damageOnWay(scene, deviceB, () => true);
    await alice.messenger.send(conversation, 'through thick and thin');
    const boxA = idHex(gateway.devices.get(deviceA)!.mailbox);
    const before = gateway.posted.filter((each) => each.mailbox === boxA).length;
    await clock.advance(50 * MINUTE);
    assert.deepEqual(await texts(bob.messenger, conversation), ['hello', 'hello yourself', 'awaited']);
    // Everything to Bob is damaged for most of an hour: a handful of questions, not a storm.
    assert.ok(gateway.posted.filter((each) => each.mailbox === boxA).length - before < 12);
    none(scene);
    await clock.advance(3 * HOUR);
    assert.deepEqual(await texts(bob.messenger, conversation), ['hello', 'hello yourself', 'through thick and thin']);
    const codes = (await bob.messenger.explain((await bob.messenger.conversation(conversation))!.last!.id)).steps;
    const renewed = codes.filter((step) => step.code === 'session-renewed').map((step) => step.at);
    assert.ok(renewed.length >= 1);
    renewed.slice(1).forEach((at, i) => assert.ok(at - renewed[i]! >= HOUR));
  });

  test('a message that never came is asked for once later ones name it, and takes its place before them', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation, gateway, deviceB } = scene;
    await talk(scene);
    const box = gateway.mailboxes.get(idHex(gateway.devices.get(deviceB)!.mailbox))!;
    gateway.cutOff.add(deviceB);
    await bob.reopen();
    const lost = await alice.messenger.send(conversation, 'lost by the gateway');
    await clock.advance(SECOND);
    box.stored.length = 0;
    await alice.messenger.send(conversation, 'came');
    await clock.advance(SECOND);
    gateway.cutOff.delete(deviceB);
    await bob.reopen();
    await clock.advance(300);
    assert.deepEqual(await texts(bob.messenger, conversation), ['hello', 'hello yourself', 'gap of 1', 'came']);
    await clock.advance(MINUTE);
    assert.deepEqual(await texts(bob.messenger, conversation), [
      'hello',
      'hello yourself',
      'lost by the gateway',
      'came',
    ]);
    await lost.delivered();
    const codes = (await bob.messenger.explain(lost.id)).steps.map((step) => step.code);
    assert.deepEqual(codes, ['asking', 'backfilled', 'received', 'receipt-sent']);
  });

  test('what its author’s device cannot give any more another own device hands on, and the author’s other device too', async () => {
    await using scene = await pair({ bobs: 2 });
    const { alice, bob, tablet, clock, conversation, gateway, deviceT } = scene;
    await talk(scene);
    // Alice's message reaches Bob's phone and not his tablet, and then Alice is gone.
    const box = gateway.mailboxes.get(idHex(gateway.devices.get(deviceT)!.mailbox))!;
    gateway.cutOff.add(deviceT);
    await tablet.reopen();
    await alice.messenger.send(conversation, 'for both of you');
    await clock.advance(5 * SECOND);
    box.stored.length = 0;
    await alice.messenger.close();
    await bob.messenger.send(conversation, 'an answer');
    await clock.advance(5 * SECOND);
    gateway.cutOff.delete(deviceT);
    await clock.advance(3 * MINUTE);
    assert.deepEqual(await texts(tablet.messenger, conversation), [
      'hello',
      'hello yourself',
      'for both of you',
      'an answer',
    ]);
    await alice.open();
  });

  test('one that nobody can give back says so in the end, and is asked for no more', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation, gateway, deviceB, deviceA } = scene;
    await talk(scene);
    damageOnWay(scene, deviceB, (urgent) => urgent);
    await alice.messenger.send(conversation, 'the last words');
    await clock.advance(200);
    await alice.messenger.close();
    const boxA = gateway.mailboxes.get(idHex(gateway.devices.get(deviceA)!.mailbox))!;
    await clock.advance(2 * DAY);
    assert.deepEqual(await texts(bob.messenger, conversation), ['hello', 'hello yourself', 'awaited']);
    await clock.advance(4 * DAY);
    assert.deepEqual(await texts(bob.messenger, conversation), ['hello', 'hello yourself', 'lost']);
    const { entries } = await bob.messenger.history(conversation);
    const entry = entries.at(-1);
    assert.ok(entry?.kind === 'awaited' && entry.placeholder.reason === 'given-up');
    assert.equal((await bob.messenger.explain(entry.placeholder.id)).steps.at(-1)?.code, 'given-up');
    assert.ok(boxA.stored.length < 20);
    await bob.messenger.deleteForMe(entry.placeholder.id);
    assert.deepEqual(await texts(bob.messenger, conversation), ['hello', 'hello yourself']);
    await alice.open();
  });
});

suite('who cannot be told makes no placeholder', { timeout: 60_000 }, () => {
  test('garbage and copies of old envelopes leave nothing in a conversation; explain knows them by the envelope', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation, gateway, deviceB } = scene;
    await talk(scene);
    const box = gateway.mailboxes.get(idHex(gateway.devices.get(deviceB)!.mailbox))!;
    const told: (EnvelopeRef | null)[] = [];
    bob.messenger.events.on('envelope-unreadable', ({ envelope }) => void told.push(envelope));
    const old = gateway.posted.find((each) => each.mailbox === idHex(box.id))!.envelope;
    const { header, sealed } = decodeEnvelope(old);
    const garbage = encodeEnvelope(header, new Uint8Array(sealed.length).fill(7));
    for (const envelope of [garbage, damaged(old)]) {
      box.stored.push({ sequence: ++box.sequence, envelope, queue: 'contacts', storedAt: clock.now() });
    }
    box.wake();
    await clock.advance(MINUTE);
    assert.equal(told.length, 2);
    assert.deepEqual(await texts(bob.messenger, conversation), ['hello', 'hello yourself']);
    for (const envelope of told) assert.equal((await bob.messenger.explain(envelope!)).message, null);
    await alice.messenger.send(conversation, 'all is well');
    await clock.advance(MINUTE);
    assert.deepEqual(await texts(bob.messenger, conversation), ['hello', 'hello yourself', 'all is well']);
  });
});
