import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { ContentSchema, decodeEnvelope, idHex } from '@sotto/wire';
import type { MessageRef } from '../src/index.ts';
import { MOST_RESENDS } from '../src/healing/answering.ts';
import { tellDevice } from '../src/healing/tell-device.ts';
import { SENT_LOG_MS } from '../src/healing/sent-log.ts';
import { MOST_PLACEHOLDERS_OF_DEVICE } from '../src/healing/wanted.ts';
import { contentId } from '../src/core/core.ts';
import { accountOf, conversationOf, deviceOf, envelopeOf, messageOf, messageRef } from '../src/store/refs.ts';
import { messages, sentLog } from '../src/store/tables.ts';
import { damaged } from './support/damage.ts';
import { liarOf } from './support/liar.ts';
import type { Liar } from './support/liar.ts';
import { DAY, HOUR, MINUTE, pair, SECOND } from './support/pair.ts';
import { Person, texts } from './support/people.ts';
import { addDevice } from './support/second-device.ts';

type Scene = Awaited<ReturnType<typeof pair>>;

const asking = (...ids: MessageRef[]) => ({ case: 'retryRequest' as const, value: { messages: ids.map(messageOf) } });

/** Envelopes posted to a device. */
function postedTo({ gateway }: Scene, device: string): Uint8Array[] {
  const mailbox = idHex(gateway.devices.get(device)!.mailbox);
  return gateway.posted.filter((each) => each.mailbox === mailbox).map((each) => each.envelope);
}

const tagsOf = (envelopes: readonly Uint8Array[]) =>
  envelopes.map((envelope) => ({
    envelope: new Uint8Array(32).fill(1),
    tag: decodeEnvelope(envelope).sealed.slice(0, 8),
  }));

/** Whether a text has come to somebody, shown or not. */
function hasText({ rooms }: Liar, text: string): boolean {
  const rows = rooms.core.ledger.read((read) => messages.all(read));
  return rows.some(({ row }) => Buffer.from(row.content).includes(text));
}

async function codes(person: Person, message: MessageRef): Promise<string[]> {
  return (await person.messenger.explain(message)).steps.map((step) => step.code);
}

