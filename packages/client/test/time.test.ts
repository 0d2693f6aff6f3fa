import assert from 'node:assert/strict';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { nativeProvider } from '@sotto/crypto';
import { openVault } from '@sotto/vault';
import { idHex } from '@sotto/wire';
import type { Settings } from '../src/index.ts';
import { MOST_SESSIONS } from '../src/sessions/choose.ts';
import { ManualClock } from './support/clock.ts';
import { MemoryGateway } from './support/memory-gateway.ts';
import { keystoreIn, Person, texts } from './support/people.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Two contacts under a clock that is moved by hand. */
async function couple(given: Partial<Settings> = {}) {
  const settings = { retryBaseMs: SECOND, retryMostMs: 5 * MINUTE, ...given };
  const clock = new ManualClock();
  const gateway = new MemoryGateway(clock);
  gateway.reconnectMs = 30 * SECOND;
  const options = { effects: { openTransport: gateway.openTransport, clock, random: () => 0.5 }, settings };
  const alice = await Person.create('alice', gateway.address, options);
  const bob = await Person.create('bob', gateway.address, { ...options, settings: { ...settings, autoAccept: true } });
  const { conversation } = await alice.messenger.addContact(await bob.messenger.contactLink());
  await clock.advance(SECOND);
  assert.equal((await alice.messenger.contacts())[0]?.state, 'accepted');
  const [deviceA, deviceB] = [...gateway.devices.keys()];
  return {
    clock,
    gateway,
    alice,
    bob,
    conversation,
    deviceA: deviceA!,
    deviceB: deviceB!,
    mailboxA: idHex(gateway.devices.get(deviceA!)!.mailbox),
    mailboxB: idHex(gateway.devices.get(deviceB!)!.mailbox),
    async [Symbol.asyncDispose]() {
      await alice[Symbol.asyncDispose]();
      await bob[Symbol.asyncDispose]();
      assert.equal(clock.pending, 0, 'timers are left');
    },
  };
}

/** Deletes engine records from a closed vault: what a damaged or restored disk would do. */
async function loseSessions(person: Person, clock: ManualClock): Promise<void> {
  const provider = nativeProvider();
  const vault = await openVault({
    path: join(person.folder, 'vault'),
    keystore: keystoreIn(person.folder),
    provider,
    clock,
  });
  const ratchets = { name: 'engine-ratchets', purpose: 'ratchet', version: 1 } as const;
  vault.transaction((write) => {
    for (const { key } of write.all(ratchets)) if (key.startsWith('session/')) write.delete(ratchets, key);
  });
  vault.close();
}

/** Names of the engine's records in a closed vault that begin so. */
async function recordsOf(person: Person, clock: ManualClock, prefix: string): Promise<string[]> {
  const path = join(person.folder, 'vault');
  const vault = await openVault({ path, keystore: keystoreIn(person.folder), provider: nativeProvider(), clock });
  const ratchets = { name: 'engine-ratchets', purpose: 'ratchet', version: 1 } as const;
  const names = vault.read((read) => read.all(ratchets).map(({ key }) => key));
  vault.close();
  return names.filter((name) => name.startsWith(prefix));
}

suite('R-PAIR-2 keys do not outlive their time', { timeout: 60_000 }, () => {
  test('keys of messages that never came, and sessions that another replaced, go in a messenger that runs on', async () => {
    await using scene = await couple();
    const { clock, alice, bob, conversation, gateway } = scene;
    gateway.refuse = (mailbox) => (mailbox === scene.mailboxB ? 'too-large' : null);
    await alice.messenger.send(conversation, 'never sent');
    await clock.advance(SECOND);
    gateway.refuse = () => null;
    await alice.messenger.send(conversation, 'sent');
    await clock.advance(SECOND);
    await alice.messenger.close();
    await loseSessions(alice, clock);
    await alice.open();
    await alice.messenger.send(conversation, 'in another session');
    await clock.advance(HOUR);
    await bob.messenger.close();
    const kept = [await recordsOf(bob, clock, 'skipped/'), await recordsOf(bob, clock, 'session/')];
    assert.deepEqual(
      kept.map(({ length }) => length),
      [1, 2],
    );
    await bob.open();
    await clock.advance(17 * DAY);
    await bob.messenger.close();
    assert.deepEqual(await recordsOf(bob, clock, 'skipped/'), []);
    assert.equal((await recordsOf(bob, clock, 'session/')).length, 1);
    await bob.open();
    await alice.messenger.send(conversation, 'still there');
    await clock.advance(MINUTE);
    assert.deepEqual((await texts(bob.messenger, conversation)).slice(-3), [
      'sent',
      'in another session',
      'still there',
    ]);
  });

  test('R-OPS-2 a device that begins a session with every message fills nobody’s vault', async () => {
    await using scene = await couple();
    const { clock, alice, bob, conversation } = scene;
    for (let i = 0; i < MOST_SESSIONS + 2; i++) {
      await alice.messenger.close();
      await loseSessions(alice, clock);
      await alice.open();
      await alice.messenger.send(conversation, `${i}`);
      await clock.advance(SECOND);
    }
    assert.equal((await texts(bob.messenger, conversation)).length, MOST_SESSIONS + 2);
    await bob.messenger.close();
    assert.equal((await recordsOf(bob, clock, 'session/')).length, MOST_SESSIONS);
  });

  test('keys of messages that never came go in the session that is in use, too', async () => {
    await using scene = await couple();
    const { clock, alice, bob, conversation, gateway } = scene;
    gateway.refuse = (mailbox) => (mailbox === scene.mailboxB ? 'too-large' : null);
    await alice.messenger.send(conversation, 'never sent');
    await clock.advance(SECOND);
    gateway.refuse = () => null;
    await alice.messenger.send(conversation, 'sent');
    await clock.advance(17 * DAY);
    await bob.messenger.close();
    assert.deepEqual(await recordsOf(bob, clock, 'skipped/'), []);
  });
});

