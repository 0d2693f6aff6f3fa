import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { RefusalCode } from '@sotto/transport';
import * as fc from 'fast-check';
import { backoffMs } from '../src/outbox/backoff.ts';
import { decideHealing } from '../src/outbox/healing.ts';
import { consequenceOf } from '../src/outbox/outcome.ts';
import { planDeliveries } from '../src/outbox/plan.ts';
import { reasons } from '../src/trail/reasons.ts';

suite('back-off', () => {
  test('doubles from the base, never beyond the most, never below half, and honours what was asked', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (attempts, random) => {
          const wait = backoffMs(attempts, { baseMs: 1000, mostMs: 300_000, random });
          const full = Math.min(1000 * 2 ** (attempts - 1), 300_000);
          assert.ok(wait >= full / 2 && wait <= full, `${wait} of ${full}`);
          assert.ok(backoffMs(attempts, { baseMs: 1000, mostMs: 300_000, random, retryAfterMs: 600_000 }) >= 600_000);
        },
      ),
    );
  });

  test('a gateway cannot ask for longer than a day', () => {
    assert.equal(backoffMs(1, { baseMs: 1, mostMs: 1, random: 0, retryAfterMs: 1e15 }), 86_400_000);
  });
});

test('every refusal has a consequence with a known reason; only hopeless ones give up', () => {
  const codes: RefusalCode[] = [
    'malformed',
    'unsupported-version',
    'too-large',
    'not-found',
    'mailbox-full',
    'capability',
    'quota',
    'rate-limited',
    'expired',
    'revoked',
    'unavailable',
  ];
  const gaveUp: string[] = [];
  for (const code of codes) {
    const consequence = consequenceOf({ kind: 'refused', code });
    assert.ok(consequence.kind !== 'accepted' && consequence.reason in reasons);
    if (consequence.kind === 'give-up') gaveUp.push(code);
  }
  assert.deepEqual(gaveUp, ['malformed', 'unsupported-version', 'too-large']);
  assert.deepEqual(consequenceOf({ kind: 'refused', code: 'mailbox-full', retryAfterMs: 5 }), {
    kind: 'retry',
    reason: 'mailbox-full',
    retryAfterMs: 5,
  });
});

suite('healing', () => {
  const facts = { healAfterMs: 1000, healAfterSeenMs: 100, sessionResetMs: 500 };
  const message = fc.record({
    acceptedAt: fc.nat(5000),
    heardAt: fc.option(fc.nat(5000)),
    heals: fc.nat(10),
    inCurrentSession: fc.boolean(),
  });

  test('never more than one reset in the reset time, whatever goes unconfirmed', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 20 }), (messages) => {
        let resetAt: number | null = null;
        for (let now = 0; now < 10_000; now += 50) {
          for (const each of messages) {
            if (decideHealing(each, { ...facts, now, resetAt }).kind !== 'reset-and-resend') continue;
            assert.ok(resetAt === null || now - resetAt >= facts.sessionResetMs);
            resetAt = now;
          }
        }
      }),
    );
  });

  test('waits end: asked again at the named time, it decides', () => {
    fc.assert(
      fc.property(message, fc.nat(10_000), fc.option(fc.nat(10_000)), (each, now, resetAt) => {
        const decision = decideHealing(each, { ...facts, now, resetAt });
        if (decision.kind !== 'wait') return;
        assert.ok(decision.until > now);
        const again = decideHealing(each, { ...facts, now: decision.until, resetAt });
        if (again.kind === 'wait') assert.ok(again.until > decision.until && resetAt !== null);
      }),
    );
  });

  test('a clock that was set back by days does not put healing off by days', () => {
    const now = 1_800_000_000_000;
    const day = 86_400_000;
    const real = { now, healAfterMs: day, healAfterSeenMs: 600_000, sessionResetMs: 3_600_000 };
    const late = { acceptedAt: now + 30 * day, heardAt: null, heals: 0, inCurrentSession: true };
    assert.deepEqual(decideHealing(late, { ...real, resetAt: now + 30 * day }), { kind: 'reset-and-resend' });
  });

  test('a device heard from is healed sooner; a session replaced since needs no further reset', () => {
    const each = { acceptedAt: 0, heardAt: 0, heals: 0, inCurrentSession: true };
    assert.equal(decideHealing({ ...each, heardAt: null }, { ...facts, now: 100, resetAt: null }).kind, 'wait');
    assert.equal(decideHealing(each, { ...facts, now: 100, resetAt: null }).kind, 'reset-and-resend');
    assert.equal(
      decideHealing({ ...each, inCurrentSession: false }, { ...facts, now: 100, resetAt: 99 }).kind,
      'resend',
    );
  });
});

suite('whom a message goes to', () => {
  const base = {
    device: null,
    recipientDevices: ['b1', 'b2'],
    ownDevices: ['a2'],
    chosen: [],
    reached: false,
  } as const;

  test('every active device of the recipient and every other own device', () => {
    assert.deepEqual(planDeliveries({ ...base, audience: 'all' }), {
      add: ['b1', 'b2', 'a2'],
      drop: [],
      obstacle: null,
    });
  });

  test('a device added before the recipient has it gets it too; one added later does not', () => {
    const chosen = ['b1', 'a2'];
    assert.deepEqual(planDeliveries({ ...base, audience: 'all', chosen }).add, ['b2']);
    assert.deepEqual(planDeliveries({ ...base, audience: 'all', chosen, reached: true }).add, []);
  });

  test('a revoked device is dropped at once', () => {
    const chosen = ['b1', 'b2', 'a2'];
    const plan = planDeliveries({
      ...base,
      audience: 'all',
      recipientDevices: ['b2'],
      ownDevices: [],
      chosen,
      reached: true,
    });
    assert.deepEqual(plan.drop, ['b1', 'a2']);
  });

  test('without a known chain or an active device it waits and says why', () => {
    assert.equal(planDeliveries({ ...base, audience: 'all', recipientDevices: null }).obstacle, 'waiting-identity');
    assert.equal(planDeliveries({ ...base, audience: 'all', recipientDevices: [] }).obstacle, 'no-device');
    assert.equal(planDeliveries({ ...base, audience: 'own', recipientDevices: null }).obstacle, null);
  });
});