suite('questions are answered to whom they concern, and seldom', { timeout: 120_000 }, () => {
  test('a peer that floods with questions gets a message a few times again, and most of them no answer at all', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation, deviceB } = scene;
    const sent = await alice.messenger.send(conversation, 'once is enough');
    await clock.advance(MINUTE);
    const { account } = await alice.messenger.self();
    const before = postedTo(scene, deviceB).length;
    await using liar = await liarOf(bob);
    for (let i = 0; i < 100; i++) {
      await liar.say(account, { kind: asking(...Array.from({ length: 32 }, () => sent.id)) });
      await clock.advance(20 * SECOND);
    }
    const inOneHour = postedTo(scene, deviceB).length - before;
    assert.ok(inOneHour <= 2 * MOST_RESENDS + 4, `${inOneHour} envelopes for 3,200 questions`);
    assert.ok((await codes(alice, sent.id)).includes('asked-too-often'));
    // Others are served all the while.
    await alice.messenger.send(conversation, 'the next');
    await clock.advance(MINUTE);
    assert.ok(hasText(liar, 'the next'));
  });

  test('asking for messages to others gets nothing, by their ids or by the tags of their envelopes', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation, gateway, deviceB } = scene;
    const sent = await alice.messenger.send(conversation, 'between us');
    await clock.advance(MINUTE);
    const mallory = await Person.create('mallory', gateway.address, alice.options);
    const asked = alice.messenger.events.next('contact-request');
    await mallory.messenger.addContact(await alice.messenger.contactLink());
    await clock.advance(SECOND);
    await alice.messenger.acceptRequest((await asked).contact.account);
    await clock.advance(MINUTE);
    const { account } = await alice.messenger.self();
    const liar = await liarOf(mallory);
    await liar.say(account, { kind: asking(sent.id) });
    const envelopes = tagsOf(postedTo(scene, deviceB)).slice(-32);
    await liar.say(account, { kind: { case: 'retryRequest', value: { messages: [], envelopes } } });
    await clock.advance(10 * MINUTE);
    assert.ok(!hasText(liar, 'between us'));
    assert.ok((await codes(alice, sent.id)).includes('asked-by-stranger'));
    assert.deepEqual(await alice.messenger.outbox(), []);
    await liar[Symbol.asyncDispose]();
    await mallory.open();
    await mallory[Symbol.asyncDispose]();
    assert.deepEqual(await texts(bob.messenger, conversation), ['between us']);
  });

  test('a device that came later gets nothing that was sent before it was there, of a contact or of its own account', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation } = scene;
    const sent = await alice.messenger.send(conversation, 'before the tablet');
    await clock.advance(MINUTE);
    const tablet = await addDevice(bob, 'tablet', clock.now());
    await clock.advance(MINUTE);
    const [hers, his] = [await alice.messenger.self(), await bob.messenger.self()];
    const liar = await liarOf(tablet);
    await liar.say(hers.account, { kind: asking(sent.id) });
    liar.rooms.core.ledger.commit((tx) =>
      tellDevice(tx, liar.rooms.core, {
        account: accountOf(his.account),
        device: deviceOf(his.device),
        body: { kind: 'retryRequest', value: asking(sent.id).value },
      }),
    );
    await clock.advance(10 * MINUTE);
    assert.ok(!hasText(liar, 'before the tablet'));
    // What comes after it was there, it may ask for.
    await alice.messenger.send(conversation, 'hello tablet');
    await clock.advance(MINUTE);
    assert.ok(hasText(liar, 'hello tablet'));
    await liar[Symbol.asyncDispose]();
    await tablet.open();
    await tablet[Symbol.asyncDispose]();
  });

  test('a device that was revoked gets nothing more, also of what it was sent when it was none', async () => {
    await using scene = await pair({ bobs: 2 });
    const { alice, bob, tablet, clock, conversation } = scene;
    const sent = await alice.messenger.send(conversation, 'to both devices');
    await clock.advance(MINUTE);
    const { account } = await alice.messenger.self();
    const { device } = await tablet.messenger.self();
    const liar = await liarOf(tablet);
    await bob.messenger.revokeDevice(device, 'lost');
    await bob.messenger.send(conversation, 'I lost my tablet');
    await clock.advance(MINUTE);
    const before = await codes(alice, sent.id);
    const refused = alice.messenger.events.next('envelope-unreadable');
    await liar.say(account, { kind: asking(sent.id) });
    await clock.advance(10 * MINUTE);
    assert.equal((await refused).reason, 'revoked-sender');
    assert.deepEqual(await codes(alice, sent.id), before);
    assert.deepEqual(await alice.messenger.outbox(), []);
    await liar[Symbol.asyncDispose]();
    await tablet.open();
  });

  test('what was taken back, deleted here, has disappeared or expired is given to nobody', async () => {
    await using scene = await pair({ settings: { messageLifetimeMs: 6 * HOUR } });
    const { alice, bob, clock, conversation, gateway, deviceA } = scene;
    const taken = await alice.messenger.send(conversation, 'text taken back');
    const kept = await alice.messenger.send(conversation, 'text that stays');
    const hidden = await alice.messenger.send(conversation, 'text deleted here');
    await alice.messenger.send(conversation, { kind: 'timer', seconds: 60 });
    const gone = await alice.messenger.send(conversation, 'text that disappears');
    const edited = await alice.messenger.send(conversation, { kind: 'edit', message: gone.id, text: 'text changed' });
    await clock.advance(SECOND);
    await alice.messenger.send(conversation, { kind: 'delete', message: taken.id });
    await alice.messenger.deleteForMe(hidden.id);
    await alice.messenger.send(conversation, { kind: 'timer', seconds: null });
    await clock.advance(HOUR);
    gateway.cutOff.add(deviceA);
    await alice.reopen();
    const late = await alice.messenger.send(conversation, 'text that expired');
    await clock.advance(7 * HOUR);
    gateway.cutOff.delete(deviceA);
    await clock.advance(MINUTE);
    assert.equal((await alice.messenger.message(late.id))?.state, 'expired');
    const { account } = await alice.messenger.self();
    await using liar = await liarOf(bob);
    // He forgets them, as after a disk was restored.
    liar.rooms.core.ledger.commit((tx) => {
      for (const { key, row } of messages.all(tx.write)) {
        if (Buffer.from(row.content).includes('text')) messages.delete(tx.write, key);
      }
    });
    const stays = await texts(alice.messenger, conversation);
    assert.ok(stays.includes('text that stays'));
    await liar.say(account, { kind: asking(kept.id, taken.id, hidden.id, gone.id, edited.id, late.id) });
    await clock.advance(10 * MINUTE);
    for (const text of ['taken back', 'deleted here', 'disappears', 'changed', 'expired']) {
      assert.ok(!hasText(liar, `text ${text}`) && !hasText(liar, `text that ${text}`), text);
    }
    assert.ok(hasText(liar, 'text that stays'));
    assert.deepEqual(await alice.messenger.outbox(), []);
  });

  test('after fourteen days the log of what was sent is empty', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation } = scene;
    await alice.messenger.send(conversation, 'hello');
    await clock.advance(MINUTE);
    await alice.messenger.close();
    await bob.messenger.close();
    await clock.advance(SENT_LOG_MS + DAY);
    const liar = await liarOf(alice);
    await clock.advance(MINUTE);
    assert.deepEqual(
      liar.rooms.core.ledger.read((read) => sentLog.all(read)),
      [],
    );
    await liar[Symbol.asyncDispose]();
    await alice.open();
    await bob.open();
  });
});

