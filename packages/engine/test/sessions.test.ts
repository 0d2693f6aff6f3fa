import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EngineError, sendingSession } from '@sotto/engine';
import { MAX_TEXT_BYTES, SUITE_PQXDH } from '@sotto/wire';
import { hexOf, NOW, person, sessionOf, textOf } from './support.ts';

/** Two people with a session that both have used. */
async function talking() {
  const [alice, bob] = [await person(), await person()];
  const there = await alice.start(bob);
  await bob.receive(await alice.send(bob, there, 'hello'));
  const back = sessionOf(bob, alice);
  await alice.receive(await bob.send(alice, back, 'hello too'));
  return { alice, bob, there, back };
}

test('R-PAIR-1 R-ENG-1 a session starts from a bundle, and both sides talk', async () => {
  const { alice, bob, there, back } = await talking();
  assert.equal(
    [...alice.records.keys()].some((name) => name.startsWith('opening/')),
    false,
  );
  for (let i = 0; i < 40; i++) {
    assert.equal(textOf(await bob.receive(await alice.send(bob, there, `a${i}`))), `a${i}`);
    if (i % 7 === 0) assert.equal(textOf(await alice.receive(await bob.send(alice, back, `b${i}`))), `b${i}`);
  }
});

test('R-PAIR-1 a first message says who sent it, with which chain, and what it relied on', async () => {
  const [alice, bob] = [await person(), await person()];
  const started = await alice.call(alice.startRequest(bob));
  assert.equal(started.suite, SUITE_PQXDH);
  const result = await bob.receive(await alice.send(bob, started.session, 'hi'));
  assert.ok(result.kind === 'message' && result.initial !== null);
  assert.deepEqual(result.from, { account: alice.account, device: alice.device, chain: alice.chain });
  assert.deepEqual(result.initial.senderHead, { sequence: 0, hash: alice.account });
  assert.deepEqual(result.initial.recipientHead, { sequence: 0, hash: bob.account });
  assert.equal(result.initial.startedAt, NOW);
  // Both sides know the session by the same id.
  assert.equal(result.session.split('/')[2], started.session.split('/')[2]);
});

test('R-PAIR-2 several first messages, in any order, are one session', async () => {
  const [alice, bob] = [await person(), await person()];
  const there = await alice.start(bob);
  const sent = [];
  for (const text of ['one', 'two', 'three']) sent.push(await alice.send(bob, there, text));
  const results = [];
  for (const at of [1, 0, 2]) results.push(await bob.receive(sent[at]!));
  assert.deepEqual(results.map(textOf), ['two', 'one', 'three']);
  assert.deepEqual(
    results.map((r) => r.kind === 'message' && r.initial !== null),
    [true, false, false],
  );
  assert.equal([...bob.records.keys()].filter((name) => name.startsWith('session/')).length, 1);
  for (const envelope of sent) assert.equal((await bob.receive(envelope)).kind, 'duplicate');
});

test('R-PAIR-2 both start at once: both sessions carry messages both ways', async () => {
  const [alice, bob] = [await person(), await person()];
  const [there, back] = [await alice.start(bob), await bob.start(alice)];
  const [fromAlice, fromBob] = [await alice.send(bob, there, 'a'), await bob.send(alice, back, 'b')];
  assert.equal(textOf(await bob.receive(fromAlice)), 'a');
  assert.equal(textOf(await alice.receive(fromBob)), 'b');
  for (const session of [there, back]) {
    const id = session.split('/')[2]!;
    const own = [...bob.records.keys()].find((name) => name.startsWith('session/') && name.endsWith(id))!;
    const theirs = [...alice.records.keys()].find((name) => name.startsWith('session/') && name.endsWith(id))!;
    assert.equal(textOf(await bob.receive(await alice.send(bob, theirs, id))), id);
    assert.equal(textOf(await alice.receive(await bob.send(alice, own, id))), id);
  }
});

test('R-PAIR-2 a session that replaces another is later than it, by any clock, and wins on both sides', async () => {
  const [alice, bob] = [await person(), await person()];
  const first = await alice.start(bob);
  await bob.receive(await alice.send(bob, first, 'one'));
  for (const now of [NOW, NOW - 3_600_000, NOW + 300_000]) {
    const started = await bob.call({ ...bob.startRequest(alice, alice.bundle(), now), replaces: NOW });
    assert.equal(started.startedAt, NOW + 601_000);
    const result = await alice.receive(await bob.send(alice, started.session, 'two'));
    assert.ok(result.kind === 'message' && result.initial?.startedAt === started.startedAt);
    const candidates = [first, started.session].map((name, i) => ({
      name,
      hash: Buffer.from(name.split('/')[2]!, 'hex'),
      startedAt: [NOW, started.startedAt][i]! / 1000,
      role: i === 0 ? ('initiator' as const) : ('responder' as const),
    }));
    assert.equal(sendingSession(candidates)?.name, started.session);
  }
  const later = await bob.call({ ...bob.startRequest(alice, alice.bundle(), NOW + 3_600_000), replaces: NOW });
  assert.equal(later.startedAt, NOW + 3_600_000);
});

