import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { suite, test } from 'node:test';
import { systemClock } from '@sotto/transport';
import {
  encodeEnvelope,
  encodeEnvelopeHeader,
  mailboxId,
  MAX_HEIGHT,
  Receipt_Kind,
  roundExpiry,
  SUITE_PQXDH,
} from '@sotto/wire';
import type { MessageRef, Settings } from '../src/index.ts';
import { MOST_AHEAD } from '../src/conversations/order.ts';
import { deviceOf, messageOf } from '../src/store/refs.ts';
import { messages } from '../src/store/tables.ts';
import { liarOf } from './support/liar.ts';
import { MemoryGateway } from './support/memory-gateway.ts';
import { befriend, Person, texts, until } from './support/people.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const MOST_PARKED = 200;

/** Alice, her friend Bob, and Mallory, who is a contact of hers too and says what he likes. */
async function scene(settings: Partial<Settings> = {}) {
  const gateway = new MemoryGateway(systemClock);
  const effects = { openTransport: gateway.openTransport };
  const [alice, bob, mallory] = [
    await Person.create('alice', gateway.address, { effects, settings }),
    await Person.create('bob', gateway.address, { effects }),
    await Person.create('mallory', gateway.address, { effects }),
  ];
  const withBob = await befriend(alice, bob);
  const withMallory = await befriend(alice, mallory);
  for (const person of [alice, bob, mallory]) {
    await until(
      () => person.messenger.outbox(),
      (all) => all.length === 0,
    );
  }
  const [hers, his] = [await alice.messenger.self(), await mallory.messenger.self()];
  const device = hex(deviceOf(hers.device));
  const unreadable: string[] = [];
  alice.messenger.events.on('envelope-unreadable', ({ reason }) => void unreadable.push(reason));
  return {
    gateway,
    alice,
    bob,
    mallory,
    withBob,
    withMallory,
    hers: hers.account,
    his: his.account,
    unreadable,
    device,
    /** Everything that was posted to Alice is dealt with. */
    async settled(): Promise<void> {
      await until(
        () => Promise.resolve(gateway.waiting(device)),
        (waiting) => waiting === 0,
      );
    },
    async [Symbol.asyncDispose]() {
      for (const person of [alice, bob, mallory]) await person[Symbol.asyncDispose]();
    },
  };
}

function receipt(kind: Receipt_Kind, ...ids: MessageRef[]) {
  return { case: 'receipt', value: { kind, messages: ids.map(messageOf) } } as const;
}

const profile = (name: string, revision: bigint) => ({ case: 'profile', value: { name, revision } }) as const;
const addresses = (revision: bigint) => ({ case: 'addresses' as const, value: { addresses: [], revision } });
const text = (body: string) => ({ case: 'text', value: { body } }) as const;

