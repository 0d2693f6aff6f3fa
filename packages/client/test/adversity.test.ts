import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
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
