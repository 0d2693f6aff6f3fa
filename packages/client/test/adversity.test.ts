import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { nativeProvider } from '@sotto/crypto';
import { InProcessEngine } from '@sotto/engine';
import type { Engine } from '@sotto/engine';
import type { DeliveryOutcome } from '@sotto/transport';
import { systemClock } from '@sotto/transport';
import { idFromText, idHex } from '@sotto/wire';
import type { Effects, Settings } from '../src/index.ts';
import { ManualClock } from './support/clock.ts';
import { MemoryGateway } from './support/memory-gateway.ts';
import { befriend, Person, texts, until } from './support/people.ts';
import { addDevice } from './support/second-device.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

interface SceneOptions {
  readonly settings?: Partial<Settings>;
  /** How far Alice's clock is ahead of everyone else's. */
  readonly aheadMs?: number;
}

const nobody = (_outcome: DeliveryOutcome): void => undefined;

/** Two people who know nothing of each other, under a clock that is moved by hand. */
async function strangers({ settings: given = {}, aheadMs = 0 }: SceneOptions = {}) {
  const settings = { retryBaseMs: SECOND, retryMostMs: 5 * MINUTE, ...given };
  const clock = new ManualClock();
  const gateway = new MemoryGateway(clock);
  const effects: Partial<Effects> = { openTransport: gateway.openTransport, clock, random: () => 0.5 };
  const hers = { now: () => clock.now() + aheadMs, after: clock.after.bind(clock) };
  const alice = await Person.create('alice', gateway.address, { effects: { ...effects, clock: hers }, settings });
  const bob = await Person.create('bob', gateway.address, { effects, settings: { autoAccept: true, ...settings } });
  const [deviceA = '', deviceB = ''] = gateway.devices.keys();
  const link = await bob.messenger.contactLink();
  return {
    clock,
    gateway,
    alice,
    bob,
    link,
    deviceA,
    deviceB,
    mailboxB: idHex(gateway.devices.get(deviceB)!.mailbox),
    async [Symbol.asyncDispose]() {
      await alice[Symbol.asyncDispose]();
      await bob[Symbol.asyncDispose]();
      assert.equal(clock.pending, 0, 'timers are left');
    },
  };
}

async function contacts(options: SceneOptions = {}) {
  const scene = await strangers(options);
  const { conversation } = await scene.alice.messenger.addContact(scene.link);
  await scene.clock.advance(MINUTE);
  assert.equal((await scene.alice.messenger.contacts())[0]?.state, 'accepted');
  return { ...scene, conversation };
}

suite('answers of a gateway that come late', () => {
  test('a receipt that overtook the answer stands: what was delivered is not waited for again', async () => {
    const gateway = new MemoryGateway(systemClock);
    let answer = nobody;
    let held = '';
    const openTransport: Effects['openTransport'] = (options) => {
      const transport = gateway.openTransport(options);
      const deliver = transport.deliver.bind(transport);
      transport.deliver = async (delivery, signal) => {
        const outcome = await deliver(delivery, signal);
        if (Buffer.from(delivery.destination.mailbox).toString('hex') !== held) return outcome;
        return new Promise((resolve) => {
          answer = resolve;
        });
      };
      return transport;
    };
    await using bob = await Person.create('bob', gateway.address, {
      effects: { openTransport: gateway.openTransport },
    });
    await using alice = await Person.create('alice', gateway.address, { effects: { openTransport } });
    const conversation = await befriend(alice, bob);
    await using second = await addDevice(alice, 'second');
    await until(
      () => second.messenger.contacts(),
      (all) => all[0]?.state === 'accepted',
    );
    // Her second device is away, so that the message stays in the outbox.
    const { device } = await second.messenger.self();
    await second.messenger.close();
    gateway.cutOff.add(idHex(idFromText('DeviceId', device)));
    const [deviceB = ''] = gateway.devices.keys();
    for (const kind of ['accepted', 'unreachable', 'refused'] as const) {
      held = idHex(gateway.devices.get(deviceB)!.mailbox);
      const sent = await alice.messenger.send(conversation, kind);
      await sent.delivered();
      held = '';
      const outcomes: Record<typeof kind, DeliveryOutcome> = {
        accepted: { kind: 'accepted', duplicate: false },
        unreachable: { kind: 'unreachable' },
        refused: { kind: 'refused', code: 'expired' },
      };
      answer(outcomes[kind]);
      await new Promise((resolve) => setTimeout(resolve, 50));
      const entry = (await alice.messenger.outbox()).find((each) => each.message === sent.id);
      const states = entry?.deliveries.map((each) => each.state).toSorted();
      assert.ok(states?.includes('delivered'), `${kind}: ${states?.join()}`);
    }
    assert.deepEqual(await texts(bob.messenger, conversation), ['accepted', 'unreachable', 'refused']);
  });
});

