import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { readMentions, writeMentions } from '../src/conversations/mentions.ts';
import { judgeAsked, MOST_RESENDS } from '../src/healing/answering.ts';
import { MOST_PAUSE_MS, nextQuestion, nextTurn, turnOf, wantsReset } from '../src/healing/asking.ts';
import { freshBudget, spend } from '../src/healing/budget.ts';
import { accountRef } from '../src/store/refs.ts';

const HOUR = 3_600_000;

test('an allowance is never exceeded within an hour, whatever is asked and however the clock is set back', () => {
  const step = fc.record({ wanted: fc.nat(100), ms: fc.integer({ min: -2 * HOUR, max: HOUR / 10 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 60 }), (steps, most) => {
      let now = 10 * HOUR;
      let budget = freshBudget;
      let since = Infinity;
      let granted = 0;
      for (const { wanted, ms } of steps) {
        now += ms;
        const spent = spend(budget, wanted, { most, now });
        budget = spent.budget;
        if (now >= since + HOUR || since === Infinity) {
          since = now;
          granted = 0;
        }
        since = Math.min(since, now);
        granted += spent.granted;
        assert.ok(granted <= most);
      }
    }),
  );
});

test('a message is given again only to its recipients, only while it is kept, a few times, at growing distances', () => {
  const kept = { wasRecipient: true, isKept: true, resent: 0, resentAt: 0 };
  assert.equal(judgeAsked(null, 0), 'never');
  assert.equal(judgeAsked({ ...kept, wasRecipient: false }, 0), 'never');
  assert.equal(judgeAsked({ ...kept, isKept: false }, 0), 'never');
  assert.equal(judgeAsked(kept, 0), 'again');
  assert.equal(judgeAsked({ ...kept, resent: MOST_RESENDS, resentAt: 0 }, 100 * HOUR), 'later');
  for (let resent = 1; resent < MOST_RESENDS; resent++) {
    const pause = 30_000 * 2 ** (resent - 1);
    assert.equal(judgeAsked({ ...kept, resent, resentAt: HOUR }, HOUR + pause - 1), 'later');
    assert.equal(judgeAsked({ ...kept, resent, resentAt: HOUR }, HOUR + pause), 'again');
    // The clock was set back: it is not refused for as long as it was set back.
    assert.equal(judgeAsked({ ...kept, resent, resentAt: HOUR }, 0), 'again');
  }
});

test('questions come at growing distances and end; turns to a device go on at the longest', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 41), fc.double({ min: 0, max: 0.999, noNaN: true }), (now, random) => {
      let last = 0;
      for (let attempts = 1; attempts <= 6; attempts++) {
        const next = nextQuestion(attempts, now, random);
        assert.ok(next !== null && next - now > last && next - now <= MOST_PAUSE_MS);
        assert.equal(nextTurn(attempts, now, random), next);
        last = next - now;
      }
      assert.equal(nextQuestion(7, now, random), null);
      assert.equal(nextTurn(100, now, random) - now, last);
    }),
  );
  assert.deepEqual(
    [0, 1, 2, 3].map((attempts) => turnOf(['a', 'b', 'c'], attempts)),
    ['a', 'b', 'c', 'a'],
  );
  assert.equal(turnOf([], 3), null);
});

test('a session is taken for broken after an unanswered question or when it is lost, at most once an hour', () => {
  const facts = { attempts: 1, isLost: false, isCurrent: true, resetAt: null, now: 10 * HOUR, sessionResetMs: HOUR };
  assert.equal(wantsReset(facts), true);
  assert.equal(wantsReset({ ...facts, attempts: 0 }), false);
  assert.equal(wantsReset({ ...facts, attempts: 0, isLost: true }), true);
  assert.equal(wantsReset({ ...facts, isCurrent: false }), false);
  assert.equal(wantsReset({ ...facts, resetAt: 9 * HOUR + 1 }), false);
  assert.equal(wantsReset({ ...facts, resetAt: 9 * HOUR }), true);
  assert.equal(wantsReset({ ...facts, resetAt: 11 * HOUR }), true);
});

test('mentions survive the way through UTF-8, whatever the text', () => {
  const account = accountRef(new Uint8Array(32).fill(1));
  const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 });
  const piece = fc.record({ text: word, named: fc.boolean() });
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1, maxLength: 20 }), (pieces) => {
      let text = '';
      const mentions = pieces.flatMap((each) => {
        const start = text.length;
        text += each.text;
        return each.named ? [{ account, start, length: each.text.length }] : [];
      });
      assert.deepEqual(readMentions(text, writeMentions(text, mentions.toReversed())), mentions);
      for (const { start, length } of mentions) assert.equal(text.slice(start, start + length).length, length);
    }),
  );
});