suite('R-STO-1 expiry', { timeout: 60_000 }, () => {
  test('after seven days an undelivered message is shown as expired and tried no more', async () => {
    await using scene = await couple();
    const { clock, alice, bob, conversation, gateway } = scene;
    await bob.messenger.close();
    gateway.cutOff.add(scene.deviceA);
    const sent = await alice.messenger.send(conversation, 'too late');
    const wait = assert.rejects(sent.delivered(), { code: 'expired' });
    await clock.advance(7 * DAY - MINUTE);
    assert.equal((await alice.messenger.message(sent.id))?.state, 'waiting');
    await clock.advance(2 * MINUTE);
    await wait;
    assert.equal((await alice.messenger.message(sent.id))?.state, 'expired');
    assert.equal((await alice.messenger.message(sent.id))?.reason, 'expired');
    assert.deepEqual(await alice.messenger.outbox(), []);
    gateway.cutOff.delete(scene.deviceA);
    await clock.advance(MINUTE);
    await bob.open({ autoAccept: true });
    await clock.advance(MINUTE);
    assert.deepEqual(await texts(bob.messenger, conversation), []);
  });

  test('time that passed while it was closed counts', async () => {
    await using scene = await couple();
    const { clock, alice, conversation, gateway } = scene;
    gateway.cutOff.add(scene.deviceA);
    const sent = await alice.messenger.send(conversation, 'too late');
    await alice.messenger.close();
    await clock.advance(8 * DAY);
    await alice.open();
    assert.equal((await alice.messenger.message(sent.id))?.state, 'expired');
  });
});

suite('refusals keep the message and say why', { timeout: 60_000 }, () => {
  test('a full mailbox: refused by name, tried with growing pauses, delivered once there is room', async () => {
    await using scene = await couple();
    const { clock, alice, bob, conversation, gateway } = scene;
    await bob.messenger.close();
    gateway.mailboxLimit = 0;
    const sent = await alice.messenger.send(conversation, 'any room?');
    await clock.advance(MINUTE);
    assert.equal((await alice.messenger.message(sent.id))?.reason, 'mailbox-full');
    const tries = gateway.posted.filter((each) => each.mailbox === scene.mailboxB && each.outcome === 'refused');
    assert.ok(tries.length >= 4 && tries.length < 12, `${tries.length} tries`);
    assert.equal(
      new Set(tries.map((each) => Buffer.from(each.envelope).toString('hex'))).size,
      1,
      'byte for byte the same',
    );
    gateway.mailboxLimit = 10;
    await bob.open();
    await clock.advance(MINUTE);
    assert.equal((await alice.messenger.message(sent.id))?.state, 'delivered');
    assert.deepEqual(await texts(bob.messenger, conversation), ['any room?']);
  });

  test('an envelope that became too old on its way is sealed anew', async () => {
    await using scene = await couple();
    const { clock, alice, bob, conversation, gateway } = scene;
    let first = true;
    gateway.refuse = (mailbox) => {
      if (mailbox !== scene.mailboxB || !first) return null;
      first = false;
      return 'expired';
    };
    const sent = await alice.messenger.send(conversation, 'again');
    await clock.advance(SECOND);
    assert.equal((await alice.messenger.message(sent.id))?.state, 'delivered');
    const steps = (await alice.messenger.explain(sent.id)).steps.map((step) => step.code);
    assert.deepEqual(steps, ['stored', 'sealed', 'envelope-expired', 'sealed', 'accepted', 'delivered']);
    assert.deepEqual(await texts(bob.messenger, conversation), ['again']);
  });

  test('what no gateway will ever take has failed, and does not hold up others', async () => {
    await using scene = await couple();
    const { clock, alice, conversation, gateway } = scene;
    let first = true;
    gateway.refuse = (mailbox) => {
      if (mailbox !== scene.mailboxB || !first) return null;
      first = false;
      return 'too-large';
    };
    const one = await alice.messenger.send(conversation, 'one');
    const two = await alice.messenger.send(conversation, 'two');
    await clock.advance(SECOND);
    assert.equal((await alice.messenger.message(one.id))?.state, 'failed');
    assert.equal((await alice.messenger.message(two.id))?.state, 'delivered');
    await assert.rejects(one.delivered(), { code: 'undeliverable' });
  });
});