suite('clocks that are wrong', () => {
  for (const [name, aheadMs] of [
    ['three hours ahead', 3 * HOUR],
    ['a day behind', -DAY],
    ['eight days behind', -8 * DAY],
  ] as const) {
    test(`a device whose clock is ${name} still sends`, async () => {
      await using scene = await strangers({ aheadMs });
      const { clock, gateway, alice, bob } = scene;
      const { conversation } = await alice.messenger.addContact(scene.link);
      await clock.advance(MINUTE);
      await alice.messenger.send(conversation, 'what time is it?');
      await clock.advance(MINUTE);
      assert.deepEqual(await texts(bob.messenger, conversation), ['what time is it?']);
      const refused = gateway.posted.filter((each) => each.outcome === 'refused').length;
      assert.ok(refused < 8, `${refused} posts were refused`);
    });
  }

  test('a gateway that keeps messages for a day only gets envelopes that last a day', async () => {
    await using scene = await strangers();
    const { clock, gateway, alice, bob } = scene;
    gateway.retentionSeconds = 86_400;
    const { conversation } = await alice.messenger.addContact(scene.link);
    await clock.advance(MINUTE);
    await alice.messenger.send(conversation, 'short');
    await clock.advance(MINUTE);
    assert.deepEqual(await texts(bob.messenger, conversation), ['short']);
  });

  test('a gateway that calls everything expired is not asked in a loop', async () => {
    await using scene = await contacts();
    const { clock, gateway, alice } = scene;
    gateway.refuse = () => 'expired';
    const before = gateway.posted.length;
    await alice.messenger.send(scene.conversation, 'never');
    await clock.advance(10 * MINUTE);
    const posts = gateway.posted.length - before;
    assert.ok(posts < 20, `${posts} posts in ten minutes`);
  });

  test('a clock that is set back does not hold up what was waiting for a moment', async () => {
    await using scene = await contacts();
    const { clock, gateway, alice, bob, conversation } = scene;
    gateway.mailboxLimit = 0;
    await alice.messenger.send(conversation, 'patience');
    await clock.advance(10 * SECOND);
    clock.jump(-3 * DAY);
    gateway.mailboxLimit = 1000;
    await clock.advance(10 * MINUTE);
    assert.deepEqual(await texts(bob.messenger, conversation), ['patience']);
  });
});

suite('contact requests', () => {
  test('one that nobody took in seven days can be made again', async () => {
    await using scene = await strangers({ settings: { retryMostMs: 4 * HOUR } });
    const { clock, gateway, alice, bob } = scene;
    await bob.messenger.close();
    gateway.mailboxLimit = 0;
    await alice.messenger.addContact(scene.link);
    await clock.advance(8 * DAY);
    assert.deepEqual(await alice.messenger.outbox(), []);
    gateway.mailboxLimit = 1000;
    await bob.open();
    await alice.messenger.addContact(scene.link);
    await clock.advance(MINUTE);
    assert.equal((await alice.messenger.contacts())[0]?.state, 'accepted');
  });
});

test('what could not be stored when it came is fetched again, without a new connection having to happen', async () => {
  const clock = new ManualClock();
  const gateway = new MemoryGateway(clock);
  const engine = new InProcessEngine({ crypto: nativeProvider() });
  let broken = false;
  const failing: Engine = {
    call: (request, records) => {
      if (broken && request.kind === 'process') return Promise.reject(new Error('a full disk, or the like'));
      return engine.call(request, records);
    },
    close: () => engine.close(),
  };
  const effects: Partial<Effects> = { openTransport: gateway.openTransport, clock, random: () => 0.5 };
  const settings = { retryBaseMs: SECOND, retryMostMs: 5 * MINUTE, autoAccept: true };
  await using bob = await Person.create('bob', gateway.address, { effects, settings });
  await using alice = await Person.create('alice', gateway.address, {
    effects: { ...effects, engine: failing },
    settings,
  });
  const { conversation } = await alice.messenger.addContact(await bob.messenger.contactLink());
  await clock.advance(MINUTE);
  broken = true;
  const problem = alice.messenger.events.next('problem');
  await bob.messenger.send(conversation, 'stubborn');
  await clock.advance(MINUTE);
  await problem;
  assert.deepEqual(await texts(alice.messenger, conversation), []);
  broken = false;
  await clock.advance(10 * MINUTE);
  assert.deepEqual(await texts(alice.messenger, conversation), ['stubborn']);
});

