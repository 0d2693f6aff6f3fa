import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { nativeProvider } from '@sotto/crypto';
import { WireType } from '@bufbuild/protobuf/wire';
import { connectGateway } from '@sotto/gateway-api';
import { systemClock } from '@sotto/transport';
import { decodeContent, isGrease } from '@sotto/wire';
import { grease } from '../src/conversations/grease.ts';
import { deviceOf } from '../src/store/refs.ts';
import { messages } from '../src/store/tables.ts';
import { startTestGateway } from './support/gateway.ts';
import { liarOf } from './support/liar.ts';
import { MemoryGateway } from './support/memory-gateway.ts';
import { befriend, Person, texts, until } from './support/people.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
/** A field of wire type LEN that no version knows. */
const unknown = (no: number, bytes: Uint8Array) => ({
  no,
  wireType: WireType.LengthDelimited,
  data: Uint8Array.from([bytes.length, ...bytes]),
});

suite('GREASE: what is not known yet is met before it is needed', { timeout: 60_000 }, () => {
  test('running programs send a reserved field now and then, and everybody takes it', async () => {
    const gateway = new MemoryGateway(systemClock);
    let dice = 0;
    // Every other content carries it.
    const effects = { openTransport: gateway.openTransport, random: () => (dice++ % 2) * 0.5 };
    await using alice = await Person.create('alice', gateway.address, { effects });
    await using bob = await Person.create('bob', gateway.address, { effects });
    const conversation = await befriend(alice, bob);
    const sent = Array.from({ length: 12 }, (_, i) => `message ${i}`);
    for (const text of sent) await (await alice.messenger.send(conversation, text)).delivered();
    assert.deepEqual(await texts(bob.messenger, conversation), sent);
    await using reader = await liarOf(bob);
    const contents = reader.rooms.core.ledger.read((read) => messages.all(read).map(({ row }) => row.content));
    const greased = contents.filter((bytes) => decodeContent(bytes).unknownFields.some(({ no }) => no === 15));
    assert.ok(greased.length > 0 && greased.length < contents.length, `${greased.length} of ${contents.length}`);
  });

  test('by default one content in eight', () => {
    const core = { provider: nativeProvider(), random: Math.random };
    const count = Array.from({ length: 4000 }, () => grease(core).length).reduce((sum, each) => sum + each, 0);
    assert.ok(count > 350 && count < 650, String(count));
  });

  test('unknown fields are passed over, unknown kinds are acknowledged or shown as such, and nothing is held up', async () => {
    const gateway = new MemoryGateway(systemClock);
    const effects = { openTransport: gateway.openTransport };
    await using alice = await Person.create('alice', gateway.address, { effects });
    await using bob = await Person.create('bob', gateway.address, { effects });
    const conversation = await befriend(alice, bob);
    const { account, device } = await alice.messenger.self();
    const unreadable: string[] = [];
    alice.messenger.events.on('envelope-unreadable', ({ reason }) => void unreadable.push(reason));
    await using liar = await liarOf(bob);
    const body = new TextEncoder().encode('anything');
    // A kind nobody knows that takes no place; one that does; a known kind beside a field nobody knows.
    await liar.say(account, {}, [unknown(3001, body)]);
    await liar.say(account, { counter: 1n, height: 1n }, [unknown(3001, body)]);
    const text = { case: 'text', value: { body: 'known' } } as const;
    await liar.say(account, { counter: 2n, height: 2n, kind: text }, [unknown(15, body)]);
    await until(
      () => Promise.resolve(gateway.waiting(hex(deviceOf(device)))),
      (waiting) => waiting === 0,
    );
    const shown = await texts(alice.messenger, conversation);
    assert.deepEqual(shown.toSorted(), ['[unsupported]', 'known']);
    assert.deepEqual(unreadable, []);
  });

  test('a gateway names a reserved version beside those it speaks, and its clients work', async () => {
    await using gateway = await startTestGateway();
    const connection = connectGateway({ address: gateway.address, clock: systemClock });
    const seen = new Set<number>();
    for (let i = 0; i < 20; i++) {
      const [spoken, reserved = 0, ...more] = (await connection.info()).envelopeVersions;
      assert.equal(spoken, 1);
      assert.ok(isGrease(reserved) && more.length === 0);
      seen.add(reserved);
    }
    assert.ok(seen.size > 1);
    await connection.close();
    await using alice = await Person.create('alice', gateway.address);
    assert.equal((await alice.messenger.status()).registered, true);
  });
});