suite('what is handed on and answered is believed as far as it proves itself', { timeout: 120_000 }, () => {
  test('nobody puts words into this account’s mouth by naming a parent that it never wrote and handing it on', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation } = scene;
    await alice.messenger.send(conversation, 'hello');
    await clock.advance(MINUTE);
    const hers = await alice.messenger.self();
    await using liar = await liarOf(bob);
    const { core } = liar.rooms;
    const words = { case: 'text', value: { body: 'I owe Bob a hundred' } } as const;
    const forged = toBinary(
      ContentSchema,
      create(ContentSchema, {
        version: 1,
        conversation: conversationOf(conversation),
        counter: 9n,
        height: 2n,
        kind: words,
      }),
    );
    const author = accountOf(hers.account);
    const authorDevice = deviceOf(hers.device);
    const id = contentId(core, authorDevice, forged);
    const text = { case: 'text', value: { body: 'as you said' } } as const;
    await liar.say(hers.account, { counter: 1n, height: 3n, parents: [id], kind: text });
    await clock.advance(10 * SECOND);
    const value = { author, device: authorDevice, content: forged };
    const problems: string[] = [];
    alice.messenger.events.on('envelope-unreadable', ({ reason }) => void problems.push(reason));
    await liar.say(hers.account, { kind: { case: 'backfill', value } });
    await clock.advance(MINUTE);
    assert.deepEqual(problems, ['invalid-content']);
    assert.equal(await alice.messenger.message(messageRef(id)), null);
    assert.deepEqual(await texts(alice.messenger, conversation), ['hello', 'gap of 1', 'as you said']);
    // Nor what nobody asked for, nor what is no message.
    const mine = { ...value, author: core.self.account, device: core.self.device };
    await liar.say(hers.account, { kind: { case: 'backfill', value: mine } });
    await clock.advance(MINUTE);
    assert.deepEqual(await texts(alice.messenger, conversation), ['hello', 'gap of 1', 'as you said']);
  });

  test('parents that exist nowhere cost a handful of questions', async () => {
    await using scene = await pair();
    const { alice, bob, clock, deviceB } = scene;
    const { account } = await alice.messenger.self();
    await alice.messenger.send(scene.conversation, 'hello');
    await clock.advance(MINUTE);
    await using liar = await liarOf(bob);
    const before = postedTo(scene, deviceB).length;
    for (let i = 1; i <= 60; i++) {
      const parents = Array.from({ length: 16 }, (_, k) => new Uint8Array(32).fill(k + 1).fill(i, 8));
      const text = { case: 'text', value: { body: `${i}` } } as const;
      await liar.say(account, { counter: BigInt(i), height: BigInt(i + 1), parents, kind: text });
    }
    await clock.advance(2 * HOUR);
    const questions = postedTo(scene, deviceB).length - before;
    assert.ok(questions < 40, `${questions} envelopes for 960 parents`);
  });

  test('an answer about what was not asked, or that names what another device wrote, changes nothing', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation, gateway, deviceA } = scene;
    const own = await alice.messenger.send(conversation, 'hers');
    await clock.advance(MINUTE);
    const boxA = idHex(gateway.devices.get(deviceA)!.mailbox);
    gateway.bend = (mailbox, envelope) =>
      mailbox === boxA && decodeEnvelope(envelope).urgency === 'high' ? damaged(envelope) : envelope;
    await bob.messenger.send(conversation, 'damaged');
    await clock.advance(100);
    gateway.bend = (_mailbox, envelope) => envelope;
    const { entries } = await alice.messenger.history(conversation);
    const awaited = entries.at(-1);
    assert.ok(awaited?.kind === 'awaited');
    const { account } = await alice.messenger.self();
    await using liar = await liarOf(bob);
    const envelope = envelopeOf(awaited.placeholder.id);
    const found = [{ envelope, message: messageOf(own.id), quiet: false }];
    // Before it was asked at all, and with a message that is Alice's own.
    await liar.say(account, { kind: { case: 'retryAnswer', value: { found, unavailable: [] } } });
    assert.deepEqual(await texts(alice.messenger, conversation), ['hers', 'awaited']);
    await clock.advance(MINUTE);
    assert.deepEqual(await texts(alice.messenger, conversation), ['hers', 'damaged']);
  });

  test('forty damaged messages show a few lines, and all of them heal', async () => {
    await using scene = await pair();
    const { alice, bob, clock, conversation, gateway, deviceA } = scene;
    await alice.messenger.send(conversation, 'hello');
    await clock.advance(MINUTE);
    const boxA = idHex(gateway.devices.get(deviceA)!.mailbox);
    gateway.bend = (mailbox, envelope) => (mailbox === boxA ? damaged(envelope) : envelope);
    for (let i = 0; i < 40; i++) await bob.messenger.send(conversation, `number ${i}`);
    await clock.advance(500);
    gateway.bend = (_mailbox, envelope) => envelope;
    const shown = await texts(alice.messenger, conversation);
    assert.equal(shown.filter((text) => text === 'awaited').length, MOST_PLACEHOLDERS_OF_DEVICE);
    await clock.advance(3 * HOUR);
    const healed = await texts(alice.messenger, conversation);
    assert.deepEqual(healed, ['hello', ...Array.from({ length: 40 }, (_, i) => `number ${i}`)]);
  });
});