suite('R-OPS-2 lying contacts', { timeout: 60_000 }, () => {
  test('receipts for messages to somebody else, for their own and for none change nothing', async () => {
    await using all = await scene();
    const { alice, bob, withBob, withMallory, hers, his } = all;
    await bob.messenger.close();
    const sent = await alice.messenger.send(withBob, 'for Bob alone');
    await sent.accepted();
    await using mallory = await liarOf(all.mallory);
    await mallory.say(hers, { kind: { case: 'text', value: { body: 'mine' } }, counter: 1n, height: 1n });
    const mine = await until(
      () => alice.messenger.history(withMallory),
      ({ entries }) => entries.length === 1,
    );
    const [first] = mine.entries;
    assert.ok(first?.kind === 'message');
    const before = await alice.messenger.explain(sent.id);
    const random = Array.from({ length: 256 }, () => randomBytes(32));
    for (const kind of [Receipt_Kind.DELIVERED, Receipt_Kind.READ]) {
      await mallory.say(hers, { kind: receipt(kind, sent.id) });
      await mallory.say(hers, { kind: receipt(kind, first.message.id) });
      await mallory.say(hers, { kind: { case: 'receipt', value: { kind, messages: random } } });
    }
    await all.settled();
    assert.equal((await alice.messenger.message(sent.id))?.state, 'accepted');
    assert.equal((await alice.messenger.message(first.message.id))?.state, 'received');
    assert.equal((await alice.messenger.conversation(withMallory))?.unread, 1);
    assert.deepEqual(await alice.messenger.explain(sent.id), before);
    assert.equal((await alice.messenger.outbox()).length, 1);
    assert.equal((await alice.messenger.contact(his))?.state, 'accepted');
    await bob.open();
    await sent.delivered();
  });

  test('a receipt for what has not left yet does not keep it from leaving', async () => {
    // One try, and none until she is asked: a second one would seal what is behind the first.
    await using all = await scene({ retryBaseMs: 600_000, retryMostMs: 600_000 });
    const { alice, mallory: victim, withMallory, hers, gateway } = all;
    await using mallory = await liarOf(victim);
    // Sealing fails as long as the gateway refuses everything for Mallory's mailbox.
    const { mailbox } = gateway.devices.get(hex(mallory.rooms.core.self.device))!;
    gateway.refuse = (to) => (to === hex(mailbox) ? 'unavailable' : null);
    const first = await alice.messenger.send(withMallory, 'first');
    await until(
      () => alice.messenger.message(first.id),
      (message) => message?.reason === 'gateway-unavailable',
    );
    const second = await alice.messenger.send(withMallory, 'second');
    for (const kind of [Receipt_Kind.READ, Receipt_Kind.DELIVERED]) {
      await mallory.say(hers, { kind: receipt(kind, second.id) });
    }
    await all.settled();
    assert.equal((await alice.messenger.message(second.id))?.state, 'waiting');
    gateway.refuse = () => null;
    await alice.reopen();
    for (const { id } of [first, second]) await (await alice.messenger.sent(id)).delivered();
  });

  test('revisions: beyond 2^53 refused, the highest possible holds for the liar alone', async () => {
    await using all = await scene();
    const { alice, hers, his, unreadable, bob } = all;
    await using mallory = await liarOf(all.mallory);
    const most = BigInt(Number.MAX_SAFE_INTEGER);
    for (const revision of [most + 1n, 2n ** 64n - 1n]) {
      await mallory.say(hers, { kind: profile('too high', revision) });
      await mallory.say(hers, { kind: addresses(revision) });
    }
    await all.settled();
    assert.deepEqual(
      unreadable,
      Array.from({ length: 4 }, () => 'invalid-content'),
    );
    assert.equal((await alice.messenger.contact(his))?.name, 'mallory');
    await mallory.say(hers, { kind: profile('for ever', most) });
    await mallory.say(hers, { kind: profile('too late', 3n) });
    await all.settled();
    assert.equal((await alice.messenger.contact(his))?.name, 'for ever');
    // Alice's own revisions go on as they were.
    await alice.messenger.setProfile({ name: 'Alice B.' });
    await until(
      () => bob.messenger.contact(hers),
      (contact) => contact?.name === 'Alice B.',
    );
  });

  test('heights, counters and times at their ends move nobody else and bound what comes after', async () => {
    await using all = await scene();
    const { alice, hers, withMallory, withBob, unreadable } = all;
    await using mallory = await liarOf(all.mallory);
    const most = BigInt(Number.MAX_SAFE_INTEGER);
    await (await alice.messenger.send(withBob, 'to Bob')).delivered();
    const absent = [randomBytes(32)];
    await mallory.say(hers, { kind: text('first'), counter: 1n, height: 1n, sentAt: 0n });
    await mallory.say(hers, {
      kind: text('far ahead'),
      counter: most,
      height: BigInt(MAX_HEIGHT),
      parents: absent,
      sentAt: 8_640_000_000_000_000n,
    });
    const wrong = [
      { height: BigInt(MAX_HEIGHT) + 1n, counter: 2n },
      { height: 2n ** 64n - 1n, counter: 2n },
      { height: 2n, counter: 2n ** 64n - 1n },
      { height: 2n, counter: 0n },
      { height: 2n, counter: 2n, sentAt: 8_640_000_000_000_001n },
      { height: 2n, counter: 2n, sentAt: 2n ** 64n - 1n },
      { height: 2n, counter: 2n, parents: Array.from({ length: 17 }, () => randomBytes(32)) },
    ];
    for (const fields of wrong) await mallory.say(hers, { kind: text('never shown'), ...fields });
    await all.settled();
    assert.deepEqual(
      unreadable,
      Array.from(wrong, () => 'invalid-content'),
    );
    await until(
      () => texts(alice.messenger, withMallory),
      (found) => found.includes('far ahead'),
    );
    const after = await alice.messenger.send(withMallory, 'mine, after it');
    await after.delivered();
    const found = (await texts(alice.messenger, withMallory)).filter((line) => !line.startsWith('gap'));
    assert.deepEqual(found, ['first', 'far ahead', 'mine, after it']);
    const row = mallory.rooms.core.ledger.read((read) => messages.get(read, after.id));
    assert.ok(row !== null && Number(row.height) <= 1 + MOST_AHEAD + 1, String(row?.height));
    // By the own clock, not by what others claim.
    const [newest] = await alice.messenger.conversations();
    assert.equal(newest?.id, withMallory);
    assert.deepEqual(await texts(alice.messenger, withBob), ['to Bob']);
  });

  test('chain heads of the far future cost a bounded number of questions', async () => {
    await using all = await scene();
    const { alice, hers, gateway, his } = all;
    await using mallory = await liarOf(all.mallory);
    let asked = 0;
    gateway.showChain = (_account, chain, asker) => {
      if (asker === all.device) asked++;
      return chain;
    };
    const { account } = mallory.rooms.core.self;
    for (let i = 0; i < 40; i++) {
      const sequence = BigInt(Number.MAX_SAFE_INTEGER - i);
      const chainHead = { account, sequence, hash: randomBytes(32), seenAt: 0n };
      await mallory.say(hers, { kind: { case: 'typing', value: { active: true } }, chainHead });
    }
    await all.settled();
    assert.ok(asked <= 10, `${asked} questions`);
    assert.equal((await alice.messenger.contact(his))?.forkedAt, null);
  });

  test('floods of what cannot be opened: a bounded number is kept, and what can be opened comes through', async () => {
    await using all = await scene();
    const { alice, hers, gateway, withMallory } = all;
    await using mallory = await liarOf(all.mallory);
    const { capability, mailbox } = mallory.addressOf(hers);
    for (let i = 0; i < MOST_PARKED + 100; i++) {
      const expiresAt = roundExpiry(Date.now() / 1000 + 86_400);
      const header = encodeEnvelopeHeader({
        suite: SUITE_PQXDH,
        mailbox: mailboxId(mailbox),
        expiresAt,
        urgency: 'high',
      });
      gateway.post(encodeEnvelope(header, randomBytes(512)), { kind: 'capability', secret: capability });
    }
    await all.settled();
    const { parked } = await alice.messenger.status();
    assert.equal(
      [...parked.values()].reduce((sum, count) => sum + count, 0),
      MOST_PARKED,
    );
    await mallory.say(hers, { kind: { case: 'text', value: { body: 'still here' } }, counter: 1n, height: 1n });
    await until(
      () => texts(alice.messenger, withMallory),
      (found) => found.includes('still here'),
    );
  });

  test('what only own devices may say is refused from anybody else', async () => {
    await using all = await scene();
    const { alice, hers, his, withBob, unreadable } = all;
    const { account: bobs } = await all.bob.messenger.self();
    await using mallory = await liarOf(all.mallory);
    const contact = mallory.rooms.core.ledger.read(() => Buffer.from(randomBytes(32)));
    await mallory.say(hers, {
      kind: { case: 'syncState', value: { contact, decision: { state: 5, decidedAt: 2n ** 50n } } },
    });
    await mallory.say(hers, { kind: { case: 'contactAnswer', value: { accepted: false } } });
    await all.settled();
    assert.deepEqual(unreadable, ['invalid-content', 'not-a-contact']);
    assert.equal((await alice.messenger.contact(his))?.state, 'accepted');
    assert.equal((await alice.messenger.contact(bobs))?.state, 'accepted');
    assert.equal((await alice.messenger.contacts()).length, 2);
    assert.deepEqual(await texts(alice.messenger, withBob), []);
  });
});