suite('self-healing', { timeout: 60_000 }, () => {
  const settings = { healAfterMs: HOUR, healAfterSeenMs: 10 * MINUTE, sessionResetMs: HOUR };

  test('the receiver lost its sessions: without a receipt by the deadline, a new session and the same message', async () => {
    await using scene = await couple(settings);
    const { clock, alice, bob, conversation } = scene;
    // Answered once, so that messages no longer carry what could begin a session.
    await bob.messenger.send(conversation, 'I am here');
    await clock.advance(MINUTE);
    await (await alice.messenger.send(conversation, 'so am I')).accepted();
    await clock.advance(MINUTE);
    await bob.messenger.close();
    await loseSessions(bob, clock);
    await bob.open();
    const sent = await alice.messenger.send(conversation, 'can you read this?');
    await clock.advance(MINUTE);
    assert.equal((await alice.messenger.message(sent.id))?.state, 'accepted');
    assert.deepEqual(await texts(bob.messenger, conversation), ['I am here', 'so am I']);
    assert.deepEqual([...(await bob.messenger.status()).parked], [['no-session', 1]]);
    await clock.advance(2 * HOUR);
    assert.equal((await alice.messenger.message(sent.id))?.state, 'delivered');
    const steps = (await alice.messenger.explain(sent.id)).steps.map((step) => step.code);
    const expected = ['stored', 'sealed', 'accepted', 'healing', 'session-started', 'sealed', 'accepted', 'delivered'];
    assert.deepEqual(steps, expected);
    assert.deepEqual(await texts(bob.messenger, conversation), ['I am here', 'so am I', 'can you read this?']);
    const back = await bob.messenger.send(conversation, 'now I can');
    await clock.advance(MINUTE);
    assert.equal((await bob.messenger.message(back.id))?.state, 'delivered');
  });

  test('the sender lost its sessions: the next message starts a new one at once', async () => {
    await using scene = await couple(settings);
    const { clock, alice, bob, conversation } = scene;
    await alice.messenger.close();
    await loseSessions(alice, clock);
    await alice.open();
    const sent = await alice.messenger.send(conversation, 'from a new session');
    await clock.advance(MINUTE);
    assert.equal((await alice.messenger.message(sent.id))?.state, 'delivered');
    assert.deepEqual(await texts(bob.messenger, conversation), ['from a new session']);
  });

  test('lost receipts: the message comes again and is shown once; at most one reset an hour', async () => {
    await using scene = await couple(settings);
    const { clock, alice, bob, conversation, gateway } = scene;
    gateway.refuse = (mailbox) => (mailbox === scene.mailboxA ? 'unavailable' : null);
    const sent = await alice.messenger.send(conversation, 'once');
    await clock.advance(10 * HOUR);
    const steps = (await alice.messenger.explain(sent.id)).steps.map((step) => step.code);
    const heals = steps.filter((code) => code === 'healing').length;
    assert.ok(heals >= 2 && heals <= 4, `healed ${heals} times in ten hours`);
    assert.deepEqual(await texts(bob.messenger, conversation), ['once']);
    gateway.refuse = () => null;
    await clock.advance(HOUR);
    assert.equal((await alice.messenger.message(sent.id))?.state, 'delivered');
    assert.deepEqual(await alice.messenger.outbox(), []);
    assert.deepEqual(await texts(bob.messenger, conversation), ['once']);
  });

  test('envelopes nobody can open are parked, bounded in time, and hold up nothing', async () => {
    await using scene = await couple(settings);
    const { clock, alice, bob, conversation, gateway } = scene;
    await bob.messenger.close();
    const sent = await alice.messenger.send(conversation, 'genuine');
    await clock.advance(SECOND);
    const mailbox = gateway.mailboxes.get(scene.mailboxB)!;
    const genuine = mailbox.stored.at(-1)!;
    const forged = Buffer.from(genuine.envelope);
    forged[forged.length - 1]! ^= 1;
    const noise = Buffer.from(genuine.envelope);
    noise.subarray(-200).set(nativeProvider().random(200));
    noise.subarray(40, 60).set(nativeProvider().random(20));
    mailbox.stored.unshift(
      { ...genuine, sequence: 1_000_001, envelope: forged },
      { ...genuine, sequence: 1_000_002, envelope: noise },
    );
    await bob.open();
    await clock.advance(SECOND);
    assert.deepEqual(await texts(bob.messenger, conversation), ['genuine']);
    assert.equal((await alice.messenger.message(sent.id))?.state, 'delivered');
    assert.equal(gateway.waiting(scene.deviceB), 0);
    const { parked } = await bob.messenger.status();
    assert.deepEqual([...parked], [['no-session', 1]]);
    await clock.advance(9 * DAY);
    assert.deepEqual([...(await bob.messenger.status()).parked], []);
  });
});