test('R-PAIR-2 an overtaken message is found by its tag and its own record, in one round', async () => {
  const { alice, bob, there } = await talking();
  const sent = [];
  for (let i = 0; i < 12; i++) sent.push(await alice.send(bob, there, `m${i}`));
  assert.equal(textOf(await bob.receive(sent[11]!)), 'm11');
  for (const at of [4, 0, 9]) {
    const request = bob.processRequest(sent[at]!);
    const given = bob.given(bob.expectedRecords(sent[at]!));
    assert.equal(given.size, 2);
    const reply = await bob.engine.call(request, given);
    assert.ok(reply.kind === 'done' && textOf(reply.result) === `m${at}`);
    bob.commit(reply.changed);
  }
  // Without the table of tags, the engine asks for all keys that were kept.
  bob.tags.clear();
  const session = sessionOf(bob, alice);
  assert.equal(textOf(await bob.receive(sent[5]!, { session })), 'm5');
  assert.equal((await bob.receive(sent[5]!, { session })).kind, 'duplicate');
});

test('R-PAIR-2 R-OPS-2 what has no known tag is told from garbage without loading any kept key', async () => {
  const { alice, bob, there, back } = await talking();
  const sent = [];
  for (let i = 0; i < 120; i++) sent.push(await alice.send(bob, there, `m${i}`));
  await bob.receive(sent[50]!, { session: back });
  const garbage = sent[119]!.slice();
  crypto.getRandomValues(garbage.subarray(-500));
  const attempt = (envelope: Uint8Array, untagged: boolean) =>
    bob.attempt(bob.processRequest(envelope, { session: back, untagged }), [back]);
  assert.equal((await attempt(garbage, false)).rounds, 2);
  const { result, rounds } = await attempt(garbage, true);
  assert.deepEqual([result, rounds], [{ kind: 'unreadable', reason: 'no-session' }, 1]);
  // Further ahead than tags are kept for.
  const beyond = await attempt(sent[119]!, true);
  assert.deepEqual([textOf(beyond.result), beyond.rounds], ['m119', 1]);
});

test('R-PAIR-2 the table of tags rebuilt at unlock is the one kept in memory', async () => {
  const { alice, bob, there, back } = await talking();
  const sent = [];
  for (let i = 0; i < 40; i++) sent.push(await alice.send(bob, there, `m${i}`));
  for (const at of [3, 21, 20, 39]) await bob.receive(sent[at]!);
  const { tags } = await bob.call({ kind: 'session-tags', session: back });
  assert.deepEqual(new Map(tags.map(({ tag, record }) => [hexOf(tag), { session: back, record }])), bob.tags);
});

test('R-PAIR-2 ending a session leaves nothing of it, and its messages open no more', async () => {
  const { alice, bob, there, back } = await talking();
  const first = await alice.send(bob, there, 'first');
  await bob.receive(await alice.send(bob, there, 'second'));
  assert.ok([...bob.records.keys()].some((name) => name.startsWith('skipped/')));
  assert.deepEqual(await bob.call({ kind: 'end-session', session: back }), { ended: true });
  const id = back.split('/')[2]!;
  assert.deepEqual(
    [...bob.records.keys()].filter((name) => name.includes(id)),
    [],
  );
  assert.deepEqual(await bob.receive(first), { kind: 'unreadable', reason: 'no-session' });
  assert.deepEqual(await bob.call({ kind: 'end-session', session: back }), { ended: false });
});

test('R-PAIR-2 keys of overtaken messages go after two weeks, also in a session at rest', async () => {
  const { alice, bob, there, back } = await talking();
  await alice.send(bob, there, 'lost');
  await bob.receive(await alice.send(bob, there, 'arrived'));
  const day = 86_400_000;
  assert.deepEqual(await bob.call({ kind: 'expire-skipped', session: back, now: NOW + day }), { expired: 0 });
  assert.deepEqual(await bob.call({ kind: 'expire-skipped', session: back, now: NOW + 17 * day }), { expired: 1 });
  assert.equal(
    [...bob.records.keys()].some((name) => name.startsWith('skipped/')),
    false,
  );
});

test('R-ENG-1 losing every cache between any two calls changes nothing', async () => {
  const { alice, bob, there, back } = await talking();
  for (let i = 0; i < 5; i++) {
    alice.restart();
    const envelope = await alice.send(bob, there, `a${i}`);
    bob.restart();
    assert.equal(textOf(await bob.receive(envelope)), `a${i}`);
    bob.restart();
    const answer = await bob.send(alice, back, `b${i}`);
    alice.restart();
    assert.equal(textOf(await alice.receive(answer)), `b${i}`);
  }
});

