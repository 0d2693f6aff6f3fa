import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { EngineError } from '@sotto/engine';
import { decodeEnvelope, encodeEnvelope, encodeEnvelopeHeader, SEALED_BUCKETS } from '@sotto/wire';
import { person, sessionOf, textOf } from './support.ts';

/** Two people in the middle of a conversation, with messages under way in every state. */
async function conversation() {
  const [alice, bob, carol] = [await person(), await person(), await person()];
  const there = await alice.start(bob);
  await bob.receive(await alice.send(bob, there, 'hello'));
  await alice.receive(await bob.send(alice, sessionOf(bob, alice), 'hello'));
  const overtaken = await alice.send(bob, there, 'overtaken');
  await bob.receive(await alice.send(bob, there, 'overtaking'));
  const next = await alice.send(bob, there, 'next');
  const later = await alice.send(bob, there, 'later');
  const first = await carol.send(bob, await carol.start(bob), 'first');
  return { alice, bob, envelopes: { overtaken, next, later, first } };
}

const edit = fc.record({
  how: fc.constantFrom('flip', 'cut', 'grow', 'swap', 'zero', 'tail'),
  at: fc.nat(),
  value: fc.integer({ min: 1, max: 255 }),
});

function edited(bytes: Uint8Array, { how, at, value }: { how: string; at: number; value: number }, other: Uint8Array) {
  const where = at % bytes.length;
  if (how === 'flip') return bytes.with(where, bytes[where]! ^ value);
  if (how === 'cut') return bytes.subarray(0, where);
  if (how === 'grow') return Uint8Array.from([...bytes, ...new Uint8Array(value)]);
  if (how === 'zero') return bytes.slice().fill(0, where, where + value);
  // Parts of one valid envelope in another, and sealed parts of another length.
  if (how === 'swap') return Uint8Array.from([...bytes.subarray(0, where), ...other.subarray(where)]);
  const { suite, mailbox, expiresAt, urgency, sealed } = decodeEnvelope(bytes);
  const length = SEALED_BUCKETS[value % 3]!;
  const resized = new Uint8Array(length);
  resized.set(sealed.subarray(0, Math.min(length, sealed.length)));
  return encodeEnvelope(encodeEnvelopeHeader({ suite, mailbox, expiresAt, urgency }), resized);
}

test('R-OPS-2 mutated envelopes get a coded result, change nothing, and the real ones still open', async () => {
  const { alice, bob, envelopes } = await conversation();
  const names = Object.keys(envelopes) as (keyof typeof envelopes)[];
  const before = new Map([...bob.records].map(([name, bytes]) => [name, bytes.slice()]));
  const session = sessionOf(bob, alice);
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...names),
      fc.constantFrom(...names),
      edit,
      fc.boolean(),
      async (which, with_, change, scan) => {
        const original = envelopes[which];
        const mutated = edited(original, change, envelopes[with_]);
        fc.pre(Buffer.compare(mutated, original) !== 0 && Buffer.compare(mutated, envelopes[with_]) !== 0);
        const request = bob.processRequest(mutated, scan ? { session } : {});
        const { result, changed } = await bob.attempt(request, bob.expectedRecords(mutated));
        assert.ok(result.kind === 'unreadable' || result.kind === 'duplicate', result.kind);
        assert.deepEqual(changed, []);
        assert.deepEqual(bob.records, before);
      },
    ),
    { numRuns: 600 },
  );
  for (const name of names) assert.equal(textOf(await bob.receive(envelopes[name])), name);
});

test('R-OPS-2 damaged records give coded errors or unreadable messages, never anything else', async () => {
  const { alice, bob, envelopes } = await conversation();
  const all = [...bob.records.keys()];
  const session = sessionOf(bob, alice);
  const requests = [
    ...Object.values(envelopes).map((envelope) => bob.processRequest(envelope)),
    { kind: 'encrypt', session, content: new Uint8Array(9), mailbox: alice.mailbox, expiresAt: 3600, urgency: 'high' },
    { kind: 'session-tags', session },
    { kind: 'end-session', session },
    { kind: 'create-prekeys', lasting: true, oneTime: 0, firstId: 90, now: 0 },
    bob.startRequest(alice),
  ] as const;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...all), fc.nat(requests.length - 1), edit, async (name, which, change) => {
      const original = bob.records.get(name)!;
      const { how } = change;
      const damaged = edited(original, { ...change, how: how === 'tail' ? 'cut' : how }, original.toReversed());
      bob.records.set(name, Uint8Array.from(damaged));
      bob.restart();
      try {
        await bob.attempt(requests[which]!);
      } catch (error) {
        assert.ok(error instanceof EngineError, String(error));
      } finally {
        bob.records.set(name, original);
      }
    }),
    { numRuns: 600 },
  );
});

test('a session record that claims billions of kept keys is damaged, and nobody waits for them', async () => {
  const { alice, bob } = await conversation();
  const session = sessionOf(bob, alice);
  const record = bob.records.get(session)!;
  // The ratchet's counters of kept keys stand 504 bytes into its record, which stands 50 bytes into this one.
  const claimed = record.slice().fill(0, 554, 562).fill(0xff, 562, 566);
  const reply = bob.engine.call({ kind: 'session-tags', session }, new Map([[session, claimed]]));
  await assert.rejects(reply, { code: 'damaged_record' });
});