test('events tell of the gateway coming and going, and of what had waited', async () => {
  await using scene = await contacts();
  const { clock, gateway, alice, bob, conversation } = scene;
  const names = ['peer-connected', 'peer-disconnected', 'offline-sync-started', 'offline-sync-finished'] as const;
  const seen: string[] = [];
  for (const name of names) {
    bob.messenger.events.on(name, (event) => {
      assert.equal(event.address, gateway.address);
      seen.push('received' in event ? `${name} ${event.received}` : name);
    });
  }
  bob.messenger.events.on('message-received', ({ message }) => void seen.push(message.body.kind));
  gateway.cutOff.add(scene.deviceB);
  gateway.mailboxes.get(scene.mailboxB)?.wake();
  await clock.advance(SECOND);
  for (const text of ['one', 'two']) await alice.messenger.send(conversation, text);
  await clock.advance(SECOND);
  gateway.cutOff.delete(scene.deviceB);
  await clock.advance(MINUTE);
  assert.deepEqual(seen, [
    'peer-disconnected',
    'peer-connected',
    'offline-sync-started',
    'text',
    'text',
    'offline-sync-finished 2',
  ]);
});

suite('order and gaps', () => {
  test('a message whose parent was taken back before it came keeps its place', async () => {
    const gateway = new MemoryGateway(systemClock);
    const effects = { openTransport: gateway.openTransport };
    await using alice = await Person.create('alice', gateway.address, { effects });
    await using bob = await Person.create('bob', gateway.address, { effects });
    const conversation = await befriend(alice, bob);
    await using second = await addDevice(bob, 'second');
    await until(
      () => second.messenger.contacts(),
      (all) => all[0]?.state === 'accepted',
    );
    for (const text of ['one', 'two', 'three']) await (await alice.messenger.send(conversation, text)).delivered();
    const [deviceA = ''] = gateway.devices.keys();
    const mailbox = gateway.mailboxes.get(idHex(gateway.devices.get(deviceA)!.mailbox))!;
    await until(
      () => texts(second.messenger, conversation),
      (found) => found.length === 3,
    );
    await alice.messenger.close();
    mailbox.stored = [];
    await (await bob.messenger.send(conversation, 'a mistake')).accepted();
    await until(
      () => texts(second.messenger, conversation),
      (found) => found.length === 4,
    );
    mailbox.stored = [];
    const mistake = (await bob.messenger.history(conversation)).entries.at(-1);
    assert.ok(mistake?.kind === 'message');
    const reply = await second.messenger.send(conversation, 'four');
    await reply.accepted();
    const late = mailbox.stored;
    mailbox.stored = [];
    await bob.messenger.send(conversation, { kind: 'delete', message: mistake.message.id });
    await until(
      () => Promise.resolve(mailbox.stored.length),
      (count) => count > 0,
    );
    mailbox.stored = [...mailbox.stored, ...late];
    await alice.open();
    await until(
      () => texts(alice.messenger, conversation),
      (found) => found.includes('four'),
    );
    assert.deepEqual(await texts(alice.messenger, conversation), ['one', 'two', 'three', 'four']);
  });

  test('a clock that is set back hides no message', async () => {
    await using scene = await contacts({ settings: { askDelayMs: HOUR } });
    const { clock, gateway, alice, bob, conversation } = scene;
    await bob.messenger.send(conversation, 'first');
    await clock.advance(MINUTE);
    const mailbox = gateway.mailboxes.get(idHex(gateway.devices.get(scene.deviceA)!.mailbox))!;
    await alice.messenger.close();
    await bob.messenger.send(conversation, 'lost');
    await clock.advance(SECOND);
    mailbox.stored = [];
    await bob.messenger.send(conversation, 'last');
    await clock.advance(SECOND);
    await alice.open();
    await clock.advance(10);
    assert.deepEqual(await texts(alice.messenger, conversation), ['first']);
    clock.jump(-3 * DAY);
    await clock.advance(10 * SECOND);
    assert.deepEqual(await texts(alice.messenger, conversation), ['first', 'gap of 1', 'last']);
  });
});

