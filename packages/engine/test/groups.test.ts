import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { EngineError } from '@sotto/engine';
import type { EngineCalls } from '@sotto/engine';
import { NOW, person } from './support.ts';
import type { TestDevice } from './support.ts';

const group = new TextEncoder().encode('a group');
const roster = new Uint8Array(32).fill(7);
const associated = new TextEncoder().encode('bound');

async function newKey(sender: TestDevice): Promise<string> {
  const { account, device } = sender;
  return (await sender.call({ kind: 'create-group-key', account, device, group, now: NOW })).key;
}

async function share(sender: TestDevice, key: string, receiver: TestDevice) {
  const { distribution } = await sender.call({ kind: 'distribute-group-key', key, roster });
  const { account, device } = sender;
  return receiver.call({ kind: 'accept-group-key', account, device, group, distribution, now: NOW });
}

async function say(sender: TestDevice, key: string, text: string): Promise<Uint8Array> {
  const content = new TextEncoder().encode(text);
  return (await sender.call({ kind: 'encrypt-group', key, roster, content, associated })).message;
}

function hear(receiver: TestDevice, key: string, message: Uint8Array): Promise<EngineCalls['process-group']['result']> {
  return receiver.call({ kind: 'process-group', key, message, associated, now: NOW });
}

function heard(result: EngineCalls['process-group']['result']): string {
  return result.kind === 'message' ? new TextDecoder().decode(result.content) : result.kind;
}

test('R-GRP-2 one message reaches everyone who was given the key, in any order, once', async () => {
  const [alice, bob, carol] = [await person(0), await person(0), await person(0)];
  const key = await newKey(alice);
  const early = await say(alice, key, 'early');
  assert.equal((await share(alice, key, bob)).isNew, true);
  assert.equal((await share(alice, key, bob)).isNew, false);
  await share(alice, key, carol);
  const sent = [];
  for (const text of ['one', 'two', 'three']) sent.push(await say(alice, key, text));
  for (const receiver of [bob, carol]) {
    for (const at of [2, 0, 1]) assert.equal(heard(await hear(receiver, key, sent[at]!)), ['one', 'two', 'three'][at]);
    for (const message of sent) assert.equal(heard(await hear(receiver, key, message)), 'duplicate');
    assert.equal(heard(await hear(receiver, key, early)), 'before-joining');
  }
  const result = await hear(bob, key, await say(alice, key, 'from whom'));
  assert.ok(result.kind === 'message');
  assert.deepEqual(result.from, { account: alice.account, device: alice.device });
  assert.deepEqual(result.roster, roster);
});

test('R-GRP-2 tags find the chain and the kept key of a message', async () => {
  const [alice, bob] = [await person(0), await person(0)];
  const key = await newKey(alice);
  await share(alice, key, bob);
  const sent = [];
  for (let i = 0; i < 5; i++) sent.push(await say(alice, key, `m${i}`));
  await hear(bob, key, sent[3]!);
  const { tags } = await bob.call({ kind: 'group-key-tags', key });
  const found = (message: Uint8Array) => tags.find(({ tag }) => Buffer.compare(tag, message.subarray(0, 8)) === 0);
  assert.equal(found(sent[4]!)?.record, null);
  assert.ok(bob.records.has(found(sent[1]!)!.record!));
  assert.equal(found(sent[3]!), undefined);
});

test('R-GRP-2 ending a key leaves nothing of it', async () => {
  const [alice, bob] = [await person(0), await person(0)];
  const key = await newKey(alice);
  await share(alice, key, bob);
  await say(alice, key, 'lost');
  await hear(bob, key, await say(alice, key, 'kept'));
  for (const holder of [alice, bob]) {
    assert.deepEqual(await holder.call({ kind: 'end-group-key', key }), { ended: true });
    assert.deepEqual(
      [...holder.records.keys()].filter((name) => name.startsWith('group-')),
      [],
    );
    assert.deepEqual(await holder.call({ kind: 'end-group-key', key }), { ended: false });
  }
});