suite('what comes before its parent', { timeout: 60_000 }, () => {
  test('is held back for a moment, then shown after a gap, which closes when the parent arrives', async () => {
    await using scene = await couple({ holdBackMs: 3 * SECOND, askDelayMs: HOUR });
    const { clock, alice, bob, conversation, gateway } = scene;
    await alice.messenger.send(conversation, 'zero');
    await clock.advance(SECOND);
    await bob.messenger.close();
    for (const text of ['one', 'two']) await alice.messenger.send(conversation, text);
    await clock.advance(SECOND);
    const mailbox = gateway.mailboxes.get(scene.mailboxB)!;
    const [one] = mailbox.stored.splice(0, 1);
    await bob.open();
    const received: string[] = [];
    bob.messenger.events.on('message-received', ({ message }) => void received.push(message.reason));
    await clock.advance(SECOND);
    assert.deepEqual(await texts(bob.messenger, conversation), ['zero']);
    assert.deepEqual(received, []);
    await clock.advance(3 * SECOND);
    assert.deepEqual(await texts(bob.messenger, conversation), ['zero', 'gap of 1', 'two']);
    assert.deepEqual(received, ['gap']);
    mailbox.stored.push(one!);
    mailbox.wake();
    await clock.advance(SECOND);
    assert.deepEqual(await texts(bob.messenger, conversation), ['zero', 'one', 'two']);
  });

  test('is let go at once when the parent arrives in time', async () => {
    await using scene = await couple({ holdBackMs: 3 * SECOND });
    const { clock, alice, bob, conversation, gateway } = scene;
    await alice.messenger.send(conversation, 'zero');
    await clock.advance(SECOND);
    await bob.messenger.close();
    for (const text of ['one', 'two', 'three']) await alice.messenger.send(conversation, text);
    await clock.advance(SECOND);
    const mailbox = gateway.mailboxes.get(scene.mailboxB)!;
    mailbox.stored.reverse();
    await bob.open();
    const received: string[] = [];
    bob.messenger.events.on('message-received', ({ message }) => void received.push(message.reason));
    await clock.advance(SECOND);
    assert.deepEqual(await texts(bob.messenger, conversation), ['zero', 'one', 'two', 'three']);
    assert.deepEqual(received, ['receipt-sent', 'released', 'released']);
  });
});

suite('R-PAIR-4 prekeys', { timeout: 60_000 }, () => {
  test('lasting ones are rotated weekly, one-time ones refilled when the gateway says they are low', async () => {
    await using scene = await couple();
    const { clock, bob, gateway } = scene;
    const row = gateway.devices.get(scene.deviceB)!;
    const lasting = (): string[] => [...row.lasting.values()].map((entry) => String(entry.id));
    const before = lasting();
    assert.equal(before.length, 3);
    assert.equal(row.oneTime.length, 198, 'one of each kind was used');
    await clock.advance(8 * DAY);
    assert.notDeepEqual(lasting(), before);
    row.oneTime = row.oneTime.slice(0, 10);
    await bob.reopen();
    await clock.advance(MINUTE);
    assert.ok(row.oneTime.length >= 190, `${row.oneTime.length} in stock`);
    assert.ok(((await bob.messenger.status()).prekeys?.oneTime ?? 0) >= 90);
  });
});