test('R-ENG-1 the same call over the same records can be repeated: nothing counts before it is committed', async () => {
  const { alice, bob, there } = await talking();
  const envelope = await alice.send(bob, there, 'again');
  const before = new Map(bob.records);
  for (let i = 0; i < 3; i++) {
    const { result } = await bob.attempt(bob.processRequest(envelope));
    assert.equal(textOf(result), 'again');
    assert.deepEqual(bob.records, before);
  }
});

test('a call names what it needs, and what does not exist is a coded error', async () => {
  const { alice, bob, there } = await talking();
  const request = { kind: 'session-tags', session: there } as const;
  assert.deepEqual(await alice.engine.call(request, new Map()), { kind: 'need', names: [there] });
  const missing = new Map([[there, null]]);
  await assert.rejects(alice.engine.call(request, missing), { name: 'EngineError', code: 'missing_record' });
  const damaged = new Map([[there, new Uint8Array(5)]]);
  await assert.rejects(alice.engine.call(request, damaged), { code: 'damaged_record' });
  await assert.rejects(alice.engine.call({ ...request, session: 'device/keys' }, new Map()), { code: 'request' });
  await bob.engine.close();
  await assert.rejects(
    bob.engine.call(request, new Map()),
    (error) => error instanceof EngineError && error.code === 'closed',
  );
});

test('the longest text fits a first message; more is refused by name', async () => {
  const [alice, bob] = [await person(), await person()];
  const there = await alice.start(bob);
  const text = 'x'.repeat(MAX_TEXT_BYTES);
  assert.equal(textOf(await bob.receive(await alice.send(bob, there, text))), text);
  await assert.rejects(alice.send(bob, there, 'x'.repeat(98_304)), { code: 'too_large' });
  const content = new Uint8Array(1);
  const request = { kind: 'encrypt', session: there, content, mailbox: new Uint8Array(3), urgency: 'high' } as const;
  await assert.rejects(alice.call({ ...request, expiresAt: 3600 }), { code: 'request' });
  await assert.rejects(alice.call({ ...request, mailbox: bob.mailbox, expiresAt: 1 }), { code: 'request' });
});

test('R-PAIR-5 a first message and an ordinary one of the same length class look alike', async () => {
  const [alice, bob] = [await person(), await person()];
  const there = await alice.start(bob);
  const first = await alice.send(bob, there, 'hi');
  await bob.receive(first);
  await alice.receive(await bob.send(alice, sessionOf(bob, alice), 'yes'));
  assert.equal((await alice.send(bob, there, 'x'.repeat(3000))).length, first.length);
  assert.ok((await alice.send(bob, there, 'x')).length < 600);
});

test('R-PAIR-4 one-time prekeys are wiped with their use, lasting ones with their time', async () => {
  const [alice, bob] = [await person(), await person(1)];
  const prekeys = () => [...bob.records.keys()].filter((name) => name.startsWith('prekey/'));
  assert.equal(prekeys().length, 5);
  await bob.receive(await alice.send(bob, await alice.start(bob), 'uses both'));
  assert.equal(prekeys().length, 3);
  await bob.receive(await alice.send(bob, await alice.start(bob), 'last resort'));
  assert.equal(prekeys().length, 3);
  await bob.createPrekeys(0);
  const old = await alice.send(bob, await alice.start(bob), 'to the new keys');
  assert.deepEqual(await bob.call({ kind: 'delete-prekeys', ids: [1, 2, 3] }), { deleted: 3 });
  assert.deepEqual(
    [...bob.records.keys()].filter((name) => name.startsWith('prekey-uses/1/')),
    [],
  );
  assert.equal(textOf(await bob.receive(old)), 'to the new keys');
  await assert.rejects(bob.call({ kind: 'delete-prekeys', ids: [0] }), { code: 'request' });
});

function prekeysIn(records: ReadonlyMap<string, Uint8Array | null>): string[] {
  return [...records].flatMap(([name, bytes]) =>
    name.startsWith('prekey/') && bytes !== null ? [name, hexOf(bytes)] : [],
  );
}

test('prekeys are never made over others: an id that exists is refused, and nothing changes', async () => {
  const alice = await person();
  const before = new Map(alice.records);
  const request = { kind: 'create-prekeys', lasting: false, oneTime: 2, now: NOW } as const;
  // The last of the new ones would be the first of the old ones, and the other way round.
  for (const firstId of [1, alice.nextPrekey - 1]) {
    await assert.rejects(
      alice.call({ ...request, firstId }),
      (error) => error instanceof EngineError && error.code === 'exists',
    );
  }
  assert.deepEqual(prekeysIn(alice.records), prekeysIn(before));
  const { oneTime } = await alice.call({ ...request, firstId: alice.nextPrekey });
  assert.equal(oneTime.length, 4);
});