test('a key from somebody else, for another group or changed is refused', async () => {
  const [alice, bob, mallory] = [await person(0), await person(0), await person(0)];
  const key = await newKey(alice);
  const { distribution } = await alice.call({ kind: 'distribute-group-key', key, roster });
  const { account, device } = alice;
  const accept = { kind: 'accept-group-key', account, device, group, distribution, now: NOW } as const;
  await assert.rejects(bob.call({ ...accept, group: roster }), { code: 'request' });
  await assert.rejects(bob.call({ ...accept, distribution: distribution.subarray(1) }), { code: 'request' });
  // Mallory passes Alice's key on as her own: nothing that Alice sends opens under Mallory's name.
  const stolen = await bob.call({ ...accept, account: mallory.account, device: mallory.device });
  const message = await say(alice, key, 'mine');
  assert.notEqual(heard(await hear(bob, stolen.key, message)), 'mine');
  await bob.call(accept);
  assert.equal(heard(await hear(bob, key, message)), 'mine');
});

test('R-OPS-2 mutated group messages are unreadable and change nothing', async () => {
  const [alice, bob] = [await person(0), await person(0)];
  const key = await newKey(alice);
  await share(alice, key, bob);
  const message = await say(alice, key, 'real');
  const before = new Map(bob.records);
  await fc.assert(
    fc.asyncProperty(fc.nat(message.length - 1), fc.integer({ min: 0, max: 255 }), async (at, value) => {
      const flipped = value === 0 ? message.subarray(0, at) : message.with(at, message[at]! ^ value);
      assert.equal((await hear(bob, key, flipped)).kind, 'unreadable');
      assert.deepEqual(bob.records, before);
    }),
    { numRuns: 300 },
  );
  const unbound = { kind: 'process-group', key, message, associated: roster, now: NOW } as const;
  assert.deepEqual(await bob.call(unbound), { kind: 'unreadable', reason: 'damaged' });
  assert.equal(heard(await hear(bob, key, message)), 'real');
});

test('R-OPS-2 damaged sender key records are coded errors', async () => {
  const [alice, bob] = [await person(0), await person(0)];
  const key = await newKey(alice);
  await share(alice, key, bob);
  await say(alice, key, 'skipped');
  await hear(bob, key, await say(alice, key, 'heard'));
  const message = await say(alice, key, 'next');
  const names = [...bob.records.keys()].filter((name) => name.startsWith('group-'));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), fc.nat(), fc.integer({ min: 0, max: 255 }), async (name, at, value) => {
      const original = bob.records.get(name)!;
      const where = at % original.length;
      bob.records.set(name, value === 0 ? original.slice(0, where) : original.with(where, original[where]! ^ value));
      try {
        await bob.attempt({ kind: 'process-group', key, message, associated, now: NOW });
        await bob.attempt({ kind: 'group-key-tags', key });
        await bob.attempt({ kind: 'end-group-key', key });
      } catch (error) {
        assert.ok(error instanceof EngineError, String(error));
      } finally {
        bob.records.set(name, original);
      }
    }),
    { numRuns: 400 },
  );
});

test('what cannot be sent is refused by name', async () => {
  const alice = await person(0);
  const key = await newKey(alice);
  const request = { kind: 'encrypt-group', key, roster, content: new Uint8Array(98_304), associated } as const;
  await assert.rejects(alice.call(request), { code: 'too_large' });
  await assert.rejects(alice.call({ ...request, roster: group }), { code: 'request' });
  await assert.rejects(alice.call({ ...request, key: 'session/1' }), { code: 'request' });
  const { account, device } = alice;
  const unnamed = { kind: 'create-group-key', account, device, group: new Uint8Array(0), now: NOW } as const;
  await assert.rejects(alice.call(unnamed), { code: 'request' });
});