suite('addresses that are gone on both sides', () => {
  test('both blocked each other and thought better of it: they find each other again', async () => {
    await using scene = await contacts();
    const { clock, alice, bob, conversation } = scene;
    const people = [alice, bob];
    for (const change of ['block', 'unblock'] as const) {
      for (const { messenger } of people) {
        const [contact] = await messenger.contacts();
        await messenger[change](contact!.account);
      }
      await clock.advance(MINUTE);
    }
    await alice.messenger.send(conversation, 'sorry');
    await bob.messenger.send(conversation, 'me too');
    await clock.advance(10 * MINUTE);
    for (const { messenger } of people) {
      assert.deepEqual((await texts(messenger, conversation)).toSorted(), ['me too', 'sorry']);
      assert.equal((await messenger.contacts())[0]?.state, 'accepted');
    }
  });

  test('who is blocked cannot get round it', async () => {
    await using scene = await contacts();
    const { clock, alice, bob, conversation } = scene;
    const [contact] = await bob.messenger.contacts();
    await bob.messenger.block(contact!.account);
    await clock.advance(MINUTE);
    const sent = await alice.messenger.send(conversation, 'let me in');
    for (let hour = 0; hour < 48; hour++) await clock.advance(HOUR);
    assert.equal((await alice.messenger.message(sent.id))?.state, 'waiting');
    assert.deepEqual(await texts(bob.messenger, conversation), []);
    assert.equal((await bob.messenger.contacts())[0]?.state, 'blocked');
    assert.deepEqual(await bob.messenger.requests(), []);
    const posts = scene.gateway.posted.filter((each) => each.mailbox === scene.mailboxB).length;
    assert.ok(posts < 80, `${posts} posts to who blocked`);
  });
});

suite('gateways that forget', () => {
  test('a gateway restored from an old copy learns again who may post', async () => {
    await using scene = await strangers();
    const { clock, gateway, alice, bob } = scene;
    const copy = [...gateway.capabilities];
    const { conversation } = await alice.messenger.addContact(scene.link);
    await clock.advance(MINUTE);
    await alice.messenger.send(conversation, 'before');
    await clock.advance(2 * HOUR);
    for (const device of [scene.deviceA, scene.deviceB]) gateway.cutOff.add(device);
    for (const each of gateway.mailboxes.values()) each.wake();
    gateway.capabilities.clear();
    for (const [hash, mailbox] of copy) gateway.capabilities.set(hash, mailbox);
    await clock.advance(MINUTE);
    gateway.cutOff.clear();
    await clock.advance(MINUTE);
    await alice.messenger.send(conversation, 'after');
    await bob.messenger.send(conversation, 'here too');
    await clock.advance(HOUR + MINUTE);
    const expected = ['after', 'before', 'here too'];
    for (const { messenger } of [alice, bob]) {
      assert.deepEqual((await texts(messenger, conversation)).toSorted(), expected);
    }
  });

  test('a refusal of an old address does not stop what the new one takes', async () => {
    const gateway = new MemoryGateway(systemClock);
    let answer = nobody;
    let refusal: DeliveryOutcome | null = null;
    let isSending = false;
    const openTransport: Effects['openTransport'] = (options) => {
      const transport = gateway.openTransport(options);
      const deliver = transport.deliver.bind(transport);
      transport.deliver = async (delivery, signal) => {
        const outcome = await deliver(delivery, signal);
        if (outcome.kind !== 'refused' || refusal !== null || !isSending) return outcome;
        refusal = outcome;
        return new Promise((resolve) => {
          answer = resolve;
        });
      };
      return transport;
    };
    await using bob = await Person.create('bob', gateway.address, {
      effects: { openTransport: gateway.openTransport },
    });
    await using alice = await Person.create('alice', gateway.address, { effects: { openTransport } });
    const conversation = await befriend(alice, bob);
    await (await alice.messenger.send(conversation, 'there?')).delivered();
    await (await bob.messenger.send(conversation, 'yes')).delivered();
    const [contact] = await bob.messenger.contacts();
    const open = gateway.capabilities.size;
    await bob.messenger.block(contact!.account);
    await until(
      () => Promise.resolve(gateway.capabilities.size),
      (size) => size < open,
    );
    isSending = true;
    const sent = await alice.messenger.send(conversation, 'still there?');
    await until(
      () => Promise.resolve(refusal),
      (found) => found !== null,
    );
    await bob.messenger.unblock(contact!.account);
    // The new addresses have arrived.
    await until(
      () => bob.messenger.outbox(),
      (waiting) => waiting.length === 0,
    );
    answer(refusal!);
    await sent.delivered({ signal: AbortSignal.timeout(5000) });
  });
});

test('an agent whose rule for requests fails is asked, and told of the failure', async () => {
  await using scene = await strangers({
    settings: {
      autoAccept: () => {
        throw new Error('a mistake in the agent');
      },
    },
  });
  const problem = scene.bob.messenger.events.next('problem');
  await scene.alice.messenger.addContact(scene.link);
  await scene.clock.advance(MINUTE);
  assert.deepEqual(
    (await scene.bob.messenger.requests()).map((each) => each.state),
    ['incoming'],
  );
  assert.equal((await problem).error.code, 'listener_failed');
});
