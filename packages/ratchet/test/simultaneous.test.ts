import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sendingSession } from '@sotto/ratchet';
import type { SessionCandidate } from '@sotto/ratchet';
import * as fc from 'fast-check';
import { START } from './support/devices.ts';
import { text, twoParties } from './support/world.ts';

function candidate(fill: number, startedAt: number, role: SessionCandidate['role']): SessionCandidate {
  return { hash: new Uint8Array(32).fill(fill), startedAt, role };
}

const candidates = fc.uniqueArray(
  fc.record({
    hash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    startedAt: fc.integer({ min: 1_800_000_000, max: 1_800_002_000 }),
    role: fc.constantFrom<'initiator' | 'responder'>('initiator', 'responder'),
  }),
  { maxLength: 6, selector: ({ hash }) => Buffer.from(hash).toString('hex') },
);

test('both sides choose the same session, in whatever order they came to know them', () => {
  fc.assert(
    fc.property(candidates, fc.nat(), (sessions, turn) => {
      const theirs = sessions.map((session) => ({
        ...session,
        role: session.role === 'initiator' ? ('responder' as const) : ('initiator' as const),
      }));
      const at = sessions.length === 0 ? 0 : turn % sessions.length;
      const shuffled = [...theirs.slice(at), ...theirs.slice(0, at)].toReversed();
      assert.deepEqual(sendingSession(sessions)?.hash, sendingSession(shuffled)?.hash);
    }),
  );
});

test('of two sessions started at once the lower hash sends; otherwise the later one, and always the later of one side', () => {
  const low = candidate(1, 1000, 'initiator');
  assert.equal(sendingSession([low, candidate(2, 1600, 'responder')]), low);
  const later = candidate(2, 1601, 'responder');
  assert.equal(sendingSession([low, later]), later);
  const healed = candidate(3, 1500, 'initiator');
  assert.equal(sendingSession([low, healed]), healed);
  const theirs = candidate(2, 1500, 'responder');
  assert.equal(sendingSession([low, healed, theirs]), theirs);
  assert.equal(sendingSession([]), null);
});

test('R-PAIR-2: both start at once: everything arrives, and both go on in one session', () => {
  for (let run = 0; run < 8; run++) {
    const { anh, binh, clock } = twoParties();
    clock.now = START + run;
    const fromAnh = anh.send(text('a'), binh);
    const fromBinh = binh.send(text('b'), anh);
    assert.equal(anh.receive(fromBinh, binh).kind, 'message');
    assert.equal(binh.receive(fromAnh, anh).kind, 'message');
    assert.equal(anh.sessions.length, 2);
    assert.equal(anh.sending, binh.sending);
    const used = new Set<string>();
    for (let i = 0; i < 4; i++) {
      for (const [from, to] of [[anh, binh] as const, [binh, anh] as const]) {
        const received = to.receive(from.send(text(`${i}`), to), from);
        assert.ok(received.kind === 'message');
        used.add(received.session);
      }
    }
    assert.deepEqual([...used], [anh.sending]);
  }
});
